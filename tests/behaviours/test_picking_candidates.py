"""`candidates: 3` makes pictures aside, and `--comfy-pick` takes one of them, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repository import Repository

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def offered(repository: Repository, templates: Path, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The repository with three candidates of `kin_elf`, and the other image made."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.begin(templates / "offered", lambda: offer(repository))
    return repository


def offer(repository: Repository) -> None:
    repository.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {candidates: 3}")
    result = repository.run("jobs")
    assert (result.ret, repository.images_line(result)) == (0, "images: 1 generated, 1 unpicked")


def candidates(repository: Repository) -> list[Path]:
    return sorted((repository.path / ".comfygen" / "candidates" / "assets" / "kin_elf.png").glob("*.png"))


def pick(repository: Repository, *arguments: str) -> pytest.RunResult:
    """Pick without a server."""
    return repository.run(*arguments, "--comfy-url", NOBODY)


def test_they_lie_aside_and_nothing_is_published(offered: Repository) -> None:
    assert [path.name for path in candidates(offered)] == ["1.png", "2.png", "3.png"]
    assert len({path.read_bytes() for path in candidates(offered)}) == 3
    assert not offered.image("kin_elf").exists()


def test_the_run_says_how_to_take_one(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {candidates: 2}")

    result = repository.run("jobs", "-rs")

    result.stdout.fnmatch_lines(
        [
            "candidates of kin_elf: .comfygen/candidates/assets/kin_elf.png/; to take one: pytest --comfy-pick *=N",
            "SKIPPED*jobs/kins.comfyjob.yaml:6: 2 candidates to pick from: pytest --comfy-pick kin_elf=N",
        ]
    )


def test_another_run_makes_no_others(offered: Repository) -> None:
    before = [path.stat().st_mtime_ns for path in candidates(offered)]

    result = pick(offered, "jobs")

    assert (result.ret, offered.images_line(result)) == (0, "images: 1 current, 1 unpicked")
    assert [path.stat().st_mtime_ns for path in candidates(offered)] == before


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
@pytest.mark.parametrize("number", [1, 3])
def test_the_one_that_is_picked_is_the_image_from_then_on(
    offered: Repository, number: int, workers: tuple[str, ...]
) -> None:
    result = pick(offered, f"--comfy-pick=kin_elf={number}", *workers)

    assert (result.ret, offered.images_line(result)) == (0, "images: 1 picked")
    assert offered.image("kin_elf").read_bytes() == candidates(offered)[number - 1].read_bytes()
    assert offered.images_line(pick(offered, "jobs", "--comfy-check")) == "images: 2 current"
    assert offered.images_line(pick(offered, "jobs")) == "images: 2 current"


def test_its_seed_is_in_the_record(offered: Repository) -> None:
    pick(offered, "--comfy-pick=kin_elf=1")
    first = offered.record("kin_elf")
    pick(offered, "--comfy-pick=jobs/kins.comfyjob.yaml::kin_elf=3")
    third = offered.record("kin_elf")

    assert third["seed"] == first["seed"] + 2
    assert ("rerolled" in first, third["rerolled"]) == (False, True)


def test_several_can_be_picked_in_ci_too(offered: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    offered.edit_job("kin_dwarf: {}", "kin_dwarf: {candidates: 2, steps: 3}")
    offered.run("jobs")
    monkeypatch.setenv("CI", "1")

    result = pick(offered, "--comfy-pick=kin_elf=2", "--comfy-pick=kin_dwarf=2")

    assert offered.images_line(result) == "images: 2 picked"


def test_a_changed_job_offers_others_and_keeps_the_image_until_one_is_picked(offered: Repository) -> None:
    pick(offered, "--comfy-pick=kin_elf=2")
    image, old = offered.image("kin_elf").read_bytes(), [path.read_bytes() for path in candidates(offered)]
    offered.edit_job("steps: 2", "steps: 3")

    checked, made = offered.run("jobs", "--comfy-check"), offered.run("jobs")

    assert offered.images_line(checked) == "images: 2 stale"
    assert offered.images_line(made) == "images: 1 generated, 1 unpicked"
    assert offered.image("kin_elf").read_bytes() == image
    assert not {path.read_bytes() for path in candidates(offered)} & set(old)


def test_other_candidates_can_be_asked_for(offered: Repository) -> None:
    old = [path.read_bytes() for path in candidates(offered)]

    result = offered.run("-k", "kin_elf", "--comfy-reroll")

    assert offered.images_line(result) == "images: 1 unpicked"
    assert not {path.read_bytes() for path in candidates(offered)} & set(old)
    pick(offered, "--comfy-pick=kin_elf=2")
    assert offered.images_line(pick(offered, "jobs")) == "images: 2 current"


def test_one_that_was_made_of_something_else_is_not_taken(offered: Repository) -> None:
    offered.edit_job("steps: 2", "steps: 3")

    result = pick(offered, "--comfy-pick=kin_elf=2")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "[[]candidate-missing[]] jobs/kins.comfyjob.yaml:6:3: candidate 2 of kin_elf was made of something else *",
            "    steps 2 → 3",
            "  hint: make new ones: pytest -k kin_elf --comfy-update stale",
        ]
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("kin_elf=4", "kin_elf has no candidate 4: there are 1, 2, 3"),
        ("kin_dwarf=1", "kin_dwarf has no candidates"),
    ],
    ids=["no such number", "no such key"],
)
def test_one_that_is_not_there_is_told(offered: Repository, name: str, told: str) -> None:
    pick(offered, f"--comfy-pick={name}").stdout.fnmatch_lines([f"*[[]candidate-missing[]] *: {told}"])


def test_a_damaged_one_is_not_taken(offered: Repository) -> None:
    candidates(offered)[1].write_bytes(b"")

    pick(offered, "--comfy-pick=kin_elf=2").stdout.fnmatch_lines(["*kin_elf has no candidate 2: there are 1, 3"])


def test_somebodys_work_is_not_replaced(offered: Repository) -> None:
    pick(offered, "--comfy-pick=kin_elf=1")
    offered.image("kin_elf").write_bytes(b"a person's work")

    result = pick(offered, "--comfy-pick=kin_elf=2")

    assert offered.images_line(result) == "images: 1 edited"
    assert offered.image("kin_elf").read_bytes() == b"a person's work"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--comfy-pick=kin_orc=1"], "--comfy-pick: no item is called kin_orc"),
        (["--comfy-pick=kin_elf"], "*'kin_elf' cannot be used*"),
        (["--comfy-pick=kin_elf=1", "--comfy-check"], "*ask for different things*"),
    ],
    ids=["name", "number", "another verb"],
)
def test_what_cannot_be_meant_is_refused(offered: Repository, arguments: list[str], told: str) -> None:
    result = pick(offered, *arguments)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{told}*"])


def test_a_name_in_two_files_has_to_be_told_apart(offered: Repository) -> None:
    kins = (offered.path / "jobs" / "kins.comfyjob.yaml").read_text(encoding="utf-8")
    offered.write("jobs/more.comfyjob.yaml", kins.replace("../assets", "../more"))

    result = pick(offered, "--comfy-pick=kin_elf=1")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--comfy-pick: kin_elf means several items", "hint: write one of jobs/kins.*"])


def test_a_plan_knows_that_somebody_has_to_pick(offered: Repository) -> None:
    offered.run("jobs", "--comfy-plan").stdout.fnmatch_lines(
        ["plan: 1 of 2 images waiting for a candidate to be picked, 1 current"]
    )


def test_a_sketch_draws_one(offered: Repository) -> None:
    assert offered.images_line(offered.run("jobs", "--comfy-sketch")) == "images: 2 generated"


def test_a_number_for_a_seed_leaves_no_choice(repository: Repository) -> None:
    repository.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {seed: 7, candidates: 3}")

    result = repository.run("jobs")

    result.stdout.fnmatch_lines(
        ["*[[]conflicting-keys[]] jobs/kins.comfyjob.yaml:6:22: `candidates` have a seed each*"]
    )


def test_candidates_stay_when_others_cannot_be_made(offered: Repository) -> None:
    offered.write("conftest.py", "def pytest_comfygen_before_submit():\n    raise RuntimeError\n")

    offered.run("-k", "kin_elf", "--comfy-reroll")

    assert [path.name for path in candidates(offered)] == ["1.png", "2.png", "3.png"]


def test_one_that_fails_its_checks_makes_room_for_the_next_seed(offered: Repository) -> None:
    sizes = [path.stat().st_size for path in candidates(offered)]
    least = min(sizes) + 1
    offered.edit_job("{candidates: 3}", f"{{candidates: 2, verify: {{retries: 8, bytes: {{min: {least}}}}}}}")

    result = offered.run("-k", "kin_elf", "--comfy-update", "stale")

    assert offered.images_line(result) == "images: 1 unpicked"
    assert all(path.stat().st_size >= least for path in candidates(offered))
    assert len(candidates(offered)) == 2

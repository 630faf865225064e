"""`--comfy-reroll` draws new seeds, which stay until it is asked for again."""

from __future__ import annotations

import pytest

from tests.repository import Repository

NOBODY = "http://127.0.0.1:9"


def drawn(repository: Repository, name: str) -> tuple[int, bytes]:
    """The seed and the bytes of an image."""
    return repository.record(name)["seed"], repository.image(name).read_bytes()


@pytest.fixture
def served(made: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The repository with its two images made, and a server."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    return made


@pytest.mark.parametrize("seed", ["from-name", "from-prompt", "random"])
@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_an_image_gets_a_new_seed_and_keeps_it(served: Repository, seed: str, workers: tuple[str, ...]) -> None:
    served.edit_job("steps: 2", f"steps: 2, seed: {seed}")
    served.run("jobs")
    before = drawn(served, "kin_elf")

    rerolled = served.run("-k", "kin_elf", "--comfy-reroll", *workers)

    after = drawn(served, "kin_elf")
    assert served.images_line(rerolled) == "images: 1 generated"
    assert (before[0] != after[0], before[1] != after[1]) == (True, True)
    assert served.images_line(served.run("jobs", "--comfy-check")) == "images: 2 current"
    assert drawn(served, "kin_elf") == after


def test_it_says_so(served: Repository) -> None:
    result = served.run("-k", "kin_elf", "--comfy-reroll", "-v")

    result.stdout.fnmatch_lines(["*::kin_elf GENERATED (seed * → *)*"])
    assert served.record("kin_elf")["rerolled"] is True


def test_asked_again_it_draws_another(served: Repository) -> None:
    seeds = set()
    for _ in range(3):
        served.run("-k", "kin_elf", "--comfy-reroll")
        seeds.add(served.record("kin_elf")["seed"])

    assert len(seeds) == 3


def test_a_changed_job_keeps_the_seed_that_was_drawn(served: Repository) -> None:
    served.run("-k", "kin_elf", "--comfy-reroll")
    seed = served.record("kin_elf")["seed"]
    served.edit_job("steps: 2", "steps: 3")

    served.run("jobs")

    assert served.record("kin_elf")["seed"] == seed


def test_an_image_that_is_made_from_it_follows(served: Repository) -> None:
    served.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {init_image: {item: kin_dwarf}}")
    served.run("jobs")

    served.run("-k", "kin_dwarf", "--comfy-reroll")

    result = served.run("jobs", "-v")
    assert served.images_line(result) == "images: 1 generated, 1 current"
    result.stdout.fnmatch_lines(["*::kin_elf GENERATED (the picture of * changed *"])


def test_both_of_a_chain_can_be_drawn_in_one_run(served: Repository) -> None:
    served.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {init_image: {item: kin_dwarf}}")
    served.run("jobs")

    assert served.images_line(served.run("jobs", "--comfy-reroll")) == "images: 2 generated"
    assert served.images_line(served.run("jobs", "--comfy-check")) == "images: 2 current"


def test_a_number_is_no_chance(served: Repository) -> None:
    served.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {seed: 1234}")

    result = served.run("-k", "kin_elf", "--comfy-reroll")

    result.stdout.fnmatch_lines(
        [
            "*[[]seed-fixed[]] jobs/kins.comfyjob.yaml:6:19: kin_elf has the seed 1234, so there is no other to draw",
            "  hint: write another number, or leave `seed` out",
        ]
    )


def test_an_approved_image_stays(served: Repository) -> None:
    served.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {status: approved}")
    before = drawn(served, "kin_elf")

    result = served.run("jobs", "--comfy-reroll")

    assert served.images_line(result) == "images: 1 generated, 1 current"
    assert drawn(served, "kin_elf") == before


def test_somebodys_work_stays(served: Repository) -> None:
    served.image("kin_elf").write_bytes(b"a person's work")

    result = served.run("-k", "kin_elf", "--comfy-reroll")

    assert served.images_line(result) == "images: 1 edited"


def test_what_cannot_be_stale_for_its_seed_is_drawn_too(served: Repository) -> None:
    served.edit_job("steps: 2", "steps: 2, stale_on: [prompt]")

    assert served.images_line(served.run("jobs", "--comfy-reroll")) == "images: 2 generated"


def test_it_is_done_in_ci_too(served: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")

    assert served.images_line(served.run("jobs", "--comfy-reroll")) == "images: 2 generated"


def test_a_plan_tells_what_it_would_do(served: Repository) -> None:
    result = served.run("jobs", "--comfy-reroll", "--comfy-plan")

    result.stdout.fnmatch_lines(["plan: 2 of 2 images would be made", "    *::kin_dwarf: seed * → *"])
    assert served.images_line(served.run("jobs", "--comfy-check")) == "images: 2 current"


@pytest.mark.parametrize("other", ["--comfy-check", "--comfy-adopt", "--comfy-sketch", "--comfy-update=none"])
def test_it_goes_with_nothing_that_makes_no_image(served: Repository, other: str) -> None:
    assert served.run("jobs", "--comfy-reroll", other).ret == pytest.ExitCode.USAGE_ERROR


def test_a_record_of_an_image_that_was_not_is_as_before(served: Repository) -> None:
    assert "rerolled" not in served.record("kin_dwarf")

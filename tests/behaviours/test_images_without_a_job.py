"""An image whose item is gone: a check fails for it, a run tells of it, `--comfy-prune` moves it away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.repository import Repository

GONE = "  kin_elf: {tags: [draft]}\n"


@pytest.fixture
def left(made: Repository) -> Repository:
    """The repository with its two images made, of which `kin_elf` has no item any more."""
    made.edit_job(GONE, "")
    return made


def files(directory: Path) -> list[str]:
    """The names of all files below a directory."""
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def trash(repository: Repository) -> list[str]:
    return files(repository.path / ".comfygen" / "trash")


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_a_check_fails_for_it(left: Repository, workers: tuple[str, ...]) -> None:
    result = left.run("jobs", "--comfy-check", *workers)

    assert (result.ret, left.images_line(result)) == (1, "images: 1 current, 1 orphan")
    result.stdout.fnmatch_lines(
        [
            "[[]orphan[]] assets/kin_elf.png is left of an item that no job file has",
            "  hint: give it an item again, or move it to .comfygen/trash/: pytest --comfy-prune",
            "FAILED assets/kin_elf.png::orphan*",
        ]
    )
    assert left.image("kin_elf").exists()


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_a_run_tells_of_it_and_passes(left: Repository, workers: tuple[str, ...]) -> None:
    result = left.run("jobs", *workers)

    assert (result.ret, left.images_line(result)) == (0, "images: 1 current")
    told = "no job names assets/kin_elf.png any more; to move what is left to .comfygen/trash/: pytest --comfy-prune"
    assert [line for line in result.outlines if line.startswith("no job names")] == [told]


@pytest.mark.parametrize(
    "selection",
    [
        ("jobs/kins.comfyjob.yaml::kin_dwarf",),
        ("jobs", "-k", "kin_dwarf"),
        ("jobs/kins.comfyjob.yaml",),
        ("-k", "dwarf"),
    ],
    ids=["item", "-k", "file", "-k without a path"],
)
def test_nothing_is_said_of_images_whose_jobs_were_not_all_looked_at(
    made: Repository, selection: tuple[str, ...]
) -> None:
    made.write(
        "jobs/more.comfyjob.yaml", "comfyjob: 1\nitems: {kin_cat: {prompt: a cat, checkpoint: tiny.safetensors}}\n"
    )
    made.write(
        "assets/.comfyrecords/kin_owl.png.json", (made.path / "assets/.comfyrecords/kin_elf.png.json").read_text()
    )

    result = made.run(*selection, "--comfy-check")

    assert made.images_line(result) in ("images: 1 current", "images: 2 current")


def test_a_file_that_cannot_be_read_says_nothing_of_its_images(left: Repository) -> None:
    left.write("jobs/broken.comfyjob.yaml", "comfyjob: 1\n")

    assert left.images_line(left.run("jobs", "--comfy-check")) == "images: 1 current"


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_pruning_moves_image_and_record_away(left: Repository, workers: tuple[str, ...]) -> None:
    sha256 = left.record("kin_elf")["file_sha256"]

    result = left.run("--comfy-prune", *workers)

    assert (result.ret, left.images_line(result)) == (0, "images: 1 pruned")
    assert files(left.path / "assets") == [".comfyrecords/kin_dwarf.png.json", "kin_dwarf.png"]
    record, image = trash(left)
    assert image == f"assets/kin_elf.{sha256[:8]}.png"
    assert record.startswith("assets/.comfyrecords/kin_elf.png.")


def test_pruning_can_delete(left: Repository) -> None:
    result = left.run("--comfy-prune=delete")

    assert left.images_line(result) == "images: 1 pruned"
    assert not left.image("kin_elf").exists()
    assert trash(left) == []


def test_a_record_whose_image_is_gone_is_pruned_too(left: Repository) -> None:
    left.image("kin_elf").unlink()

    checked, pruned = left.run("jobs", "--comfy-check"), left.run("--comfy-prune")

    checked.stdout.fnmatch_lines(["[[]orphan[]] the record of assets/kin_elf.png is left of an item *"])
    assert left.images_line(pruned) == "images: 1 pruned"
    assert files(left.path / "assets") == [".comfyrecords/kin_dwarf.png.json", "kin_dwarf.png"]


def test_pruning_makes_nothing(left: Repository) -> None:
    left.image("kin_dwarf").unlink()

    result = left.run("--comfy-prune")

    assert left.images_line(result) == "images: 1 pruned"
    assert not left.image("kin_dwarf").exists()


def test_pruning_looks_at_all_jobs_whatever_is_selected(made: Repository) -> None:
    made.write(
        "more/cats.comfyjob.yaml", "comfyjob: 1\nitems: {kin_cat: {prompt: a cat, checkpoint: tiny.safetensors}}\n"
    )

    result = made.run("more", "--comfy-prune")

    assert result.ret == pytest.ExitCode.OK
    assert "nothing to prune: every image with a record has its job" in result.outlines
    assert made.image("kin_dwarf").exists()


def test_the_unit_tests_do_not_run_with_it(made: Repository) -> None:
    made.write("tests/test_rules.py", "def test_unit():\n    assert False\n")

    assert made.run("--comfy-prune").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("where", ["jobs", "elsewhere"])
def test_nothing_is_pruned_while_a_job_file_cannot_be_read(left: Repository, where: str) -> None:
    left.write(f"{where}/broken.comfyjob.yaml", "comfyjob: 1\nitems: {a: {steps: x}}\n")

    result = left.run("jobs", "--comfy-prune")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*[[]wrong-type[]] {where}/broken.comfyjob.yaml:2:*"])
    assert left.image("kin_elf").exists()


def test_somebodys_work_is_not_pruned(left: Repository) -> None:
    left.image("kin_elf").write_bytes(b"a person's work")

    result = left.run("--comfy-prune")

    assert (result.ret, left.images_line(result)) == (1, "images: 1 edited")
    result.stdout.fnmatch_lines(
        [
            "[[]edited[]] assets/kin_elf.png has no job any more and was changed since it was made, so it is *",
            "  hint: delete it and its record by hand, or take it over with an item and --comfy-adopt",
        ]
    )
    assert left.image("kin_elf").read_bytes() == b"a person's work"


def test_an_image_whose_record_cannot_be_read_is_not_pruned(left: Repository) -> None:
    left.write("assets/.comfyrecords/kin_elf.png.json", "{")

    result = left.run("--comfy-prune")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["[[]record-damaged[]] assets/.comfyrecords/kin_elf.png.json:1:2: *"])
    assert left.image("kin_elf").exists()


def test_a_git_lfs_pointer_counts_as_its_image(left: Repository) -> None:
    oid = left.record("kin_elf")["file_sha256"]
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 1234\n"
    left.image("kin_elf").write_text(pointer, encoding="utf-8")

    assert left.images_line(left.run("--comfy-prune")) == "images: 1 pruned"


def test_images_of_a_job_file_that_pytest_does_not_look_for_are_somebodys(made: Repository) -> None:
    kins = (made.path / "jobs" / "kins.comfyjob.yaml").read_text(encoding="utf-8")
    made.write("build/kins.comfyjob.yaml", kins.replace("../assets", "../built"))
    made.run("build/kins.comfyjob.yaml").assert_outcomes(passed=2)

    assert "nothing to prune: every image with a record has its job" in made.run("--comfy-prune").outlines
    assert made.images_line(made.run("jobs", "--comfy-check")) == "images: 2 current"


def test_images_of_such_a_file_that_is_broken_are_somebodys_too(made: Repository) -> None:
    kins = (made.path / "jobs" / "kins.comfyjob.yaml").read_text(encoding="utf-8")
    made.write("build/kins.comfyjob.yaml", kins.replace("../assets", "../built"))
    made.run("build/kins.comfyjob.yaml").assert_outcomes(passed=2)
    made.write("build/kins.comfyjob.yaml", "comfyjob: 1\nitems: {a: {steps: x}}\n")

    assert "nothing to prune: every image with a record has its job" in made.run("--comfy-prune").outlines
    assert len(list((made.path / "built").glob("*.png"))) == 2


def test_an_image_without_a_record_is_not_ours_to_prune(left: Repository) -> None:
    left.image("photo").write_bytes(b"a person's work")

    left.run("--comfy-prune")

    assert left.image("photo").exists()


def test_a_renamed_item_leaves_its_old_image(made: Repository) -> None:
    made.edit_job(GONE, "  kin_moon_elf: {tags: [draft]}\n")

    result = made.run("jobs", "--comfy-check")

    assert made.images_line(result) == "images: 1 current, 1 missing, 1 orphan"


def test_sketches_and_plans_say_nothing_of_it(left: Repository) -> None:
    for option in ("--comfy-sketch", "--comfy-plan"):
        assert "no job names" not in left.run("jobs", option).stdout.str()


@pytest.mark.parametrize("other", ["--comfy-check", "--comfy-adopt", "--comfy-plan", "--comfy-update=all"])
def test_pruning_goes_with_nothing_else(left: Repository, other: str) -> None:
    result = left.run("--comfy-prune", other)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*ask for different things*"])


def test_another_work_tree_is_nobody_elses_to_prune(left: Repository) -> None:
    tree = left.path / "feature"
    (tree / "assets" / ".comfyrecords").mkdir(parents=True)
    (tree / ".git").write_text("gitdir: elsewhere\n", encoding="utf-8")
    for name in ("kin_dwarf.png", ".comfyrecords/kin_dwarf.png.json"):
        (tree / "assets" / name).write_bytes((left.path / "assets" / name).read_bytes())

    checked, pruned = left.run("jobs", "--comfy-check"), left.run("--comfy-prune=delete")

    assert left.images_line(checked) == "images: 1 current, 1 orphan"
    assert left.images_line(pruned) == "images: 1 pruned"
    assert files(tree / "assets") == [".comfyrecords/kin_dwarf.png.json", "kin_dwarf.png"]


def test_addopts_never_prune(left: Repository) -> None:
    left.write("pytest.ini", "[pytest]\naddopts = --comfy-prune=delete\nmarkers = slow\n")
    left.write("tests/test_rules.py", "def test_unit():\n    assert False\n")

    left.run("tests").assert_outcomes(failed=1)

    assert left.image("kin_elf").exists()


@pytest.mark.parametrize("name", ["main.py", ""])
def test_a_record_of_what_is_no_image_names_nothing(left: Repository, name: str) -> None:
    record = (left.path / "assets" / ".comfyrecords" / "kin_elf.png.json").read_text(encoding="utf-8")
    left.write("src/main.py", "x = 1\n")
    left.write(f"src/.comfyrecords/{name}.json", record)

    result = left.run("--comfy-prune=delete")

    assert left.images_line(result) == "images: 1 pruned"
    assert (left.path / "src" / "main.py").exists()


def test_of_an_adopted_image_a_copy_is_left_always(left: Repository) -> None:
    left.edit_job("items:\n", f"items:\n{GONE}")
    left.edit_job("steps: 2", "steps: 3")
    left.run("-k", "kin_elf", "--comfy-adopt")
    left.edit_job(GONE, "")

    left.run("--comfy-prune=delete")

    assert not left.image("kin_elf").exists()
    assert any(one.startswith("assets/kin_elf.") for one in trash(left))


@pytest.mark.skipif(os.name == "nt", reason="no such name there")
def test_a_name_does_not_act_on_the_terminal(left: Repository) -> None:
    for path in (left.image("kin_elf"), left.path / "assets" / ".comfyrecords" / "kin_elf.png.json"):
        path.rename(path.with_name(path.name.replace("kin_elf", "\x1b[31mkin")))

    told = [left.run("jobs", *more).stdout.str() for more in ((), ("--comfy-check",))]

    assert [text.count("\x1b") for text in told] == [0, 0]

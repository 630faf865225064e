"""A change that is taken back gets its image without a server, as long as this machine has kept it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from tests.comfyui.machine import Machine
from tests.engine.install.world import git


@pytest.fixture
def made(ready_machine: Machine) -> Machine:
    """A repository whose two images were made, changed and made again."""
    assert ready_machine.run("jobs").ret == pytest.ExitCode.OK
    before = ready_machine.repository.image("kin_elf").read_bytes()
    ready_machine.repository.edit_job("steps: 2", "steps: 3")
    assert ready_machine.repository.images_line(ready_machine.run("jobs")) == "images: 2 generated"
    assert ready_machine.repository.image("kin_elf").read_bytes() != before
    return ready_machine


def take_back(machine: Machine) -> None:
    machine.repository.edit_job("steps: 3", "steps: 2")


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_a_change_that_is_taken_back_needs_no_server(made: Machine, workers: tuple[str, ...]) -> None:
    take_back(made)

    result = made.run("jobs", "-v", *workers, COMFYGEN_INSTALL="never", COMFYGEN_URL="http://127.0.0.1:9")

    assert (result.ret, made.repository.images_line(result)) == (0, "images: 2 restored")
    result.stdout.fnmatch_lines(["*RESTORED*steps 3 → 2*"])
    assert made.repository.record("kin_elf")["parameters"]["steps"] == 2
    assert made.repository.images_line(made.run("jobs", "--comfy-check")) == "images: 2 current"


def test_a_plan_and_a_lost_image_know_it(made: Machine) -> None:
    made.repository.image("kin_elf").unlink()

    planned, restored = made.run("jobs", "--comfy-plan"), made.run("jobs")

    planned.stdout.fnmatch_lines(["plan: 1 of 2 images would be restored from .comfygen/cache/, 1 current"])
    assert made.repository.images_line(restored) == "images: 1 restored, 1 current"


def test_what_is_asked_to_be_made_is_made(made: Machine) -> None:
    take_back(made)

    assert made.repository.images_line(made.run("jobs", "--comfy-update", "all")) == "images: 2 generated"


def test_other_checks_are_checked_on_a_new_picture(made: Machine) -> None:
    take_back(made)
    made.repository.edit_job("steps: 2", "steps: 2, verify: {min_stddev: 1.5}")

    assert made.repository.images_line(made.run("jobs")) == "images: 2 generated"


def test_another_work_tree_of_the_repository_has_them_too(made: Machine, tmp_path: Path) -> None:
    tree = tmp_path / "tree"  # as it was committed, with two steps
    git(made.repository.path, "worktree", "add", "-q", str(tree))

    result = made.run(f"--rootdir={tree}", str(tree / "jobs"), COMFYGEN_INSTALL="never")

    assert made.repository.images_line(result) == "images: 2 restored"
    assert (tree / "assets" / "kin_elf.png").is_file()


def test_a_damaged_file_is_replaced_and_laid_aside(made: Machine) -> None:
    image = made.repository.image("kin_elf")
    image.write_bytes(image.read_bytes()[:200])

    assert made.repository.images_line(made.run("jobs")) == "images: 1 restored, 1 current"
    assert list((made.repository.path / ".comfygen" / "trash" / "assets").glob("kin_elf.*.png"))


def test_nothing_is_kept_when_that_is_not_wanted(ready_machine: Machine) -> None:
    for old, new in (("steps: 2", "steps: 2"), ("steps: 2", "steps: 3"), ("steps: 3", "steps: 2")):
        ready_machine.repository.edit_job(old, new)
        result = ready_machine.run("jobs", "--comfy-cache", "0")

    assert ready_machine.repository.images_line(result) == "images: 2 generated"
    assert not (ready_machine.repository.path / ".comfygen" / "cache" / "images").exists()


def test_a_size_that_is_none_is_refused(ready_machine: Machine) -> None:
    assert ready_machine.run("jobs", "--comfy-cache", "much").ret == pytest.ExitCode.USAGE_ERROR


def test_a_kept_image_is_held_against_the_others(ready_machine: Machine) -> None:
    repository = ready_machine.repository
    repository.edit_job("portrait of ${name}", "a portrait")
    repository.edit_job("steps: 2", "steps: 2, seed: 7")
    repository.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {}")

    result = ready_machine.run("jobs")

    assert repository.images_line(result) == "images: 1 generated, 1 failed"
    result.stdout.fnmatch_lines(["*assets/kin_elf.png shows the same pixels as assets/kin_dwarf.png (*::kin_dwarf)"])
    assert not repository.image("kin_elf").exists()


def test_users_own_checks_are_asked_about_a_kept_image(made: Machine) -> None:
    made.repository.image("kin_elf").unlink()
    made.repository.write(
        "conftest.py",
        "from pytest_comfygen.records import Finding\n\n"
        "def pytest_comfygen_verify():\n    return [Finding('ugly', 'error', 'this', 'better')]\n",
    )

    result = made.run("jobs")

    assert made.repository.images_line(result) == "images: 1 current, 1 failed"
    result.stdout.fnmatch_lines(["*[[]picture-refused[]] *: the kept picture of kin_elf failed: ugly"])
    assert not made.repository.image("kin_elf").exists()


def test_what_is_no_picture_is_not_put_back(made: Machine) -> None:
    made.repository.image("kin_elf").unlink()
    for record in (made.repository.path / ".comfygen" / "cache" / "images").glob("*.json"):
        image, text = record.with_suffix(""), record.read_text(encoding="utf-8")
        old = sha256(image.read_bytes()).hexdigest()
        image.write_bytes(b"<script>")
        record.write_text(text.replace(old, sha256(b"<script>").hexdigest()), encoding="utf-8")

    result = made.run("jobs")

    assert made.repository.images_line(result) == "images: 1 generated, 1 current"

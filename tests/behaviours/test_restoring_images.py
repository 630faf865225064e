"""A change that is taken back gets its image without a server, as long as this machine has kept it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.comfyui.somebodys import somebodys_comfyui
from tests.engine.install.world import git
from tests.repository import Repository

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def comfyui_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """No stand-in by what it says of itself, for placeholders are not kept."""
    with somebodys_comfyui(tmp_path_factory.mktemp("somebodys") / "ComfyUI") as url:
        yield url


@pytest.fixture
def committed(repository: Repository, comfyui_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository in git, and a ComfyUI to use."""
    monkeypatch.setenv("COMFYGEN_URL", comfyui_url)
    (repository.path / ".git").rmdir()
    git(repository.path, "init", "-q")
    git(repository.path, "add", "-A")
    git(repository.path, "commit", "-q", "-m", "a game")
    return repository


@pytest.fixture
def made(committed: Repository) -> Repository:
    """A repository whose two images were made, changed and made again."""
    assert committed.run("jobs").ret == pytest.ExitCode.OK
    before = committed.image("kin_elf").read_bytes()
    committed.edit_job("steps: 2", "steps: 3")
    assert committed.images_line(committed.run("jobs")) == "images: 2 generated"
    assert committed.image("kin_elf").read_bytes() != before
    return committed


def take_back(made: Repository) -> None:
    made.edit_job("steps: 3", "steps: 2")


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_a_change_that_is_taken_back_needs_no_server(made: Repository, workers: tuple[str, ...]) -> None:
    take_back(made)

    result = made.run("jobs", "-v", *workers, "--comfy-url", NOBODY)

    assert (result.ret, made.images_line(result)) == (0, "images: 2 restored")
    result.stdout.fnmatch_lines(["*RESTORED*steps 3 → 2*"])
    assert made.record("kin_elf")["parameters"]["steps"] == 2
    assert made.images_line(made.run("jobs", "--comfy-check")) == "images: 2 current"


def test_a_plan_and_a_lost_image_know_it(made: Repository) -> None:
    made.image("kin_elf").unlink()

    planned, restored = made.run("jobs", "--comfy-plan"), made.run("jobs")

    planned.stdout.fnmatch_lines(["plan: 1 of 2 images would be restored from .comfygen/cache/, 1 current"])
    assert made.images_line(restored) == "images: 1 restored, 1 current"


def test_what_is_asked_to_be_made_is_made(made: Repository) -> None:
    take_back(made)

    assert made.images_line(made.run("jobs", "--comfy-update", "all")) == "images: 2 generated"


def test_other_checks_are_checked_on_a_new_picture(made: Repository) -> None:
    take_back(made)
    made.edit_job("steps: 2", "steps: 2, verify: {min_stddev: 1.5}")

    assert made.images_line(made.run("jobs")) == "images: 2 generated"


def test_another_work_tree_of_the_repository_has_them_too(made: Repository, tmp_path: Path) -> None:
    tree = tmp_path / "tree"  # as it was committed, with two steps
    git(made.path, "worktree", "add", "-q", str(tree))

    result = made.run(f"--rootdir={tree}", str(tree / "jobs"), "--comfy-url", NOBODY)

    assert made.images_line(result) == "images: 2 restored"
    assert (tree / "assets" / "kin_elf.png").is_file()


def test_a_damaged_file_is_replaced_and_laid_aside(made: Repository) -> None:
    image = made.image("kin_elf")
    image.write_bytes(image.read_bytes()[:200])

    assert made.images_line(made.run("jobs")) == "images: 1 restored, 1 current"
    assert list((made.path / ".comfygen" / "trash" / "assets").glob("kin_elf.*.png"))


def test_nothing_is_kept_when_that_is_not_wanted(committed: Repository) -> None:
    for old, new in (("steps: 2", "steps: 2"), ("steps: 2", "steps: 3"), ("steps: 3", "steps: 2")):
        committed.edit_job(old, new)
        result = committed.run("jobs", "--comfy-cache", "0")

    assert committed.images_line(result) == "images: 2 generated"
    assert not (committed.path / ".comfygen" / "cache" / "images").exists()


def test_a_size_that_is_none_is_refused(committed: Repository) -> None:
    assert committed.run("jobs", "--comfy-cache", "much").ret == pytest.ExitCode.USAGE_ERROR


def test_a_kept_image_is_held_against_the_others(committed: Repository) -> None:
    committed.edit_job("portrait of ${name}", "a portrait")
    committed.edit_job("steps: 2", "steps: 2, seed: 7")
    committed.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {}")

    result = committed.run("jobs")

    assert committed.images_line(result) == "images: 1 generated, 1 failed"
    result.stdout.fnmatch_lines(["*assets/kin_elf.png shows the same pixels as assets/kin_dwarf.png (*::kin_dwarf)"])
    assert not committed.image("kin_elf").exists()


def test_users_own_checks_are_asked_about_a_kept_image(made: Repository) -> None:
    made.image("kin_elf").unlink()
    made.write(
        "conftest.py",
        "from pytest_comfygen.records import Finding\n\n"
        "def pytest_comfygen_verify():\n    return [Finding('ugly', 'error', 'this', 'better')]\n",
    )

    result = made.run("jobs")

    assert made.images_line(result) == "images: 1 current, 1 failed"
    result.stdout.fnmatch_lines(["*[[]picture-refused[]] *: the kept picture of kin_elf failed: ugly"])
    assert not made.image("kin_elf").exists()


def test_what_is_no_picture_is_not_put_back(made: Repository) -> None:
    made.image("kin_elf").unlink()
    for record in (made.path / ".comfygen" / "cache" / "images").glob("*.json"):
        image, text = record.with_suffix(""), record.read_text(encoding="utf-8")
        old = sha256(image.read_bytes()).hexdigest()
        image.write_bytes(b"<script>")
        record.write_text(text.replace(old, sha256(b"<script>").hexdigest()), encoding="utf-8")

    result = made.run("jobs")

    assert made.images_line(result) == "images: 1 generated, 1 current"

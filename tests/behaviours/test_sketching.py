"""`--comfy-sketch` draws a placeholder for whatever is selected, beside the assets and without ComfyUI."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.repository import Repository


@pytest.mark.parametrize("ci", ["", "1"], ids=["desk", "CI"])
def test_every_selected_image_is_drawn(repository: Repository, monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    monkeypatch.setenv("CI", ci)

    result = repository.run("jobs", "--comfy-sketch")

    assert repository.images_line(result) == "images: 2 generated"
    result.stdout.fnmatch_lines(["sketches are in .comfygen/sketch/; no asset was touched"])
    with Image.open(repository.path / ".comfygen" / "sketch" / "assets" / "kin_dwarf.png") as sketch:
        assert sketch.size == (64, 64)
    assert not (repository.path / "assets").exists()


def test_one_image_by_name(repository: Repository) -> None:
    result = repository.run("-k", "kin_dwarf", "--comfy-sketch")

    assert repository.images_line(result) == "images: 1 generated"


def test_workers_draw_too(repository: Repository) -> None:
    result = repository.run("jobs", "--comfy-sketch", "-n2")

    assert repository.images_line(result) == "images: 2 generated"


def test_assets_that_stand_there_are_drawn_again_and_not_touched(repository: Repository) -> None:
    repository.image("kin_dwarf").parent.mkdir()
    repository.image("kin_dwarf").write_bytes(b"a person's work")

    result = repository.run("jobs", "--comfy-sketch")

    assert repository.images_line(result) == "images: 2 generated"
    assert repository.image("kin_dwarf").read_bytes() == b"a person's work"


def test_a_seed_or_prompt_of_its_own_gives_a_sketch_of_its_own(repository: Repository) -> None:
    repository.run("jobs", "--comfy-sketch")
    drawn = sorted((repository.path / ".comfygen" / "sketch" / "assets").iterdir())

    pictures = {path.read_bytes() for path in drawn}

    assert len(pictures) == 2


def test_local_files_keep_themselves_out_of_git(repository: Repository) -> None:
    repository.run("jobs", "--comfy-sketch")

    assert "*" in (repository.path / ".comfygen" / ".gitignore").read_text(encoding="utf-8").split()

"""A gallery is written where it can do no harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.errors import SettingsError
from pytest_comfygen.flows.gallery import check_target, refuse_among_images, target_of
from pytest_comfygen.outputs.gallery import page_of
from tests.outputs.gallery.exhibits import exhibition


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a page of somebody's and a gallery of ours."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>somebody's")
    (tmp_path / "ours.html").write_bytes(b"".join(page_of(exhibition())))
    return tmp_path


@pytest.mark.parametrize("written", ["gallery.html", "build/ci/page.HTM", "sheet.png", "ours.html", "../page.html"])
def test_a_page_or_a_sheet_of_its_own_is_fine(root: Path, written: str) -> None:
    target = target_of(root, written)

    check_target(target, written)

    assert target.name == Path(written).name


@pytest.mark.parametrize(
    ("written", "told", "hint"),
    [
        ("jobs", "--comfy-gallery took jobs for the file to write", "pytest jobs/ --comfy-gallery=gallery.html"),
        ("jobs/kins.comfyjob.yaml", "took jobs/kins.comfyjob.yaml for the file", "write the paths of images first"),
        ("jobs/kins.comfyjob.yaml::kin_elf", "took jobs/kins.comfyjob.yaml::kin_elf", "write the paths"),
        ("gallery.pdf", "gallery.pdf is neither a page nor a sheet", "give it the ending .html, or .png"),
        ("index.html", "index.html is there and is no gallery of ours", "give another name"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(root: Path, written: str, told: str, hint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_target(target_of(root, written), written)

    assert told in str(refused.value)
    assert hint in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("target", "outputs", "refused"),
    [
        ("assets/gallery.html", ["assets/kin.png"], True),
        ("assets/docs/gallery.html", ["assets/kin.png"], True),
        ("assets/gallery.html", ["assets/kins/kin.png"], False),
        ("gallery.html", ["kin.png"], True),
        (".comfygen/gallery.html", ["kin.png"], False),
        ("docs/gallery.html", [], False),
    ],
)
def test_it_does_not_lie_among_images(root: Path, target: str, outputs: list[str], *, refused: bool) -> None:
    images = [root / one for one in outputs]
    if not refused:
        refuse_among_images(root / target, root, images)
        return
    with pytest.raises(SettingsError, match="where images are made"):
        refuse_among_images(root / target, root, images)

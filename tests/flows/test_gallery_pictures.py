"""Small pictures are made once, and links lead from the page to the file."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from pytest_comfygen.flows.gallery.pictures import Caption, Find, Previews, link_to
from tests.outputs.gallery.exhibits import picture


def find(path: Path, data: bytes) -> Find:
    path.write_bytes(data)
    caption = Caption("now", "now", path.name)
    return Find(caption=caption, sha256=sha256(data).hexdigest(), size_bytes=len(data), read=path.read_bytes, path=path)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    directory = tmp_path / "previews"
    directory.mkdir()
    return directory


def test_a_small_picture_is_made_once(tmp_path: Path, kept: Path) -> None:
    red = find(tmp_path / "red.png", picture("red"))
    first = Previews(kept, 2).of([red])
    (tmp_path / "red.png").write_bytes(b"gone")

    second = Previews(kept, 2).of([red])

    assert first == second
    assert list(first) == [red.sha256]


def test_a_kept_one_that_is_broken_is_made_again(tmp_path: Path, kept: Path) -> None:
    red = find(tmp_path / "red.png", picture("red"))
    made = Previews(kept, 1).of([red])
    (file,) = kept.iterdir()
    file.write_bytes(file.read_bytes()[:20])

    assert Previews(kept, 1).of([red]) == made


def test_what_cannot_be_seen_has_none(tmp_path: Path, kept: Path) -> None:
    finds = [
        find(tmp_path / "broken.png", b"no picture"),
        find(tmp_path / "clip.mp4", picture("red")),
        find(tmp_path / "gone.png", picture("blue")),
    ]
    (tmp_path / "gone.png").unlink()

    assert Previews(kept, 2).of(finds) == {}


def test_only_so_many_are_kept(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_comfygen.flows.gallery.pictures._MOST_KEPT", 2)
    previews = Previews(kept, 1)
    previews.of(find(tmp_path / f"{colour}.png", picture(colour)) for colour in ("red", "lime", "blue"))

    previews.forget_old()

    assert len(list(kept.iterdir())) == 2


@pytest.mark.parametrize(
    ("file", "page", "link"),
    [
        ("assets/kin.png", "gallery.html", "assets/kin.png"),
        ("assets/kin.png", ".comfygen/gallery.html", "../assets/kin.png"),
        ("assets/a b#c?d%e.png", "out/gallery.html", "../assets/a%20b%23c%3Fd%25e.png"),
        ("assets/größe.png", "gallery.html", "assets/gr%C3%B6%C3%9Fe.png"),
        ("javascript:alert(1).png", "gallery.html", "javascript%3Aalert%281%29.png"),
    ],
)
def test_a_link_leads_from_the_page_to_the_file(tmp_path: Path, file: str, page: str, link: str) -> None:
    assert link_to(tmp_path / file, tmp_path / page) == link

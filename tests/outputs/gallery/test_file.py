"""A gallery takes the place of a gallery only, and whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_comfygen.errors import WriteFailed
from pytest_comfygen.outputs.gallery import is_ours, page_of, write_file
from pytest_comfygen.verify.sheet import sheet_of
from tests.outputs.gallery.exhibits import exhibition, picture


@pytest.mark.parametrize(
    ("data", "ours"),
    [
        (b"".join(page_of(exhibition(title="x" * 5000))), True),
        (sheet_of([], "game"), True),
        (b"<!doctype html><title>somebody's page</title>", False),
        (picture("red"), False),
        (b"", False),
    ],
    ids=["page", "sheet", "another page", "another picture", "empty"],
)
def test_what_is_a_gallery(tmp_path: Path, data: bytes, *, ours: bool) -> None:
    (tmp_path / "file").write_bytes(data)

    assert is_ours(tmp_path / "file") is ours


def test_it_is_written_where_no_directory_was(tmp_path: Path) -> None:
    write_file(tmp_path / "build" / "ci" / "gallery.html", iter([b"one ", b"two"]), tmp_path)

    assert (tmp_path / "build" / "ci" / "gallery.html").read_bytes() == b"one two"


def test_what_stood_there_stays_when_it_cannot_be_finished(tmp_path: Path) -> None:
    target = tmp_path / "gallery.html"
    target.write_bytes(b"yesterday's")

    def pieces() -> Iterator[bytes]:
        yield b"today's"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_file(target, pieces(), tmp_path)

    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"yesterday's"]


def test_a_refusal_of_the_system_is_told(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("a file")

    with pytest.raises(WriteFailed, match=r"build/gallery\.html cannot be written"):
        write_file(tmp_path / "build" / "gallery.html", iter([b"one"]), tmp_path)

"""Images that are kept by what made them, in a directory that is bounded and may be lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_comfygen.outputs.imagecache import ImageCache
from pytest_comfygen.records import ImageRecord

RecordOf = Callable[[bytes], ImageRecord]


@pytest.fixture
def cache(tmp_path: Path) -> ImageCache:
    return ImageCache(tmp_path / "images", 1000)


def test_what_is_kept_is_found(cache: ImageCache, record_of: RecordOf) -> None:
    cache.keep("a", b"picture", record_of(b"picture"))

    found = cache.find("a")

    assert found is not None
    assert (found.data, found.record) == (b"picture", record_of(b"picture"))
    assert cache.find("b") is None


@pytest.mark.parametrize("damage", ["image", "record", "half"])
def test_what_is_damaged_is_not_found(cache: ImageCache, record_of: RecordOf, tmp_path: Path, damage: str) -> None:
    cache.keep("a", b"picture", record_of(b"picture"))
    if damage == "image":
        (tmp_path / "images" / "a").write_bytes(b"pic")
    elif damage == "record":
        (tmp_path / "images" / "a.json").write_text("{", encoding="utf-8")
    else:
        (tmp_path / "images" / "a.json").unlink()

    assert cache.find("a") is None


def test_what_was_not_used_for_longest_goes_when_there_is_too_much(
    cache: ImageCache, record_of: RecordOf, tmp_path: Path
) -> None:
    data = bytes(300)
    for age, key in enumerate("dcba"):
        cache.keep(key, data, record_of(data))
        os.utime(tmp_path / "images" / key, (1000 - age, 1000 - age))
    assert cache.find("a")  # used just now

    cache.close()

    assert [key for key in "abcd" if cache.find(key)] == ["a", "d"]
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["a", "a.json", "d", "d.json"]


def test_nothing_goes_while_there_is_room(cache: ImageCache, record_of: RecordOf) -> None:
    for key in "abc":
        cache.keep(key, b"picture", record_of(b"picture"))

    cache.close()

    assert all(cache.find(key) for key in "abc")


def test_a_directory_that_cannot_be_made_is_no_error(record_of: RecordOf, tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file", encoding="utf-8")
    cache = ImageCache(tmp_path / "images", 1000)

    cache.keep("a", b"picture", record_of(b"picture"))
    cache.close()

    assert cache.find("a") is None

"""Hashes are remembered while a file visibly stays the same, and never when it might have changed unseen."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from pytest_comfygen.outputs.filehash import FileHashes

DAY_NS = 86_400_000_000_000


class Clock:
    """A wall clock that runs ahead of the files, so that they look as old as a test wants."""

    def __init__(self, ahead_ns: int) -> None:
        self.ahead_ns = ahead_ns
        self.file: Path | None = None

    def __call__(self) -> int:
        assert self.file is not None
        return max(self.file.stat().st_mtime_ns, self.file.stat().st_ctime_ns) + self.ahead_ns


@pytest.fixture
def image(tmp_path: Path) -> Path:
    image = tmp_path / "dwarf.png"
    image.write_bytes(b"first")
    return image


def hashes(tmp_path: Path, image: Path, ahead_ns: int = DAY_NS) -> FileHashes:
    clock = Clock(ahead_ns)
    clock.file = image
    return FileHashes(tmp_path / "cache" / "hashes.json", clock)


def hex_of(data: bytes) -> str:
    return sha256(data).hexdigest()


def poison(tmp_path: Path) -> None:
    """Make every remembered hash wrong, so that using one shows."""
    cache = tmp_path / "cache" / "hashes.json"
    document = json.loads(cache.read_text())
    for entry in document["files"].values():
        entry[1] = "remembered"
    cache.write_text(json.dumps(document))


def remembered(tmp_path: Path, image: Path) -> str:
    poison(tmp_path)
    return hashes(tmp_path, image).sha256(image)


def test_a_file_is_hashed(tmp_path: Path, image: Path) -> None:
    assert hex_of(b"first") == hashes(tmp_path, image).sha256(image)


def test_a_large_file_is_hashed_in_pieces(tmp_path: Path, image: Path) -> None:
    data = bytes(range(256)) * 10_000
    image.write_bytes(data)
    assert hex_of(data) == hashes(tmp_path, image).sha256(image)


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, image: Path) -> None:
    first = hashes(tmp_path, image)
    first.sha256(image)
    first.close()
    assert remembered(tmp_path, image) == "remembered"


@pytest.mark.parametrize("change", ["size", "mtime", "inode"])
def test_a_file_that_looks_different_is_read_again(tmp_path: Path, image: Path, change: str) -> None:
    first = hashes(tmp_path, image)
    first.sha256(image)
    first.close()
    before = image.stat()
    if change == "size":
        image.write_bytes(b"longer")
        os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "mtime":
        image.write_bytes(b"other")
        os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    else:
        other = image.with_name("other.png")
        other.write_bytes(b"other")
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.replace(image)
    assert hex_of(image.read_bytes()) == remembered(tmp_path, image)


@pytest.mark.parametrize(
    ("ahead_ns", "expected"),
    [(2_000_000_001, True), (2_000_000_000, False), (0, False), (-DAY_NS, False)],
)
def test_a_file_changed_just_now_is_not_remembered(
    tmp_path: Path,
    image: Path,
    ahead_ns: int,
    expected: bool,  # noqa: FBT001  # a column of the table
) -> None:
    seen = hashes(tmp_path, image, ahead_ns)
    seen.sha256(image)
    assert expected is seen.has_news


def test_a_second_change_within_one_tick_is_seen(tmp_path: Path, image: Path) -> None:
    seen = hashes(tmp_path, image, ahead_ns=0)
    status = image.stat()
    seen.sha256(image, status)
    image.write_bytes(b"secnd")
    assert hex_of(b"secnd") == seen.sha256(image, status)  # as if size, times and inode were the same


def test_a_file_that_changes_while_it_is_read_is_not_remembered(tmp_path: Path, image: Path) -> None:
    class Writer(Clock):
        def __call__(self) -> int:
            image.write_bytes(b"first and more")
            return super().__call__()

    clock = Writer(DAY_NS)
    clock.file = image
    seen = FileHashes(tmp_path / "cache" / "hashes.json", clock)
    seen.sha256(image)
    assert seen.has_news is False


def test_nothing_new_writes_nothing(tmp_path: Path, image: Path) -> None:
    hashes(tmp_path, image).close()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 2, "files": {}}',
        '{"format": 1}',
        '{"format": 1, "files": {"a": 1}}',
        "[" * 99999,
    ],
)
def test_a_damaged_cache_is_no_cache(tmp_path: Path, image: Path, text: str) -> None:
    cache = tmp_path / "cache" / "hashes.json"
    cache.parent.mkdir()
    cache.write_text(text)
    seen = hashes(tmp_path, image)
    assert hex_of(b"first") == seen.sha256(image)
    seen.close()
    assert remembered(tmp_path, image) == "remembered"


def test_what_another_process_learned_meanwhile_is_kept(tmp_path: Path, image: Path) -> None:
    other = image.with_name("other.png")
    other.write_bytes(b"other")
    ours, theirs = hashes(tmp_path, image), hashes(tmp_path, other)
    ours.sha256(image)
    theirs.sha256(other)
    ours.close()
    theirs.close()
    assert remembered(tmp_path, image) == "remembered"
    assert hashes(tmp_path, other).sha256(other) == "remembered"


def test_files_that_are_gone_are_forgotten(tmp_path: Path, image: Path) -> None:
    first = hashes(tmp_path, image)
    first.sha256(image)
    first.close()
    other = image.with_name("other.png")
    other.write_bytes(b"other")
    image.unlink()
    second = hashes(tmp_path, other)
    second.sha256(other)
    second.close()
    document = json.loads((tmp_path / "cache" / "hashes.json").read_text())
    assert [str(other)] == list(document["files"])


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, image: Path) -> None:
    (tmp_path / "cache").write_text("a file where a directory should be")
    seen = hashes(tmp_path, image)
    seen.sha256(image)
    seen.close()
    assert [image.name, "cache"] == sorted((one.name for one in tmp_path.iterdir()), reverse=True)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path, image: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hashes(tmp_path, image).sha256(tmp_path / "absent.png")

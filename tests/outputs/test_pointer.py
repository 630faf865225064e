"""What stands in an image's place until Git LFS brings it; of which contents it is, `test_store.py` says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_comfygen.outputs.pointer import lfs_oid, oid_in

OID = "ab" * 32
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n"


@pytest.mark.parametrize(("padding", "expected"), [("", OID), ("x" * 1024, None)])
def test_a_pointer_is_short(tmp_path: Path, padding: str, expected: str | None) -> None:
    file = tmp_path / "dwarf.png"
    file.write_text(POINTER + padding)

    assert lfs_oid(file, file.stat()) == expected


def test_bytes_that_were_read_are_told_likewise() -> None:
    assert [oid_in(data) for data in (POINTER.encode(), b"", (POINTER + "x" * 1024).encode())] == [OID, None, None]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_not_read_from(tmp_path: Path) -> None:
    """Nobody writes to it, so that a reader would wait for ever."""
    pipe = tmp_path / "dwarf.png"
    os.mkfifo(pipe)

    assert lfs_oid(pipe, pipe.stat()) is None

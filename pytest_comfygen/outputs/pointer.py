"""A Git LFS pointer: the few lines that stand in a file's place until `git lfs pull` brings its content."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

__all__ = ["lfs_oid", "oid_in"]

# A pointer is shorter than this. Source: git-lfs, docs/spec.md
_LARGEST_BYTES = 1024
_POINTER = re.compile(rb"version https://[^\n]+/spec/v1\n(?:[^\n]+\n)*?oid sha256:([0-9a-f]{64})\n")


def lfs_oid(path: Path, status: os.stat_result) -> str | None:
    """The sha256 of the content that the file at `path` stands for; None when it is no pointer.

    :param status: the file's; what is too long or no plain file is not read.
    :raises OSError: it cannot be read.
    """
    if status.st_size >= _LARGEST_BYTES or not stat.S_ISREG(status.st_mode):
        return None
    return oid_in(path.read_bytes())


def oid_in(data: bytes) -> str | None:
    """The sha256 of the content that these bytes stand for; None when they are no pointer."""
    pointer = _POINTER.match(data) if len(data) < _LARGEST_BYTES else None
    return pointer[1].decode() if pointer else None

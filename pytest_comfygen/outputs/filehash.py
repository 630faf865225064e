"""The sha256 of files, remembered from run to run as long as a file visibly stays the same."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from pytest_comfygen.outputs.atomic import fresh_token, remove, temp_path

__all__ = ["FileHashes"]

# What must not have changed: size, mtime and ctime in nanoseconds, inode.
_Look: TypeAlias = tuple[int, int, int, int]

# A file can be written twice within one tick of its file system's clock, and look the same afterwards: what was
# changed less than this before it was hashed is hashed again next time. FAT's ticks are the longest, 2 s.
# Source: git, Documentation/technical/racy-git.
_RACY_NS = 2_000_000_000

_FORMAT = 1
_PIECE_BYTES = 1 << 20


class FileHashes:
    """A cache of hashes, and only that: it may be lost, and of several writers the last one wins.

    :param cache_file: where it is kept; its directory is made when there is something to keep.
    :param now_ns: the wall clock, as files' times are.
    """

    def __init__(self, cache_file: Path, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._cache_file = cache_file
        self._now_ns = now_ns
        self._known: dict[str, tuple[_Look, str]] | None = None
        self._new: dict[str, tuple[_Look, str]] = {}

    @property
    def has_news(self) -> bool:
        """Whether `close` would write anything."""
        return bool(self._new)

    def sha256(self, path: Path, status: os.stat_result | None = None) -> str:
        """The sha256 of a file's bytes, lower-case hex.

        :param status: of this very path, when the caller has just asked for it.
        :raises OSError: the file cannot be read.
        """
        if self._known is None:
            self._known = self._load()
        name = os.fspath(path)
        look = _look(status or path.stat())
        known = self._new.get(name) or self._known.get(name)
        return known[1] if known is not None and known[0] == look else self._hash(path)

    def close(self) -> None:
        """Keep what was learned; a cache that cannot be written is no error."""
        if not self._new:
            return
        temp = temp_path(self._cache_file, fresh_token())
        entries = {name: entry for name, entry in self._load().items() if Path(name).exists()} | self._new
        try:
            self._cache_file.parent.mkdir(parents=True, exist_ok=True)
            temp.write_text(json.dumps({"format": _FORMAT, "files": entries}), encoding="utf-8")
            temp.replace(self._cache_file)
        except OSError:
            remove(temp)
        self._new = {}

    def _hash(self, path: Path) -> str:
        digest = sha256()
        with path.open("rb") as file:
            before = _look(os.fstat(file.fileno()))
            started_ns = self._now_ns()
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
            after = _look(os.fstat(file.fileno()))
        found = digest.hexdigest()
        if before == after and started_ns - max(before[1], before[2]) > _RACY_NS:
            self._new[os.fspath(path)] = (before, found)
        return found

    def _load(self) -> dict[str, tuple[_Look, str]]:
        """What earlier runs learned; nothing when the file is absent, damaged or another version's."""
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            document = json.loads(self._cache_file.read_bytes())
            if document["format"] == _FORMAT:
                return {
                    name: ((int(size), int(mtime), int(ctime), int(inode)), str(found))
                    for name, ((size, mtime, ctime, inode), found) in document["files"].items()
                }
        return {}


def _look(status: os.stat_result) -> _Look:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino

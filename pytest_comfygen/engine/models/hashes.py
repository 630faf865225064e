"""The sha256 of weights files, remembered as long as a file visibly stays the same.

Records carry a model's hash, and hashing 7 GB at every run would take longer than making a picture.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from pytest_comfygen.engine.locks import held
from pytest_comfygen.engine.models.meter import Meter
from pytest_comfygen.errors import LockFailed
from pytest_comfygen.records import Event

__all__ = ["ModelHashes", "hash_file"]

# What must not have changed: size, mtime in nanoseconds, inode.
_Look: TypeAlias = tuple[int, int, int]
_Entries: TypeAlias = dict[str, tuple[_Look, str]]

_FORMAT = 1
_PIECE_BYTES = 1 << 20

# A file that is still being written can look the same afterwards: file systems' clocks tick, FAT's every 2 s. So what
# was written less than this before it was hashed is not remembered. Source: git, Documentation/technical/racy-git.
_RACY_NS = 2_000_000_000


class ModelHashes:
    """A cache of hashes for all processes of this machine: a file is hashed by one of them, the others wait.

    :param cache_file: where it is kept; its directory is made when there is something to keep. It may be lost.
    :param clock: monotonic seconds, for progress.
    :param now_ns: the wall clock, as files' times are.
    """

    def __init__(
        self,
        cache_file: Path,
        *,
        notify: Callable[[Event], object],
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._cache_file = cache_file
        self._notify = notify
        self._clock = clock
        self._now_ns = now_ns

    def known(self, path: Path) -> str | None:
        """The file's sha256 if it need not be hashed for that.

        :raises OSError: the file cannot be looked at.
        """
        known = self._load().get(os.fspath(path))
        return known[1] if known and known[0] == _look(path.stat()) else None

    def sha256(self, path: Path) -> str:
        """The sha256 of a file's bytes, lower-case hex.

        :raises OSError: the file cannot be read.
        """
        found = self.known(path)
        if found is None:
            with self._alone():
                found = self.known(path) or self._hash(path)
        return found

    def remember(self, path: Path, found: str) -> None:
        """Take over a hash that was just found out for a file that nobody writes to any more."""
        with self._alone():
            self._keep(path, _look(path.stat()), found)

    def _hash(self, path: Path) -> str:
        started_ns, before = self._now_ns(), _look(path.stat())
        found = hash_file(path, Meter(path.name, "hashing", self._notify, self._clock))
        if before == _look(path.stat()) and started_ns - before[1] > _RACY_NS:
            self._keep(path, before, found)
        return found

    def _keep(self, path: Path, look: _Look, found: str) -> None:
        """Write it down; a cache that cannot be written is no error."""
        entries = {name: entry for name, entry in self._load().items() if Path(name).exists()}
        document = {"format": _FORMAT, "files": {**entries, os.fspath(path): (look, found)}}
        temp = self._cache_file.with_name(f"{self._cache_file.name}.{os.getpid()}.tmp")
        with suppress(OSError):
            temp.write_text(json.dumps(document), encoding="utf-8")
            temp.replace(self._cache_file)

    def _load(self) -> _Entries:
        """What was found out before; nothing when the cache is absent, damaged or another version's."""
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            document = json.loads(self._cache_file.read_bytes())
            if document["format"] == _FORMAT:
                return {
                    name: ((int(size), int(mtime), int(inode)), str(found))
                    for name, ((size, mtime, inode), found) in document["files"].items()
                }
        return {}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While nobody else hashes or writes the cache; where no lock can be had, a file is hashed twice, no more."""
        lock = self._cache_file.with_name(f"{self._cache_file.name}.lock")
        with ExitStack() as stack:
            with suppress(OSError, LockFailed):
                stack.enter_context(held(lock, "hashes models", self._tell, clock=self._clock))
            yield

    def _tell(self, text: str) -> None:
        self._notify(Event(kind="notice", text=text))


def hash_file(path: Path, meter: Meter) -> str:
    """The sha256 of a file's bytes, lower-case hex, with its progress told."""
    digest, done = sha256(), 0
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            done += len(piece)
            meter.at(done, size)
    return digest.hexdigest()


def _look(status: os.stat_result) -> _Look:
    return status.st_size, status.st_mtime_ns, status.st_ino

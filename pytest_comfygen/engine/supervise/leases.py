"""Leases: files that say, by a lock of the system's, which processes use the server.

The system lets go of the lock when its process ends, however it ends. A lease that somebody else can lock is therefore
dead. Leases are taken, given back, looked at and swept only by whoever has the turn (`StateDirectory.lock`): to look is
to lock for an instant, and two who look at once would take each other for holders.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Claim", "holders", "is_any_held", "sweep"]


class Claim:
    """One process' lease, held until it is given back or the process ends.

    :param directory: of all leases; it exists.
    :param token: tells leases of one process apart.
    """

    def __init__(self, directory: Path, token: str) -> None:
        self.path = directory / f"{os.getpid()}-{token}.lock"
        self._lock = FileLock(self.path, thread_local=False)
        self._lock.acquire(timeout=0)

    def give_back(self) -> None:
        """End the claim."""
        self._lock.release()
        self.path.unlink(missing_ok=True)


def holders(directory: Path, besides: Path | None = None) -> tuple[int, ...]:
    """The processes that hold a lease.

    :param besides: a lease that does not count.
    """
    return tuple(sorted({_pid(path) for path in _files(directory) if path != besides and _is_held(path)}))


def is_any_held(directory: Path) -> bool:
    """Whether some process uses the server."""
    return any(_is_held(path) for path in _files(directory))


def sweep(directory: Path) -> None:
    """Remove the leases of processes that died."""
    for path in _files(directory):
        if not _is_held(path):
            path.unlink(missing_ok=True)


def _files(directory: Path) -> Iterator[Path]:
    yield from directory.glob("*-*.lock")


def _is_held(path: Path) -> bool:
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def _pid(path: Path) -> int:
    number = path.name.partition("-")[0]
    return int(number) if number.isdecimal() else 0

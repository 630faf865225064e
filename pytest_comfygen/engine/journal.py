"""The ids of jobs under way, on disk before they are sent, so that what a dead process left queued can be deleted.

One file for each process, append-only: a line when a job is about to be sent, a line when it is over. Nothing is synced
to the disk, because what has to be survived is the end of the process, and after a power cut there is no queue.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

__all__ = ["Journal", "Owner", "discard", "jobs_under_way", "leftovers"]

# Linux counts a start from the boot time, which moves a little when the clock is set.
SAME_START_MS = 2000


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from a later one with the same number.

    :param started_ms: its creation time, milliseconds since the epoch.
    """

    pid: int
    started_ms: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process that has this number now."""
        return cls(pid, int(psutil.Process(pid).create_time() * 1000))

    @classmethod
    def current(cls) -> Self:
        """This process."""
        return cls.of(os.getpid())

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs; one that ended and is not collected yet (a zombie) does not."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() * 1000 - self.started_ms) > SAME_START_MS:
                return False
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True


class Journal:
    """The jobs that one process has under way.

    :param directory: made when the first job is noted; only journals lie in it.
    """

    def __init__(self, directory: Path, owner: Owner | None = None) -> None:
        owner = owner or Owner.current()
        self._path = directory / f"{owner.pid}-{owner.started_ms}.jsonl"
        self._open: set[str] = set()
        self._file: FileIO | None = None

    @property
    def under_way(self) -> frozenset[str]:
        """The ids of the jobs that are not over."""
        return frozenset(self._open)

    def note(self, url: str, prompt_id: str) -> None:
        """A job is about to be sent to the server at `url`.

        :raises OSError: when it cannot be written down.
        """
        self._open.add(prompt_id)
        self._append({"note": prompt_id, "url": url})

    def done(self, prompt_id: str) -> None:
        """A job is over, or was never taken."""
        if prompt_id in self._open:
            self._append({"done": prompt_id})
            self._open.discard(prompt_id)

    def close(self) -> None:
        """Stop writing; the file goes unless it holds jobs that are not over."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if not self._open:
                self._path.unlink(missing_ok=True)

    def _append(self, line: dict[str, str]) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        self._file.write(_line(line))


def leftovers(directory: Path) -> dict[str, tuple[str, ...]]:
    """The jobs that dead processes had under way: server's address to prompt ids."""
    found: dict[str, list[str]] = {}
    for path in _orphans(directory):
        for prompt_id, url in _read(path).items():
            found.setdefault(url, []).append(prompt_id)
    return {url: tuple(ids) for url, ids in found.items()}


def jobs_under_way(directory: Path) -> frozenset[str]:
    """The ids of the jobs that living processes have under way."""
    return frozenset(prompt_id for path in _journals(directory, alive=True) for prompt_id in _read(path))


def discard(directory: Path, prompt_ids: tuple[str, ...]) -> None:
    """Strike jobs out of dead processes' journals, and remove the journals with nothing left in them.

    By id, because a process may have died since `leftovers`, or have had jobs on another server as well.
    """
    over = set(prompt_ids)
    for path in _orphans(directory):
        noted = set(_read(path))
        with suppress(FileNotFoundError):  # another process is tidying up too
            if noted <= over:
                path.unlink()
            else:
                _strike(path, sorted(noted & over))


def _strike(path: Path, prompt_ids: list[str]) -> None:
    with path.open("r+b") as file:  # a mode that does not bring a removed file back
        file.seek(0, os.SEEK_END)
        # The line break ends a line that the dead process did not.
        file.write(b"\n" + b"".join(_line({"done": prompt_id}) for prompt_id in prompt_ids))


def _orphans(directory: Path) -> Iterator[Path]:
    """The journals whose process is dead."""
    return _journals(directory, alive=False)


def _journals(directory: Path, *, alive: bool) -> Iterator[Path]:
    """The journals of living processes, or of dead ones."""
    for path in sorted(directory.glob("*.jsonl")):
        name = re.fullmatch(r"(\d{1,9})-(\d{1,15})\.jsonl", path.name)
        if name and Owner(int(name[1]), int(name[2])).is_alive == alive:
            yield path


def _read(path: Path) -> dict[str, str]:
    """The jobs not yet over: prompt id to server's address. A torn line says nothing."""
    jobs: dict[str, str] = {}
    with suppress(FileNotFoundError):
        for line in path.read_bytes().splitlines():
            match _parse(line):
                case {"note": str(prompt_id), "url": str(url)}:
                    jobs[prompt_id] = url
                case {"done": str(prompt_id)}:
                    jobs.pop(prompt_id, None)
    return jobs


def _parse(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _line(entry: dict[str, str]) -> bytes:
    return json.dumps(entry).encode() + b"\n"

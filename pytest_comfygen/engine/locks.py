"""Locks between processes that say whom they wait for.

A lock saves work and never correctness: whoever gets it looks again at what is done already. The system frees it when
its holder dies. A note beside it says who holds it and what for, and which process does the work; only the number
together with the creation time says who that is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from pytest_comfygen.engine.journal import Owner
from pytest_comfygen.errors import LockFailed

__all__ = ["Held", "Note", "held", "note_beside", "waiting_text"]

_POLL_S = 0.1
_NOTE_AFTER_S = 1.0
_REPEAT_S = 30.0
_ORPHAN_GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class Note:
    """Who holds a lock.

    :param doing: what for, as in `installs ComfyUI`.
    :param worker: the process that works for the holder, when there is one.
    """

    owner: Owner
    doing: str
    worker: Owner | None = None


@dataclass(slots=True)
class Held:
    """A lock that is ours for as long as the `with` block lasts."""

    _path: Path
    _doing: str
    _owner: Owner = field(default_factory=Owner.current)

    def works_with(self, pid: int) -> None:
        """A process works for us now; whoever gets the lock after our death waits for its end first."""
        with suppress(psutil.NoSuchProcess):  # it was that quick
            self._write(Note(self._owner, self._doing, Owner.of(pid)))

    def note(self) -> None:
        """Write down who holds the lock."""
        self._write(Note(self._owner, self._doing))

    def _write(self, note: Note) -> None:
        temp = self._path.with_name(f"{self._path.name}.{self._owner.pid}")
        temp.write_text(json.dumps(_to_json(note)), encoding="utf-8")
        temp.replace(self._path)


@contextmanager
def held(
    path: Path,
    doing: str,
    waiting: Callable[[str], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Held]:
    """Hold the lock at `path`, waiting for as long as another process has it.

    :param path: the lock's file, which stays; its directory is made.
    :param doing: what the lock is held for, as in `installs ComfyUI`; shown to those who wait.
    :param waiting: gets one sentence after a second of waiting, and again every half minute.
    :raises LockFailed: the file system has no locks, or the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    note_path = _note_path(path)
    lock = FileLock(path, thread_local=False)
    _acquire(lock, path, waiting, sleep, clock)
    try:
        _outlast_the_dead(path, waiting, sleep, clock)
        ours = Held(note_path, doing)
        ours.note()
        yield ours
    finally:
        note_path.unlink(missing_ok=True)
        lock.release()


def note_beside(path: Path) -> Note | None:
    """Who wrote beside the lock at `path` that it holds it, and may be dead; None when nothing readable says so."""
    try:
        fields = json.loads(_note_path(path).read_bytes())
    except (OSError, ValueError):
        return None
    match fields:
        case {"owner": [int(pid), int(started)], "doing": str(doing), "worker": worker}:
            return Note(Owner(pid, started), doing, _owner(worker))
    return None


def waiting_text(note: Note | None, waited_s: float) -> str:
    """Whom we wait for, and what it does."""
    since = f" ({waited_s:.0f} s so far)" if waited_s >= _REPEAT_S else ""
    if note is None:
        return f"waiting for another process{since}"
    return f"waiting for process {note.owner.pid}, which {note.doing}{since}"


def _acquire(
    lock: FileLock,
    path: Path,
    waiting: Callable[[str], None],
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> None:
    start = clock()
    say_at = start + _NOTE_AFTER_S
    while not _try(lock):
        if clock() >= say_at:
            waiting(waiting_text(_living(note_beside(path)), clock() - start))
            say_at = clock() + _REPEAT_S
        sleep(_POLL_S)


def _try(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except (OSError, NotImplementedError) as error:
        raise LockFailed(
            f"{lock.lock_file} cannot be locked: {error}",
            hint="is the directory writable, and does its file system have locks? A network file system may not",
        ) from None
    return True


def _outlast_the_dead(
    path: Path, waiting: Callable[[str], None], sleep: Callable[[float], None], clock: Callable[[], float]
) -> None:
    """Wait for the end of what still works for a holder that died; it ends by itself, and is killed if it does not."""
    note = note_beside(path)
    worker = note.worker if note else None
    if worker is None or not _is_alive(worker):
        return
    waiting(f"waiting for the end of process {worker.pid}, which an interrupted run left")
    deadline = clock() + _ORPHAN_GRACE_S
    while _is_alive(worker) and clock() < deadline:
        sleep(_POLL_S)
    if _is_alive(worker):
        _kill(worker)


def _is_alive(owner: Owner) -> bool:
    """Asked anew each time, which a type checker does not believe of a property."""
    return owner.is_alive


def _kill(worker: Owner) -> None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(worker.pid)
        for one in (*process.children(recursive=True), process):
            with suppress(psutil.NoSuchProcess):
                one.kill()


def _living(note: Note | None) -> Note | None:
    return note if note and note.owner.is_alive else None


def _note_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _owner(fields: object) -> Owner | None:
    match fields:
        case [int(pid), int(started)]:
            return Owner(pid, started)
    return None


def _to_json(note: Note) -> dict[str, object]:
    worker = [note.worker.pid, note.worker.started_ms] if note.worker else None
    return {"owner": [note.owner.pid, note.owner.started_ms], "doing": note.doing, "worker": worker}

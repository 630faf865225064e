"""Notes under `.comfygen/pending/` that say which outputs are being written, and by whom.

A note exists before anything is written beside an image and goes when all is in place, so that whoever comes after a
crash finds every leftover by one look into one directory. Its name says whose it is; its content is the *intent*, the
record that belongs to the new image, or nothing as long as the image is not about to be replaced.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pytest_comfygen.outputs.atomic import create, fresh_token, overwrite_durably, remove, sync_directory
from pytest_comfygen.outputs.local import link_on_the_way

__all__ = ["Note", "Pending", "is_alive"]

# Writing takes well under a second, so a note of this age is a leftover, even when a new process has its owner's id.
_ABANDONED_AFTER_S = 60

_NOTE_NAME = re.compile(r"(?P<key>[0-9a-f]{32})\.(?P<token>(?P<pid>\d{1,10})-[0-9a-f]{8})\.json")


@dataclass(frozen=True, slots=True)
class Note:
    """That an output is being written.

    :param token: unique; in the name of every temporary file of this writing.
    :param pid: of the process that writes.
    """

    path: Path
    token: str
    pid: int

    def intend(self, text: str) -> None:
        """Keep the new image's record where a crash leaves it: from here on the image may be replaced."""
        overwrite_durably(self.path, text.encode())
        sync_directory(self.path.parent)

    def intent(self) -> str:
        """The record that was to be written, as far as it was kept: whoever reads it must expect it cut, or gone."""
        try:
            return self.path.read_bytes().decode(errors="replace")
        except FileNotFoundError:  # another process has just settled it
            return ""

    def drop(self) -> None:
        """Say that nothing is pending any more."""
        remove(self.path)


class Pending:
    """The notes of one repository.

    :param directory: where they lie; its parent is made by the caller.
    :param now: the wall clock, as files' times are.
    :param is_alive: whether a process has this id.
    """

    def __init__(self, directory: Path, now: Callable[[], float], is_alive: Callable[[int], bool]) -> None:
        self._directory = directory
        self._now = now
        self._is_alive = is_alive
        self._found: dict[str, list[Note]] | None = None

    def announce(self, output: str) -> Note:
        """Leave a note that this process is about to write `output`, a path relative to the repository."""
        key, pid = _key(output), os.getpid()
        token = fresh_token()
        note = Note(self._directory / f"{key}.{token}.json", token, pid)
        self._notes().setdefault(key, []).append(note)  # known before it exists: whatever happens, it is found
        self._directory.mkdir(exist_ok=True)
        create(note.path)  # not synced: what a power cut makes of it, `Strays` finds; its intent is synced
        return note

    def is_empty(self) -> bool:
        """Whether there is no note at all, as nearly always; the directory is read once, so asking is free."""
        return not self._notes()

    def abandoned(self, output: str) -> list[Note]:
        """The notes on `output` whose writers are gone."""
        return [note for note in self._notes().get(_key(output), ()) if self._is_abandoned(note)]

    def is_being_written(self, output: str) -> bool:
        """Whether another process that lives is writing `output` at this moment; reads the directory anew."""
        key = _key(output)
        return any(
            note.pid != os.getpid() and note.path.exists() and not self._is_abandoned(note)
            for note_key, note in _read(self._directory)
            if note_key == key
        )

    def _notes(self) -> dict[str, list[Note]]:
        if self._found is None:
            self._found = {}
            for key, note in _read(self._directory):
                self._found.setdefault(key, []).append(note)
        return self._found

    def _is_abandoned(self, note: Note) -> bool:
        """A process writes an output once at a time, so what it finds of itself was left by a failure."""
        try:
            age_s = self._now() - note.path.stat().st_mtime
        except FileNotFoundError:
            return False
        return note.pid == os.getpid() or age_s > _ABANDONED_AFTER_S or not self._is_alive(note.pid)


def is_alive(pid: int) -> bool:
    """Whether a process has this id."""
    if os.name == "nt":  # asking by a signal would end it there; a second run at the same time then starts over
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _read(directory: Path) -> Iterator[tuple[str, Note]]:
    for path in _files(directory):
        if match := _NOTE_NAME.fullmatch(path.name):
            yield match["key"], Note(path, match["token"], int(match["pid"]))


def _key(output: str) -> str:
    return sha256(output.encode(errors="surrogatepass")).hexdigest()[:32]


def _files(directory: Path) -> list[Path]:
    if link_on_the_way(directory):  # those notes are not of this repository
        return []
    try:
        return sorted(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []

"""What happens in a run as JSON lines, for programs that follow it: few events, with names that have a version."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, TypeAlias

from pytest_comfygen.errors import WriteFailed
from pytest_comfygen.records.ended import Ended

__all__ = ["EventFile", "Fields", "file_failed", "item_finished", "run_finished", "run_started"]

Fields: TypeAlias = Mapping[str, str | int | float | Mapping[str, int]]
_STARTED, _FINISHED = "comfygen.run.started/1", "comfygen.run.finished/1"
_ITEM, _FILE = "comfygen.item.finished/1", "comfygen.file.failed/1"


class EventFile:
    """A file of events, one in a line, each there as soon as it happened.

    :param path: a new file, or one of events that is replaced.
    :raises WriteFailed: something else stands there, or the system refuses.
    """

    def __init__(self, path: Path, shown: str) -> None:
        self._shown = shown
        try:
            _refuse_others(path, shown)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = path.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise _failed(shown, error) from None

    def note(self, event: Fields) -> None:
        """Add an event.

        :raises WriteFailed: the system refuses.
        """
        try:
            self._file.write(f"{json.dumps(event)}\n")
            self._file.flush()
        except OSError as error:
            raise _failed(self._shown, error) from None

    def close(self) -> None:
        """Give the file back; what could not be written was told already."""
        with suppress(OSError):
            self._file.close()


def run_started(*, at: str, comfygen: str, update: str, sketch: bool) -> Fields:
    """The run begins.

    :param at: the time, as ISO 8601 has it.
    :param comfygen: the plugin's version.
    """
    return {"event": _STARTED, "at": at, "comfygen": comfygen, "update": update, "sketch": sketch}


def item_finished(ended: Ended) -> Fields:
    """An image ended; what is not known is left out."""
    return {"event": _ITEM} | {name: value for name, value in asdict(ended).items() if value is not None}


def file_failed(file: str, message: str) -> Fields:
    """A job file cannot be used."""
    return {"event": _FILE, "file": file, "message": message}


def run_finished(*, at: str, exit_code: int, outcomes: Iterable[str]) -> Fields:
    """The run ended.

    :param outcomes: of its images.
    """
    return {"event": _FINISHED, "at": at, "exit_code": exit_code, "images": dict(sorted(Counter(outcomes).items()))}


def _refuse_others(path: Path, shown: str) -> None:
    """Refuse a place where anything but events stands: nobody's file is lost to a slip of the pen."""
    if path.is_dir():
        raise WriteFailed(f"{shown} is a directory", hint="name a file in it, such as events.jsonl")
    if path.exists() and not (path.is_file() and _is_ours(path)):
        raise WriteFailed(
            f"{shown} holds no events of a run, so it is left alone", hint="name another file, or move it away"
        )


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(1000)
    return not first or first.startswith(f'{{"event": "{_STARTED}"'.encode())


def _failed(shown: str, error: OSError) -> WriteFailed:
    return WriteFailed(f"{shown} cannot be written: {error.strerror or error}", hint="name another file")

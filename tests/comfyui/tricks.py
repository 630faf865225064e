"""What a test wants what passes for ComfyUI to do, and what that says of its life.

Tricks are files of a directory, so that they reach every server of a test, and can begin and end while it runs. The
directory's path comes to the server in the variable `COMFYUI_TRICKS`, which is neither ours nor a secret to anybody.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

__all__ = ["VARIABLE", "Note", "Trick", "Tricks"]

VARIABLE = "COMFYUI_TRICKS"

Trick = Literal[
    "hold-start",  # it gets no further than its imports while the trick is on
    "lack-module",  # it dies at the start, for want of the module that the text names
    "die",  # it dies in the middle of every job whose prompt holds the text
    "die-once",  # the same, for the first such job only
    "hold",  # every job whose prompt holds the text stops while the trick is on; it can be interrupted
    "wedge-once",  # the first such job never goes on, in this process; HTTP answers, the queue does not move
]


class Note(NamedTuple):
    """Something that a server did.

    :param word: `start`, `ready`, or `job` when the middle of one is reached.
    :param about: the job's prompt.
    """

    word: str
    pid: int
    about: str


@dataclass(frozen=True, slots=True)
class Tricks:
    """The tricks of one test, files in a directory that is there."""

    directory: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Tricks:
        """Those of the test that a server runs in; without one there is none."""
        return cls(Path(environment.get(VARIABLE, os.devnull)))

    # --- for the test -------------------------------------------------------------------------------------------------

    def play(self, trick: Trick, text: str = "") -> None:
        """Begin a trick, at once.

        :param text: what a prompt has to hold; nothing means every prompt.
        """
        temp = self.directory / f".{trick}"
        temp.write_text(text, encoding="utf-8")
        temp.replace(self.directory / trick)

    def stop(self, trick: Trick) -> None:
        """End a trick."""
        (self.directory / trick).unlink(missing_ok=True)

    def notes(self, word: str | None = None) -> list[Note]:
        """What servers did so far, of one kind or all."""
        try:
            lines = self._journal.read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        notes = [Note(*json.loads(line)) for line in lines]
        return [note for note in notes if word in (None, note.word)]

    # --- for the server -----------------------------------------------------------------------------------------------

    def note(self, word: str, about: str = "") -> None:
        """Say what is being done; a line is written at once or not at all."""
        if self.directory.is_dir():
            with self._journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps(Note(word, os.getpid(), about)) + "\n")

    def text(self, trick: Trick) -> str | None:
        """The text of a trick that is on."""
        try:
            return (self.directory / trick).read_text(encoding="utf-8")
        except OSError:
            return None

    def concerns(self, trick: Trick, about: str) -> bool:
        """Whether a trick is on for a prompt."""
        text = self.text(trick)
        return text is not None and text in about

    def takes(self, trick: Trick, about: str) -> bool:
        """Whether a trick is on for a prompt, and it is we who end it."""
        if not self.concerns(trick, about):
            return False
        try:
            (self.directory / trick).unlink()
        except FileNotFoundError:
            return False
        return True

    @property
    def _journal(self) -> Path:
        return self.directory / "journal"

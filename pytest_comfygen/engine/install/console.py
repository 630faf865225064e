"""Runs the long programs of an installation: all they write goes to the log, what moves goes up as events."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.locks import Held
from pytest_comfygen.engine.programs import Done, redacted, work
from pytest_comfygen.records import Event

__all__ = ["Console", "progress_of"]

_KEPT_LINES = 1000
_SUBJECT = "ComfyUI"

# How installers begin the lines that say what they are about.
_TELLING = re.compile(
    r"\s*(Cloning|Collecting|Downloading|Building|Installing|Successfully|Resolved|Prepared|Installed)\b"
)


@dataclass(frozen=True, slots=True)
class Console:
    """One installation's log and events.

    :param log: file that everything is appended to.
    :param held: the installation's lock, which is told what works for us.
    """

    log: Path
    notify: Callable[[Event], None]
    held: Held

    def say(self, text: str) -> None:
        """Tell the user one thing."""
        shown = redacted(text)
        self._append(f"-- {shown}")
        self.notify(Event(kind="notice", subject=_SUBJECT, text=shown))

    def run(self, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> Done:
        """Run a program to its end.

        :returns: how it ended, with the last of its lines.
        """
        self._append(f"$ {redacted(' '.join(command))}")
        kept: deque[str] = deque(maxlen=_KEPT_LINES)
        subject = ""

        def line(text: str) -> None:
            nonlocal subject
            event = progress_of(text, subject)
            if event:
                self.notify(event)
            if not event or not event.maximum:  # counting belongs on the screen, not in the log
                subject = event.text if event else subject
                kept.append(text)
                self._append(text)

        status = work(command, environment, cwd=cwd, line=line, started=self.held.works_with)
        self.held.note()
        return Done(status, "\n".join(kept))

    def _append(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8", errors="replace") as file:
            file.write(text + "\n")


def progress_of(line: str, before: str = "") -> Event | None:
    """What a line of git, pip or uv says about how far it is; None when it says nothing of the kind.

    :param before: what the last such line was about: pip counts bytes below the name of the file.
    """
    if counted := re.match(r"(?:remote: )?([A-Z][\w ]+): +\d+% \((\d+)/(\d+)\)", line):
        return _progress(counted[1].lower(), int(counted[2]), int(counted[3]))
    if transferred := re.fullmatch(r"Progress (\d+) of (\d+)", line.strip()):  # pip --progress-bar=raw
        return _progress(before or "downloading", int(transferred[1]), int(transferred[2]))
    if many := re.match(r"Installing collected packages: (.+)", line):
        return _progress(f"installing {many[1].count(',') + 1} packages")
    return _progress(re.sub(r" \(from .*", "", line.strip())) if _TELLING.match(line) else None


def _progress(text: str, value: int = 0, maximum: int = 0) -> Event:
    return Event(kind="progress", subject=_SUBJECT, text=text, value=value, maximum=maximum)

"""What happens on the way, as plain lines: an installation, a download, a server that starts.

Workers of xdist have no terminal, but the standard error of the process that started them is theirs, too.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_comfygen.records import Event

__all__ = ["Progress"]

_EVERY_S = 10.0
_FORGOTTEN_S = 24 * 3600.0


class Progress:
    """Tells events of the kind that somebody waits for; nothing with `-q`.

    :param run: what tells this run from others.
    :param told: a directory in which the workers of a run note what they have told, so that eight do not tell it eight
        times; made when it is needed.
    """

    def __init__(
        self, config: pytest.Config, run: str, told: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._run = run
        self._told = told
        self._clock = clock
        self._told_at: dict[str, float] = {}

    def tell(self, event: Event) -> None:
        """Show an event that is not about a job, unless the last one like it was just now."""
        if event.job or self._config.get_verbosity() < 0:
            return
        if event.kind == "progress":
            self._tell_progress(event)
        elif event.kind == "notice" and self._is_first(event.text):
            self._write(event.text)

    def close(self) -> None:
        """Remove the notes of this run, and those of runs that died; workers leave that to their controller."""
        if hasattr(self._config, "workerinput") or not self._told.is_dir():
            return
        for note in self._told.iterdir():
            with suppress(OSError):
                if note.name.startswith(self._run) or time.time() - note.stat().st_mtime > _FORGOTTEN_S:
                    note.unlink()

    def _tell_progress(self, event: Event) -> None:
        from pytest_comfygen.outputs.report import progress_line  # noqa: PLC0415  # a run that makes nothing must not pay

        now = self._clock()
        if now - self._told_at.setdefault(event.subject, now) >= _EVERY_S:
            self._told_at[event.subject] = now
            self._write(progress_line(event))

    def _is_first(self, text: str) -> bool:
        """Whether no other process of the run has told the same; alone there is none to ask."""
        if not hasattr(self._config, "workerinput"):
            return True
        from hashlib import sha256  # noqa: PLC0415  # a run that makes nothing must not pay

        try:
            self._told.mkdir(exist_ok=True)
            (self._told / f"{self._run}-{sha256(text.encode()).hexdigest()[:16]}").touch(exist_ok=False)
        except FileExistsError:
            return False
        except OSError:
            return True
        return True

    def _write(self, text: str) -> None:
        """A line of its own, also while output is captured."""
        capture = self._config.pluginmanager.getplugin("capturemanager")
        if capture is None:
            self._write_plainly(text)
        else:
            with capture.global_and_fixture_disabled():
                self._write_plainly(text)

    def _write_plainly(self, text: str) -> None:
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if hasattr(self._config, "workerinput"):
            sys.stderr.write(f"comfygen: {text}\n")
            sys.stderr.flush()
        elif terminal is not None:
            terminal.ensure_newline()
            terminal.write_line(f"comfygen: {text}")
            terminal.flush()

"""What happens on the way, as plain lines: an installation, a download, a server that starts.

Workers of xdist have no terminal. They write their lines to a file that the process with the terminal reads on.
"""

from __future__ import annotations

import threading
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
_PAUSE_S = 0.2
_FORGOTTEN_S = 24 * 3600.0


class Progress:
    """Tells events of the kind that somebody waits for; nothing with `-q`.

    :param run: what tells this run from others.
    :param directory: of this machine's own, for what workers tell; made when a worker has something to tell.
    """

    def __init__(
        self,
        config: pytest.Config,
        run: str,
        directory: Callable[[], Path],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._run = run
        self._directory = directory
        self._clock = clock
        self._told_at: dict[str, float] = {}
        self._told: set[str] = set()
        self._listener: _Listener | None = None

    def tell(self, event: Event) -> None:
        """Show an event that somebody waits for, unless the last one of the same matter was just now."""
        if event.kind not in ("notice", "progress") or self._config.get_verbosity() < 0:
            return
        from pytest_comfygen.outputs.report import progress_line  # noqa: PLC0415  # a run that makes nothing must not pay

        if event.kind == "notice":
            self._write(event.text)
        elif not event.job and self._is_due(event.subject):
            self._write(progress_line(event))

    def listen(self, directory: Path) -> None:
        """Show what workers tell from now on, each text once.

        :param directory: where they write, which need not exist yet.
        """
        if self._listener is None:
            self._listener = _Listener(directory / f"{self._run}.txt", self._show_once)
            self._listener.start()

    def close(self) -> None:
        """Show what was told last, and remove the file."""
        if self._listener is not None:
            self._listener.end()

    def _is_due(self, subject: str) -> bool:
        now = self._clock()
        is_due = now - self._told_at.setdefault(subject, now) >= _EVERY_S
        if is_due:
            self._told_at[subject] = now
        return is_due

    def _write(self, text: str) -> None:
        if not hasattr(self._config, "workerinput"):
            self._show(text)
            return
        with suppress(OSError), (self._directory() / f"{self._run}.txt").open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    def _show_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._show(text)

    def _show(self, text: str) -> None:
        """A line of its own, also while output is captured."""
        capture = self._config.pluginmanager.getplugin("capturemanager")
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is None:
            return
        if capture is None or threading.current_thread() is not threading.main_thread():
            self._show_plainly(terminal, text)  # the process that listens runs no test, so nothing is captured
        else:
            with capture.global_and_fixture_disabled():
                self._show_plainly(terminal, text)

    def _show_plainly(self, terminal: pytest.TerminalReporter, text: str) -> None:
        terminal.ensure_newline()
        writer = self._config.get_terminal_writer()
        if writer.width_of_current_line:  # after its percentage, pytest thinks that it stands on a new line
            writer.line()
        terminal.write_line(f"comfygen: {text}")
        terminal.flush()


class _Listener(threading.Thread):
    """Reads the lines that workers write."""

    def __init__(self, file: Path, show: Callable[[str], None]) -> None:
        super().__init__(name="comfygen-progress", daemon=True)
        self._file = file
        self._show = show
        self._read = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """Read on until `end`."""
        while not self._ended.wait(_PAUSE_S):
            self._read_on()

    def end(self) -> None:
        """Read what is left, and remove the file and those of runs that died."""
        self._ended.set()
        self.join()
        self._read_on()
        for old in self._file.parent.glob("*.txt"):
            with suppress(OSError):
                if old == self._file or time.time() - old.stat().st_mtime > _FORGOTTEN_S:
                    old.unlink()

    def _read_on(self) -> None:
        with suppress(OSError), self._file.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
            self._read += len(whole) + len(newline)
            for line in whole.decode("utf-8", "replace").splitlines():
                self._show(line)

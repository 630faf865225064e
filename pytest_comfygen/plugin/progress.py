"""What happens on the way, as plain lines: an installation, a download, a server that starts.

Workers of xdist have no terminal. They write what happens to a file that the process with the terminal reads on.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_comfygen.plugin.liveline import Live
    from pytest_comfygen.records import Event

__all__ = ["Progress"]

_EVERY_S = 10.0
_LIVE_EVERY_S = 0.2
_PAUSE_S = 0.2
_FORGOTTEN_S = 24 * 3600.0


class Progress:
    """Tells events of the kind that somebody waits for; nothing with `-q`.

    :param run: what tells this run from others.
    :param directory: of this machine's own, for what workers tell; made when a worker has something to tell.
    :ivar live: shows what happens as it happens, where the terminal can; then what goes on gets no lines of its own.
    :ivar is_followed: the process with the terminal, which this one is a worker of, has such a `live`.
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
        self.live: Live | None = None
        self.is_followed = False

    def tell(self, event: Event) -> None:
        """Show an event that somebody waits for, unless the last one of the same matter was just now."""
        if self._config.get_verbosity() < 0:
            return
        if hasattr(self._config, "workerinput"):
            if self._is_worth_passing_on(event):
                self._pass_on(event)
        else:
            self._take_in(event, self._show, _EVERY_S)

    def _take_in(self, event: Event, show: Callable[[str], None], every_s: float) -> None:
        """Show an event in the process that has the terminal.

        :param every_s: in a line of its own at most so often, if it tells how far something is.
        """
        from pytest_comfygen.outputs.report import progress_line  # noqa: PLC0415  # a run that makes nothing must not pay

        if event.kind == "notice":
            show(event.text)
        if self.live:
            self.live.heed(event)
        elif event.kind == "progress" and not event.job and self._is_due(event.subject, every_s):
            show(progress_line(event))

    def _is_worth_passing_on(self, event: Event) -> bool:
        """Whether the process with the terminal would show it."""
        if event.kind != "progress":
            return event.kind == "notice" or self.is_followed
        if event.job and not self.is_followed:
            return False
        return self._is_due(event.job or event.subject, _LIVE_EVERY_S if self.is_followed else _EVERY_S)

    def _pass_on(self, event: Event) -> None:
        from dataclasses import asdict  # noqa: PLC0415  # as above

        from pytest_comfygen.errors import OutsideRepository, WriteFailed  # noqa: PLC0415  # as above

        with (
            suppress(OSError, OutsideRepository, WriteFailed),
            (self._directory() / f"{self._run}.txt").open("a", encoding="utf-8") as file,
        ):
            file.write(f"{json.dumps(asdict(event))}\n")

    def listen(self, directory: Path) -> None:
        """Show what workers tell from now on, each text once.

        :param directory: where they write, which need not exist yet.
        """
        if self._listener is None:
            self._listener = _Listener(directory / f"{self._run}.txt", self._hear, self._refresh)
            self._listener.start()

    def catch_up(self) -> None:
        """Show what workers have told up to now."""
        if self._listener is not None:
            self._listener.read_on()

    def close(self) -> None:
        """Show what was told last, and remove the file."""
        if self._listener is not None:
            self._listener.end()

    def _is_due(self, subject: str, every_s: float) -> bool:
        now = self._clock()
        is_due = now - self._told_at.setdefault(subject, now) >= every_s
        if is_due:
            self._told_at[subject] = now
        return is_due

    def _hear(self, line: str) -> None:
        """Take in what a worker passed on."""
        from pytest_comfygen.records import Event  # noqa: PLC0415  # as above

        with suppress(ValueError, TypeError):  # torn, by a worker that was killed
            self._take_in(Event(**json.loads(line)), self._show_once, 0.0)  # workers have held it back

    def _refresh(self) -> None:
        if self.live:
            self.live.refresh()

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
    """Reads the lines that workers write.

    :param hear: takes each line.
    :param refresh: is called after each look, whether there was one or not.
    """

    def __init__(self, file: Path, hear: Callable[[str], None], refresh: Callable[[], None]) -> None:
        super().__init__(name="comfygen-progress", daemon=True)
        self._file = file
        self._hear = hear
        self._refresh = refresh
        self._read = 0
        self._turn = threading.Lock()
        self._ended = threading.Event()

    def run(self) -> None:
        """Read on until `end`."""
        while not self._ended.wait(_PAUSE_S):
            self.read_on()
            self._refresh()

    def end(self) -> None:
        """Read what is left, and remove the file and those of runs that died."""
        self._ended.set()
        self.join()
        self.read_on()
        if self._file.parent.is_dir():
            self._tidy()

    def _tidy(self) -> None:
        from pytest_comfygen.outputs.local import is_run, link_on_the_way  # noqa: PLC0415  # nearly no run has told any

        if link_on_the_way(self._file.parent):
            return
        for old in self._file.parent.glob("*.txt"):
            with suppress(OSError):
                if not is_run(old.stem):
                    continue
                if old == self._file or time.time() - old.stat().st_mtime > _FORGOTTEN_S:
                    old.unlink()

    def read_on(self) -> None:
        """Hear the lines that have come since."""
        with self._turn, suppress(OSError), self._file.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
            self._read += len(whole) + len(newline)
            for line in whole.decode("utf-8", "replace").splitlines():
                self._hear(line)

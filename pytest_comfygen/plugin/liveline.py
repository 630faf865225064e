"""One live line below pytest's own, on a terminal that can: the picture that is made, and how long the rest takes.

It is drawn on the terminal itself and not on standard output, so that no capture sees it. Whatever pytest writes, the
line is erased before.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen.plugin.terminal import outcome_of

if TYPE_CHECKING:
    from _pytest._io import TerminalWriter  # the type of what `config.get_terminal_writer` gives, not exported

    from pytest_comfygen.outputs.live import Batch
    from pytest_comfygen.plugin.session import Session
    from pytest_comfygen.records import Event

__all__ = ["Live", "LiveLine", "can_draw"]

_EVERY_S = 0.1


def can_draw(config: pytest.Config, environment: Mapping[str, str], *, ci: bool) -> bool:
    """Whether a live line can be drawn: a person looks at a terminal that moves its cursor, and pytest owns it.

    With `-s` tests write where we cannot see it; other reporters, such as pytest-sugar's, draw lines of their own.
    """
    reporter = config.pluginmanager.getplugin("terminalreporter")
    return (
        type(reporter) is pytest.TerminalReporter
        and os.name == "posix"
        and environment.get("TERM", "dumb") != "dumb"
        and not ci
        and config.get_verbosity() >= 0
        and config.option.capture != "no"
        and not hasattr(config, "workerinput")
    )


class Live:
    """Shows the live line of a run whose output is a terminal, if it can be drawn there."""

    def __init__(self, config: pytest.Config, session: Session, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._session = session
        self._clock = clock
        self._line: LiveLine | None = None
        self._batch: Batch | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Open the line, before xdist starts its workers, which are told whether there is one."""
        if can_draw(self._config, os.environ, ci=self._session.settings.ci):
            self._line = LiveLine(self._config.get_terminal_writer(), os.dup(sys.stdout.fileno()), self._clock)
            self._session.progress.live = self

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """An item's picture is no longer being made."""
        if self._batch and (report.when == "call" or report.failed) and report.outcome in ("passed", "failed"):
            was_made = outcome_of(report) in ("generated", "identical")
            self._batch.end(report.nodeid, self._clock(), was_made=was_made)

    def pytest_enter_pdb(self) -> None:
        """Leave the terminal to the debugger."""
        if self._line:
            self._line.erase()

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self) -> None:
        """Leave nothing behind, however the run ended."""
        if self._line:
            self._line.close()

    def heed(self, event: Event) -> None:
        """Take in what happened, and show it."""
        if self._batch is None:
            from pytest_comfygen.outputs.live import Batch  # noqa: PLC0415  # a run that makes nothing must not pay

            self._batch = Batch()
        self._batch.heed(event, self._clock())
        self.refresh()

    def refresh(self) -> None:
        """Show what is known now."""
        if self._batch and self._line:
            self._line.show(self._batch.line(self._clock()))


class LiveLine:
    """A line below the one that pytest writes, erased before pytest writes on.

    :param writer: pytest's, whose `write` is wrapped until `close`.
    :param terminal: a file descriptor of its own for the terminal that the writer writes to; closed by `close`.
    """

    def __init__(self, writer: TerminalWriter, terminal: int, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._terminal = terminal
        self._clock = clock
        self._shown = ""
        self._shown_at = float("-inf")
        self._turn = threading.RLock()  # workers' news are shown by a thread of their own
        self._is_open = True
        writer.write = self._write  # type: ignore[method-assign]  # what no hook tells: that pytest is about to write

    def show(self, text: str) -> None:
        """Show `text`, unless the last one was shown just now."""
        now = self._clock()
        with self._turn:
            if text == self._shown or now - self._shown_at < _EVERY_S:
                return
            if not text:
                self.erase()
            elif self._below(text):
                self._shown, self._shown_at = text, now

    def erase(self) -> None:
        """Leave the terminal as pytest knows it."""
        with self._turn:
            if self._shown:
                self._below("")
                self._shown = ""

    def close(self) -> None:
        """Erase the line and give the writer back."""
        self.erase()
        with self._turn:
            if self._is_open:
                self._is_open = False
                del self._writer.write
                os.close(self._terminal)

    def _write(self, msg: str, *, flush: bool = False, **markup: bool) -> None:  # noqa: ARG002  # it is always flushed
        """What pytest writes, where it believes to be; at once, because the line is drawn past its buffer."""
        with self._turn:
            self.erase()
            type(self._writer).write(self._writer, msg, flush=True, **markup)

    def _below(self, text: str) -> bool:
        """Put `text` into the line below, and the cursor back to where pytest left it.

        Relative, because going down on the last row moves all others up.

        :returns: whether that was possible; at the end of a full row nobody knows where the cursor is.
        """
        from pytest_comfygen.outputs.live import fitted  # noqa: PLC0415  # loaded already by who has a text

        if not self._is_open:
            return False
        columns = max(os.get_terminal_size(self._terminal).columns, 1)
        width = self._writer.width_of_current_line
        column = width % columns
        if width and not column:
            return False
        drawn = f"\r\n{fitted(text, columns - 1)}\x1b[K\x1b[A\x1b[{column + 1}G".encode(errors="replace")
        while drawn:
            drawn = drawn[os.write(self._terminal, drawn) :]
        return True

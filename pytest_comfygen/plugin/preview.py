"""`--comfy-preview`: who runs images notes where the new pictures lie, and who has the terminal draws them small.

Verbose runs have a line for each item, so a picture is drawn below its line, as soon as it is there. In others it would
tear the row of letters apart: pictures wait for the end of the run.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_comfygen.outputs.candidates import CANDIDATES
from pytest_comfygen.outputs.inline import Canvas, canvas_of, drawn
from pytest_comfygen.outputs.local import link_on_the_way
from pytest_comfygen.outputs.report import harmless
from pytest_comfygen.plugin.collect import ComfyItem
from pytest_comfygen.plugin.session import Session
from pytest_comfygen.plugin.terminal import is_image
from pytest_comfygen.records import Job, JobResult
from pytest_comfygen.settings import LOCAL
from pytest_comfygen.verify.preview import thumbnail_of

__all__ = ["show_previews"]

_MOST = 20
_LONGEST_PX = 256
_NEW = frozenset({"generated", "restored", "picked"})
_NOTED = "comfygen_pictures"  # on a report, with which it travels from a worker


def show_previews(config: pytest.Config, session: Session) -> None:
    """Have the new pictures of this run noted, and drawn by the process that has the terminal."""
    config.pluginmanager.register(Witness(time.time()), "comfygen-preview-notes")
    if not hasattr(config, "workerinput") and config.get_verbosity() >= 0:
        is_terminal = os.name == "posix" and sys.stdout.isatty()
        canvas = canvas_of(os.environ, is_terminal=is_terminal, ci=session.settings.ci)
        is_told = session.settings.was_typed("preview") or (is_terminal and not session.settings.ci)
        config.pluginmanager.register(Drawing(config, canvas, is_told=is_told), "comfygen-preview")


class Picture(NamedTuple):
    """A new picture.

    :param title: the item's name, and what it is when it is not the item's image.
    """

    title: str
    path: str


class Witness:
    """Adds to an image's report where its new pictures lie.

    :param since: older files were not made by this run.
    """

    def __init__(self, since: float) -> None:
        self._since = since
        self._result: JobResult | None = None

    def pytest_runtest_logstart(self) -> None:
        """Another item begins."""
        self._result = None

    def pytest_comfygen_finished(self, result: JobResult) -> None:
        """Keep how the item ended."""
        self._result = result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the pictures, as built-ins."""
        report = yield
        if isinstance(item, ComfyItem) and _is_the_end(report):
            setattr(report, _NOTED, [list(one) for one in self._pictures(item, report)])
        return report

    def _pictures(self, item: ComfyItem, report: pytest.TestReport) -> Iterator[Picture]:
        job, result = item.job, self._result
        if report.failed:
            kept = _local(job, "rejected")
            yield from [Picture(f"{item.name}, refused", str(kept))] if self._is_of_this_run(kept) else []
        elif result is not None and result.outcome in _NEW:
            yield Picture(item.name, str(result.path))
        elif result is not None and result.outcome == "unpicked":
            offered = (_local(job, CANDIDATES) / f"{number + 1}{job.output.suffix}" for number in range(job.candidates))
            for path in filter(self._is_of_this_run, offered):
                yield Picture(f"{item.name}, candidate {path.stem}", str(path))

    def _is_of_this_run(self, path: Path) -> bool:
        """Whether it was kept aside since, and is no link, which would lead to somebody else's file."""
        try:
            return link_on_the_way(path) is None and path.stat().st_mtime >= self._since
        except OSError:
            return False


class Drawing:
    """Draws the new pictures on the terminal; where it cannot, one line says why.

    :param is_told: the line is worth its place: somebody typed the option, or looks at a terminal.
    """

    def __init__(self, config: pytest.Config, canvas: Canvas, *, is_told: bool) -> None:
        self._config = config
        self._canvas = canvas
        self._is_told = is_told
        self._waiting: dict[str, list[Picture]] = {}
        self._drawn = 0
        self._left_out = 0

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Draw an item's pictures below its line, or keep them for the end; a rerun replaces what it repeats."""
        if not is_image(report) or not _is_the_end(report):
            return
        self._waiting[report.nodeid] = [Picture(*one) for one in getattr(report, _NOTED, ())]
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if self._canvas.protocol and type(terminal) is pytest.TerminalReporter and self._config.get_verbosity() > 0:
            self._draw(terminal)

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Draw what waits, and say what is not drawn."""
        is_there = any(self._waiting.values())
        if is_there and not self._canvas.protocol:
            if self._is_told:
                terminalreporter.write_line(f"comfygen: --comfy-preview draws no pictures: {self._canvas.why_not}")
            return
        if is_there:
            terminalreporter.write_sep("=", "new pictures")
            self._draw(terminalreporter)
        if self._left_out:
            terminalreporter.write_line(f"and {self._left_out} more; --comfy-gallery shows them all")

    def _draw(self, terminal: pytest.TerminalReporter) -> None:
        """Draw what waits, as far as there is room; through pytest's writer, which takes the live line away before."""
        pictures = [one for found in self._waiting.values() for one in found]
        self._waiting.clear()
        shown = pictures[: _MOST - self._drawn]
        for picture in shown:
            terminal.ensure_newline()
            for line in self._lines(picture):
                terminal.write(f"{line}\n", flush=True)
        self._drawn += len(shown)
        self._left_out += len(pictures) - len(shown)

    def _lines(self, picture: Picture) -> Iterator[str]:
        """The picture and its name below it; the name alone when there is nothing to see."""
        path = Path(picture.path)
        caption = f"{picture.title}: {os.path.relpath(path, self._config.invocation_params.dir)}"
        try:
            with path.open("rb") as file:
                png = thumbnail_of(file, _LONGEST_PX)
        except OSError:
            yield harmless(f"{caption} (not on this machine)")
            return
        if png and self._canvas.protocol:
            yield drawn(png, self._canvas.protocol)
        yield harmless(caption if png else f"{caption} (not a picture that can be drawn)")


def _is_the_end(report: pytest.TestReport) -> bool:
    return report.when == "call" or report.failed


def _local(job: Job, name: str) -> Path:
    """Where something of an item's lies that is not its image."""
    return job.root / LOCAL / name / job.output.relative_to(job.root)

"""The hooks that watch a run and tell the user about it, on the process that talks to the user and on workers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen.plugin.asked import is_job_file
from pytest_comfygen.plugin.session import LeftAlone, Session

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from pytest_comfygen.plugin.terminal import Tally

__all__ = ["Reporting", "watch", "work_alone"]


def watch(config: pytest.Config, session: Session) -> None:
    """Register what listens to this run, and what takes part in it only when that is asked for."""
    config.pluginmanager.register(Reporting(config, session), "comfygen-reporting")
    if hasattr(config, "workerinput"):
        from pytest_comfygen.plugin.selection import NextOnes  # noqa: PLC0415  # who works alone must not pay

        config.pluginmanager.register(NextOnes(), "comfygen-next-ones")
    if sys.stdout.isatty():
        from pytest_comfygen.plugin.liveline import Live  # noqa: PLC0415  # nobody looks

        config.pluginmanager.register(Live(config, session), "comfygen-live")
    if (session.settings.json or session.settings.summary) and not session.settings.plan:
        from pytest_comfygen.plugin.accounts import give_account  # noqa: PLC0415  # most runs give none

        give_account(config, session)
    if session.settings.preview:
        from pytest_comfygen.plugin.preview import show_previews  # noqa: PLC0415  # most runs show none

        show_previews(config, session)
    if getattr(config.option, "htmlpath", None):
        from pytest_comfygen.plugin.htmlreport import show_pictures  # noqa: PLC0415  # most runs write no such report

        show_pictures(config)
    if session.settings.pick:
        work_alone(config)
    if session.settings.plan:
        from pytest_comfygen.plugin.planning import Planning  # noqa: PLC0415  # nearly no run asks for it

        config.pluginmanager.register(Planning(config, session), "comfygen-planning")
    elif session.settings.gallery:
        from pytest_comfygen.plugin.gallery import show_gallery  # noqa: PLC0415  # most runs show none

        show_gallery(config, session)


def work_alone(config: pytest.Config) -> None:
    """Do everything in this process; xdist, which configures itself last, leaves it alone then."""
    config.option.dist, config.option.tx = "no", []


class Reporting:
    """Listens to reports; on an xdist worker it only sends home what was left alone.

    What tells of images is loaded when there is something to tell: most runs are of unit tests that pass.
    """

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self._config = config
        self._session = session
        self._counted: Tally | None = None
        self._left_alone = LeftAlone()
        self._collection_failed_elsewhere = False

    @property
    def _tally(self) -> Tally:
        if self._counted is None:
            from pytest_comfygen.plugin.terminal import Tally  # noqa: PLC0415  # a run without images must not pay

            self._counted = Tally(self._session)
        return self._counted

    @property
    def _may_tell(self) -> bool:
        """Whether there are images, or a failure that may be for want of a server."""
        return self._counted is not None or not self._session.asked.nothing

    def pytest_report_header(self) -> list[str]:
        """Show the settings that are not defaults."""
        if not self._session.settings.sources:
            return []
        from pytest_comfygen.plugin.terminal import header  # noqa: PLC0415  # a run without settings must not pay

        return header(self._session)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note whether anything but a job file could not be collected."""
        if report.failed and not is_job_file(report.nodeid):
            self._collection_failed_elsewhere = True

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Run the other files when only job files could not be collected."""
        if session.testsfailed and not self._collection_failed_elsewhere:
            self._config.option.continue_on_collection_errors = True

    def pytest_report_collectionfinish(self) -> list[str]:
        """Say what was left alone and how to run it."""
        return self._told_of(self._session.left_alone)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count."""
        if report.failed or self._may_tell:
            self._tally.count(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        """Take in what an xdist worker left alone; a worker that crashed brings nothing."""
        brought = getattr(node, "workeroutput", {}).get("comfygen", {})
        self._left_alone.files.update(brought.get("files", ()))
        self._left_alone.items.update(brought.get("items", ()))
        self._session.orphans[:] = brought.get("orphans", self._session.orphans)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write what all images are needed for, then send home what was left alone, or set the exit code."""
        output = getattr(self._config, "workeroutput", None)
        self._session.finish()
        if output is None:
            self._session.catch_up()
            session.exitstatus = self._tally.exit_code(session, exitstatus) if self._may_tell else exitstatus
        else:
            left = self._session.left_alone
            output["comfygen"] = {"files": sorted(left.files), "items": sorted(left.items)} | (
                {"orphans": self._session.orphans} if self._session.orphans else {}
            )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the summary line and what to type next."""
        lines = self._tally.lines(self._config) if self._may_tell else ()
        for line in (*self._told_of(self._left_alone), *lines):
            terminalreporter.write_line(line)

    def _told_of(self, left: LeftAlone) -> list[str]:
        if not (left.files or left.items):
            return []
        from pytest_comfygen.plugin.terminal import left_alone_lines  # noqa: PLC0415  # most runs leave none alone

        return list(left_alone_lines(left, self._config))

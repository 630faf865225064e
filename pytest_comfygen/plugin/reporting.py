"""The hooks that watch a run and tell the user about it, on the process that talks to the user and on workers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen.plugin.asked import is_job_file
from pytest_comfygen.plugin.selection import NextOnes
from pytest_comfygen.plugin.session import Session
from pytest_comfygen.plugin.terminal import Tally, header, left_alone_lines

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

__all__ = ["Reporting", "watch", "work_alone"]


def watch(config: pytest.Config, session: Session) -> None:
    """Register what listens to this run, and what takes part in it only when that is asked for."""
    config.pluginmanager.register(Reporting(config, session), "comfygen-reporting")
    if hasattr(config, "workerinput"):
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
    """Listens to reports; on an xdist worker it only sends home what was left alone."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self._config = config
        self._session = session
        self._tally = Tally(session)
        self._collection_failed_elsewhere = False

    def pytest_report_header(self) -> list[str]:
        """Show the settings that are not defaults."""
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
        return list(left_alone_lines(self._session.left_alone, self._config))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count."""
        self._tally.count(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        """Take in what an xdist worker left alone; a worker that crashed brings nothing."""
        brought = getattr(node, "workeroutput", {}).get("comfygen", {})
        self._tally.left_alone.files.update(brought.get("files", ()))
        self._tally.left_alone.items.update(brought.get("items", ()))
        self._session.orphans[:] = brought.get("orphans", self._session.orphans)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write what all images are needed for, then send home what was left alone, or set the exit code."""
        output = getattr(self._config, "workeroutput", None)
        self._session.finish()
        if output is None:
            self._session.catch_up()
            session.exitstatus = self._tally.exit_code(session, exitstatus)
        else:
            left = self._session.left_alone
            output["comfygen"] = {"files": sorted(left.files), "items": sorted(left.items)} | (
                {"orphans": self._session.orphans} if self._session.orphans else {}
            )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the summary line and what to type next."""
        for line in (*left_alone_lines(self._tally.left_alone, self._config), *self._tally.lines(self._config)):
            terminalreporter.write_line(line)

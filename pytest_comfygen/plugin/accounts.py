"""What a run gives account of to others: events as JSON lines, and a summary in Markdown.

Both are written by the process that talks to the user, from the reports that reach it, also those of workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import pytest_comfygen
from pytest_comfygen.errors import SettingsError, WriteFailed
from pytest_comfygen.outputs.events import EventFile, Fields, file_failed, item_finished, run_finished, run_started
from pytest_comfygen.outputs.report import one_line
from pytest_comfygen.outputs.summary import append, check_place, summary_markdown
from pytest_comfygen.plugin.asked import is_job_file
from pytest_comfygen.plugin.options import usage_error
from pytest_comfygen.plugin.session import Session
from pytest_comfygen.plugin.terminal import from_here, outcome_of
from pytest_comfygen.records.ended import Ended

__all__ = ["give_account"]

_GITHUB = "GITHUB_STEP_SUMMARY"
_PREFIX = "comfygen."
_NEXT = ("  hint: pytest ", "  rerun: pytest ")


def give_account(config: pytest.Config, session: Session, environment: Mapping[str, str] = os.environ) -> None:
    """Have this run give the accounts that were asked for.

    :raises pytest.UsageError: one cannot be written where it was asked for.
    """
    if hasattr(config, "workerinput"):
        return
    settings = session.settings
    try:
        if settings.json:
            file = EventFile(config.invocation_params.dir / settings.json, settings.json)
            config.pluginmanager.register(EventLog(config, session, file), "comfygen-events")
        if settings.summary:
            path = _summary_path(config, settings.summary, environment)
            config.pluginmanager.register(Summary(config, path), "comfygen-summary")
    except (SettingsError, WriteFailed) as error:
        raise usage_error(error) from None


def _summary_path(config: pytest.Config, named: str, environment: Mapping[str, str]) -> Path:
    """The file that the summary is added to."""
    if named == "-":
        if not environment.get(_GITHUB):
            told = f"--comfy-summary has no file: the variable {_GITHUB}, which a job of GitHub has, is not set"
            raise SettingsError(told, hint="name a file: --comfy-summary=images.md")
        return Path(environment[_GITHUB])
    path = config.invocation_params.dir / named
    check_place(path, named)
    return path


class EventLog:
    """Writes each event when it happens."""

    def __init__(
        self,
        config: pytest.Config,
        session: Session,
        file: EventFile,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._settings = session.settings
        self._file = file
        self._now = now
        self._outcomes: dict[str, str] = {}
        self._problem: WriteFailed | None = None

    def pytest_sessionstart(self) -> None:
        """The run begins."""
        version, settings = str(pytest_comfygen.__version__), self._settings
        self._note(run_started(at=self._at(), comfygen=version, update=settings.update, sketch=settings.sketch))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A job file cannot be used."""
        if report.failed and is_job_file(report.nodeid):
            self._note(file_failed(from_here(report.nodeid, self._config), _first_line(report)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """An image ended."""
        if ended := ended_of(report, self._config):
            self._outcomes[ended.item] = ended.outcome
            self._note(item_finished(ended))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """The run ended, and nobody changes its exit code any more."""
        yield
        code = int(session.exitstatus)
        self._note(run_finished(at=self._at(), exit_code=code, outcomes=self._outcomes.values()))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say that not all could be written."""
        if self._problem:
            terminalreporter.write_line(f"comfygen: {one_line(self._problem)}")

    def pytest_unconfigure(self) -> None:
        """Give the file back."""
        self._file.close()

    def _note(self, event: Fields) -> None:
        if self._problem is None:
            try:
                self._file.note(event)
            except WriteFailed as error:
                self._problem = error

    def _at(self) -> str:
        return self._now().isoformat(timespec="milliseconds")


class Summary:
    """Adds the summary to its file when all is over."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config = config
        self._path = path
        self._ended: dict[str, Ended] = {}
        self._files: dict[str, str] = {}
        self._problem: WriteFailed | None = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a job file that cannot be used."""
        if report.failed and is_job_file(report.nodeid):
            self._files[from_here(report.nodeid, self._config)] = _first_line(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how an image ended; a rerun replaces what it repeats."""
        if ended := ended_of(report, self._config):
            self._ended[ended.item] = ended

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """Write, once all workers have ended and before the terminal tells how it went."""
        yield
        try:
            append(self._path, str(self._path), summary_markdown(list(self._ended.values()), self._files))
        except WriteFailed as error:
            self._problem = error

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say that it could not be written."""
        if self._problem:
            terminalreporter.write_line(f"comfygen: {one_line(self._problem)}")


def ended_of(report: pytest.TestReport, config: pytest.Config) -> Ended | None:
    """How an image ended, told once per image; None for other items and phases."""
    outcome = outcome_of(report)
    if outcome is None or report.outcome not in ("passed", "failed", "skipped"):
        return None
    told = {name: str(value) for name, value in report.user_properties if name.startswith(_PREFIX)}
    return Ended(
        item=from_here(report.nodeid, config),
        outcome=outcome,
        message=_first_line(report) if report.failed else None,
        command=_command(report) if report.failed else None,
        reason=told.get("comfygen.reason"),
        drift=told.get("comfygen.drift"),
        error=told.get("comfygen.error"),
        output=told.get("comfygen.output"),
        sha256=told.get("comfygen.sha256"),
        seed=told.get("comfygen.seed"),
        checkpoint=told.get("comfygen.checkpoint"),
        checkpoint_sha256=told.get("comfygen.checkpoint_sha256"),
        comfyui=told.get("comfygen.comfyui"),
        queued_s=_seconds(told.get("comfygen.queued_s")),
        load_s=_seconds(told.get("comfygen.load_s")),
        run_s=_seconds(told.get("comfygen.run_s")),
    )


def _seconds(text: str | None) -> float | None:
    return None if text is None else float(text)


def _first_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    """What went wrong, as the short summary tells it."""
    crash = getattr(report.longrepr, "reprcrash", None)  # of what is no error of ours, the traceback comes first
    text = crash.message if crash else str(report.longrepr)
    return next(iter(text.strip().splitlines()), "")


def _command(report: pytest.TestReport) -> str | None:
    """What the failure says to type next; its own text has it, because only reports come from workers."""
    lines = (line for line in str(report.longrepr).splitlines() if line.startswith(_NEXT))
    return next((line.partition(": ")[2] for line in lines), None)

"""`--comfy-gallery`: who runs images notes what there is to show, and who talks to the user puts it together."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Generator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen.errors import OutsideRepository, SettingsError, WriteFailed
from pytest_comfygen.flows.gallery import (
    GOOD,
    Curator,
    Notebook,
    check_target,
    entry_of,
    refuse_among_images,
    target_of,
)
from pytest_comfygen.outputs.report import one_line, reason_lines
from pytest_comfygen.plugin.asked import is_job_file
from pytest_comfygen.plugin.collect import ComfyItem
from pytest_comfygen.plugin.options import usage_error
from pytest_comfygen.plugin.orphans import OrphanItem
from pytest_comfygen.plugin.session import Session, session_of
from pytest_comfygen.plugin.terminal import from_here, is_image, outcome_of
from pytest_comfygen.records import JobResult, relative
from pytest_comfygen.records.gallery import Ending, Entry
from pytest_comfygen.settings import LOCAL, shell_word

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

__all__ = ["show_gallery"]

_NOTES = "gallery"
_LONGEST_ERROR = 20_000
_VERBS = ("gallery", "update", "check", "adopt", "overwrite_edited", "reroll", "resume", "prune")
_EDITED = frozenset({"edited", "unrecorded"})
_BY_HAND = (("To keep it as it stands", "--comfy-adopt"), ("To make it anew", "--comfy-overwrite-edited"))
_BY_ITSELF: Mapping[str, tuple[tuple[str, str], ...]] = {
    "orphan": (("To move it to the trash, with all others", "pytest --comfy-prune"),),
    "pruned": (),
}
_AGAIN = (("To make it again", ""),)


def show_gallery(config: pytest.Config, session: Session) -> None:
    """Have this run noted, and shown by the process that talks to the user.

    :raises pytest.UsageError: the gallery cannot be written where it was asked for.
    """
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    notes = session.root / LOCAL / _NOTES
    notebook = Notebook(notes, session.nonce, worker or "alone", lambda: session.work.local_directory(_NOTES))
    config.pluginmanager.register(Witness(notebook), "comfygen-gallery-notes")
    if not worker:
        config.pluginmanager.register(Presentation(config, session, notebook), "comfygen-gallery")


class Witness:
    """Notes the images of a process that runs them, and how they end."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._result: JobResult | None = None
        self._is_noting = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is selected; a process that only hands out work does not come here."""
        images = [item for item in session.items if isinstance(item, ComfyItem | OrphanItem)]
        self._is_noting = bool(images) and not session.config.option.collectonly
        if self._is_noting:
            try:
                self._notebook.note_selection(map(_entry, images))
            except (OutsideRepository, WriteFailed, OSError):  # the process with the terminal tells it
                self._is_noting = False

    def pytest_runtest_logstart(self) -> None:
        """Another item begins."""
        self._result = None

    def pytest_comfygen_finished(self, result: JobResult) -> None:
        """Keep what is known of the item that runs."""
        self._result = result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how an item ended."""
        ending = _ending(report, self._result) if self._is_noting and is_image(report) else None
        if ending is not None:
            with suppress(OSError):  # on a full disk: the image is shown as one that did not run
                self._notebook.note_ending(ending)


class Presentation:
    """Puts the gallery together when all is over, however it ended."""

    def __init__(self, config: pytest.Config, session: Session, notebook: Notebook) -> None:
        self._config = config
        self._session = session
        self._notebook = notebook
        self._target = target_of(session.root, session.settings.gallery or "")
        if session.settings.was_typed("gallery"):
            self._refuse_target()
        self._began_at = time.time()
        self._problems: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._told = ""
        self._is_placed = False
        self._have_images_run = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        """Refuse to write among the images, now that it is known where they are."""
        self._refuse_among_images()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: WorkerController) -> None:  # noqa: ARG002  # xdist tells it
        """As above, when workers have collected."""
        self._refuse_among_images()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a job file that cannot be used."""
        if report.failed and is_job_file(report.nodeid):
            self._problems[report.nodeid] = report.longreprtext

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that there are images, and a failure: a worker that crashes cannot."""
        self._have_images_run = self._have_images_run or is_image(report)
        if report.failed and is_image(report):
            self._failed[report.nodeid] = report.longreprtext

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Write the gallery once all workers have ended, and before the terminal tells how it went."""
        yield
        if session.exitstatus != pytest.ExitCode.USAGE_ERROR:
            self._told = self._present(session)
        self._notebook.remove(time.time())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell where it is."""
        if self._told:
            terminalreporter.write_line(self._told)

    def _refuse_among_images(self) -> None:
        if self._is_placed:  # every worker has collected the same
            return
        self._is_placed = True
        outputs = [Path(one.root, one.output) for one in self._notebook.entries().values()]
        if outputs:  # with a setting, most runs have none
            self._refuse_target()
        try:
            refuse_among_images(self._target, self._session.root, outputs)
        except SettingsError as error:
            raise usage_error(error) from None

    def _refuse_target(self) -> None:
        """Refuse to write where nothing of ours can be written."""
        try:
            check_target(self._target, self._session.settings.gallery or "")
        except SettingsError as error:
            raise usage_error(error) from None

    def _present(self, session: pytest.Session) -> str:
        """Write the gallery.

        :returns: the line that says where it is, or why there is none.
        """
        entries, endings = self._notebook.entries(), self._notebook.endings()
        for item, text in self._failed.items():
            if item not in entries:
                self._problems[item] = text
            elif item not in endings:
                endings[item] = Ending(id=item, outcome="failed", error=text[:_LONGEST_ERROR])
        if not (entries or self._problems or self._have_images_run):
            return "gallery: no image ran, so there is none" if self._session.settings.was_typed("gallery") else ""
        try:
            self._session.work.local_directory(_NOTES)  # where nothing can be noted, that is why there are no entries
            self._curator().write(list(entries.values()), endings, list(self._problems.items()))
        except (OutsideRepository, WriteFailed) as error:
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            return f"gallery: {one_line(error)}"
        return f"gallery: {os.path.relpath(self._target, self._config.invocation_params.dir)}"

    def _curator(self) -> Curator:
        session = self._session
        return Curator(
            target=self._target,
            root=session.root,
            local_directory=session.work.local_directory,
            environment=os.environ,
            began_at=self._began_at,
            now=time.time(),
            commands_of=self._commands,
        )

    def _commands(self, entry: Entry, ending: Ending) -> tuple[tuple[str, str], ...]:
        """What can be typed for an image, where pytest was started."""
        settings = self._session.settings
        if settings.prompt:
            return (("To make it again", " ".join(["pytest", *settings.as_typed(besides=("gallery",))])),)
        if ending.outcome in _BY_ITSELF:
            return _BY_ITSELF[ending.outcome]
        if ending.outcome == "unpicked":
            return (("To take one, by its number", f"pytest {shlex.quote(f'--comfy-pick={entry.id}=1')}"),)
        item = from_here(entry.id, self._config)
        named = shell_word(item)
        typed = settings.as_typed(besides=_VERBS)
        ways = _AGAIN if settings.sketch else _BY_HAND if ending.outcome in _EDITED else _ways(ending)
        return tuple((title, " ".join(filter(None, ["pytest", named, *typed, option]))) for title, option in ways)


def _entry(item: ComfyItem | OrphanItem) -> Entry:
    """What is known of an image before it runs."""
    if isinstance(item, ComfyItem):
        return entry_of(item.job, item.nodeid)
    root = session_of(item.config).root
    output = relative(item.output, root)
    return Entry(id=item.nodeid, name=item.output.name, root=str(root), output=output, where="no job")


def _ways(ending: Ending) -> tuple[tuple[str, str], ...]:
    if ending.outcome in GOOD:
        return (("To make it again", "--comfy-update all"),)
    return (("To make it", "--comfy-update stale"),)


def _ending(report: pytest.TestReport, result: JobResult | None) -> Ending | None:
    """How an image ended, told once; None for the other phases of its item."""
    outcome = outcome_of(report) or ("skipped" if report.skipped else None)
    if outcome is None:
        return None
    error = report.longreprtext[:_LONGEST_ERROR] if report.failed else ""
    if result is None:
        return Ending(id=report.nodeid, outcome=outcome, error=error)
    record = result.record
    return Ending(
        id=report.nodeid,
        outcome=outcome,
        path=str(result.path),
        reasons=tuple(reason_lines(result.reasons)),
        findings=result.warnings,
        error=error,
        seed="" if record is None or record.seed is None else str(record.seed),
        comfyui=str(record.comfyui.get("version") or "") if record else "",
        run_s=result.timing.run_s,
    )

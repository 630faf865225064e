"""What the terminal shows of a run: the header, the words of outcomes, the summary, the exit code."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen import errors
from pytest_comfygen.plugin.asked import is_job_file
from pytest_comfygen.plugin.session import LeftAlone, Session, session_of
from pytest_comfygen.settings import shell_word

if TYPE_CHECKING:
    from pytest_comfygen.errors import ComfygenError
    from pytest_comfygen.records import Timing

__all__ = [
    "INDEX",
    "NO_SERVER_EXIT_CODE",
    "Tally",
    "explain",
    "from_here",
    "header",
    "is_image",
    "left_alone_lines",
    "next_step",
    "outcome_of",
    "retell",
    "word_of",
]

NO_SERVER_EXIT_CODE = 10

_OUTCOME, _REASON = "comfygen.outcome", "comfygen.reason"
_ERROR, _WANTS_SERVER = "comfygen.error", "comfygen.wants_server"
INDEX = "index:"  # how the item begins that is a job file's list of images; no image is called so
_ORPHAN = "::orphan"
_ACCOUNTS = ("gallery", "json", "summary")  # of a whole run; one that repeats an item would replace them
_ASSET_STATES = ("missing", "stale", "edited", "orphan", "unrecorded")


def header(session: Session) -> list[str]:
    """The settings that are not defaults, each with where it came from."""
    described = session.settings.described()
    return [f"comfygen: {', '.join(described)}"] if described else []


def retell(report: pytest.TestReport, problem: BaseException, item: pytest.Item) -> None:
    """Show what we mean in our words and at its place; a bug keeps its traceback."""
    if isinstance(problem, errors.ComfygenError) and _concerns_us(item, report):
        explain(report, problem, item)
        told = tuple(_told(problem))
        item.user_properties.extend(told)  # JUnit reads them when the item is torn down,
        report.user_properties.extend(told)  # everybody else with this report
        session_of(item.config).note_failed(item)
    elif isinstance(problem, pytest.skip.Exception) and is_image(report):
        path, line, _ = item.reportinfo()
        report.longrepr = (str(path), (line or 0) + 1, f"Skipped: {problem.msg}")


def explain(report: pytest.TestReport, error: ComfygenError, item: pytest.Item) -> None:
    """Turn the traceback of an error we mean into its text; the same machine error in full only once."""
    session = session_of(item.config)
    from pytest_comfygen.outputs.report import one_line, render  # noqa: PLC0415  # needed for failures only

    of_all = errors.MachineError | errors.SettingsError | errors.ModelMissing | errors.NodeMissing
    same = "\n".join(error.details) or error.message  # what is listed in full once need not be listed again
    first = session.told.setdefault(f"{error.code} {same}", report.nodeid)
    again = isinstance(error, of_all) and first != report.nodeid
    report.longrepr = one_line(error) if again else render(error, **next_step(error, item, session))


def next_step(error: ComfygenError, item: pytest.Item, session: Session) -> dict[str, str]:
    """The command that makes what is missing or stale, or else the one that runs the item alone again."""
    command = f"pytest {shell_word(from_here(item.nodeid, item.config))}"
    if session.settings.prompt or item.nodeid.endswith(_ORPHAN):
        return {}
    if error.code in ("missing", "stale") and error.hint is None:
        typed = session.settings.as_typed(besides=(*_ACCOUNTS, "update", "check"))
        return {"hint": " ".join([command, *typed, "--comfy-update stale"])}
    typed = session.settings.as_typed(besides=(*_ACCOUNTS, *(["update"] if session.settings.update == "all" else ())))
    asks = is_job_file(item.path) or any(session.settings.was_typed(name) for name in ("sketch", "check", "adopt"))
    return {"rerun": " ".join([command, *typed, *([] if asks else ["--comfy-update stale"])])}


def from_here(node_id: str, config: pytest.Config) -> str:
    """A node id as it is typed in the directory that pytest was started in."""
    path, separator, name = node_id.partition("::")
    return os.path.relpath(config.rootpath / path, config.invocation_params.dir).replace(os.sep, "/") + separator + name


def _told(error: ComfygenError) -> Iterator[tuple[str, str]]:
    """How an image failed, for the summary and for JUnit."""
    yield _OUTCOME, error.code if error.code in _ASSET_STATES else "failed"
    yield _ERROR, error.code
    if error.wants_server:
        yield _WANTS_SERVER, "yes"


def word_of(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Our letter and word for an image that passed; the category stays pytest's."""
    if report.when != "call" or not report.passed:
        return None
    outcome = _property(report, _OUTCOME)
    if outcome is None:
        return None
    from pytest_comfygen.outputs.report import WORDS  # noqa: PLC0415  # a run without images must not pay

    letter, word, colour = WORDS[outcome]
    reason = _property(report, _REASON)
    return "passed", letter, (f"{word} ({reason})" if reason else word, {colour: True})


class Tally:
    """Counts outcomes on the process that talks to the user, from the reports that reach it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ended: dict[str, str] = {}
        self._made: list[str] = []
        self._drift = Counter[str]()
        self._took: dict[str, Timing] = {}
        self._unpicked: dict[str, str] = {}
        self._failed = 0
        self._wanting_a_server = 0

    def count(self, report: pytest.TestReport) -> None:
        """Take in one report of an item's phase."""
        if report.failed:
            self._failed += 1
            self._wanting_a_server += _property(report, _WANTS_SERVER) is not None
        outcome = outcome_of(report)
        if outcome == "unpicked":
            self._unpicked[report.nodeid] = _property(report, "comfygen.output") or ""
        if outcome == "generated":
            self._made.append(_property(report, "comfygen.output") or report.nodeid)
        if outcome in ("generated", "identical"):
            self._took[report.nodeid] = _timing(report)
        if outcome is not None and (drift := _property(report, "comfygen.drift")):
            self._drift[drift] += 1
        if outcome is not None:  # a rerun replaces what it repeats
            self._ended[report.nodeid] = outcome

    @property
    def _outcomes(self) -> Counter[str]:
        return Counter(self._ended.values())

    def exit_code(self, session: pytest.Session, status: int) -> int:
        """`NO_SERVER_EXIT_CODE` when every failure was for want of a server, else pytest's own.

        That there was nothing to prune is no failure, though no item was run.
        """
        if self._session.settings.prune and status == pytest.ExitCode.NO_TESTS_COLLECTED:
            return pytest.ExitCode.OK
        only_servers = self._failed > 0 and self._failed == self._wanting_a_server
        if status == pytest.ExitCode.TESTS_FAILED and only_servers and session.testsfailed == self._failed:
            return NO_SERVER_EXIT_CODE
        return status

    def lines(self, config: pytest.Config) -> Iterator[str]:
        """The summary: the slowest when asked for, a line that counts images, what else to say, what to type next."""
        yield from self._without_job()
        if not self._outcomes:
            return
        from pytest_comfygen.outputs.report import (  # noqa: PLC0415  # a run without images must not pay
            images_line,
            slowest_lines,
        )

        yield from slowest_lines(self._took, config.option.durations)
        yield images_line(self._outcomes)
        yield from self._waiting()
        yield from self._drifted()
        yield from self._next(can_repeat=hasattr(config, "cache"))

    def _without_job(self) -> Iterator[str]:
        if self._session.settings.prune and not self._outcomes:
            yield "nothing to prune: every image with a record has its job"
        if self._session.orphans:
            from pytest_comfygen.outputs.report import harmless  # noqa: PLC0415  # a run without images must not pay

            orphans = [harmless(one) for one in self._session.orphans]
            told = orphans[0] if len(orphans) == 1 else f"{len(orphans)} images, {orphans[0]} among them,"
            yield f"no job names {told} any more; to move what is left to .comfygen/trash/: pytest --comfy-prune"

    def _waiting(self) -> Iterator[str]:
        for node_id, output in self._unpicked.items():
            name = node_id.rpartition("::")[2]
            yield f"candidates of {name}: .comfygen/candidates/{output}/; to take one: pytest --comfy-pick {name}=N"

    def _drifted(self) -> Iterator[str]:
        for drift, number in self._drift.items():
            yield f"drift: {_count(number, 'image')} made with what has moved on: {drift}"
        if self._drift:
            yield "    they are current all the same; to make them anew: the same command with --comfy-update all"

    def _next(self, *, can_repeat: bool) -> Iterator[str]:
        settings = self._session.settings
        if settings.prompt and not settings.sketch:
            yield from (f"    {path}" for path in self._made)
        if settings.sketch and self._outcomes["generated"]:
            yield "sketches are in .comfygen/sketch/; no asset was touched"
        elif self._session.can_be_resumed:
            resumed = "" if settings.resume else ", with --comfy-resume instead of --comfy-update all"
            yield f"to go on with what is not made again yet: the same command{resumed}"
        elif settings.update == "none" and any(self._outcomes[one] for one in ("missing", "stale")):
            instead = " instead of --comfy-check" if settings.check else ""
            yield f"to make what is missing or stale: the same command with --comfy-update stale{instead}"
        elif self._outcomes["failed"] > 1 and not settings.prompt and can_repeat:
            yield "to try again those that failed: the same command with --lf"


def left_alone_lines(left: LeftAlone, config: pytest.Config) -> Iterator[str]:
    """What was not asked for, and the command that asks for it."""
    if left.files:
        places = sorted({_folder(from_here(name, config)) for name in left.files})
        command = f"pytest {' '.join(places[:3])}{' …' if len(places) > len(places[:3]) else ''} --comfy-update stale"
        yield f"comfygen: {_count(len(left.files), 'job file')} left alone; to bring the images up to date: {command}"
    if left.items:
        yield (
            f"comfygen: {_count(len(left.items), 'image')} left alone, because Python tests are selected too; "
            f"to run them: add the job file or --comfy-update stale"
        )


def _folder(name: str) -> str:
    folder, slash, _ = name.rpartition("/")
    return folder + slash if slash else name


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def outcome_of(report: pytest.TestReport) -> str | None:
    """How an image ended, told once per image; None for other items and phases."""
    if not is_image(report) or report.when == "teardown" or (report.when == "setup" and not report.failed):
        return None
    return _property(report, _OUTCOME) or ("failed" if report.failed else None)


def _timing(report: pytest.TestReport) -> Timing:
    from pytest_comfygen.records import Timing  # noqa: PLC0415  # a run without images must not pay

    found = {name: _property(report, f"comfygen.{name}") for name in ("load_s", "run_s")}
    return Timing(**{name: float(text) for name, text in found.items() if text})


def _concerns_us(item: pytest.Item, report: pytest.TestReport) -> bool:
    """Whether an item is an image or asks for a fixture of ours; a test of somebody's code keeps its traceback."""
    return (
        is_job_file(item.path)
        or is_image(report)
        or any(name.startswith("comfy_") for name in getattr(item, "fixturenames", ()))
    )


def is_image(report: pytest.TestReport) -> bool:
    """Whether a report is of an image: one that a job makes, or one that no job names any more."""
    path, _, name = report.nodeid.partition("::")
    return (is_job_file(path) and not name.startswith(INDEX)) or report.nodeid.endswith(_ORPHAN)


def _property(report: pytest.TestReport | pytest.CollectReport, name: str) -> str | None:
    found: Iterable[tuple[str, object]] = getattr(report, "user_properties", ())
    return next((str(value) for key, value in found if key == name), None)

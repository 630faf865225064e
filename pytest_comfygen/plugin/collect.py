"""Job files as pytest modules, their images as pytest functions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_comfygen.errors import BadName, ComfygenError, JobFileError, Where
from pytest_comfygen.outputs.report import one_line, reason_lines, render
from pytest_comfygen.plugin import garbage
from pytest_comfygen.plugin.selection import bring_forward, following
from pytest_comfygen.plugin.session import session_of
from pytest_comfygen.plugin.terminal import INDEX
from pytest_comfygen.settings import Settings

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr  # the type of pytest's public method, which it does not export
    from pluggy import HookRelay

    from pytest_comfygen.engine.client import ComfyClient
    from pytest_comfygen.engine.install import Install
    from pytest_comfygen.flows.plan import Plan
    from pytest_comfygen.language.sources.answered import Answer
    from pytest_comfygen.plugin.servers import Meeting, Servers
    from pytest_comfygen.records import ImageRecord, Job, JobFile, JobResult, Scalar

__all__ = ["ComfyFile", "ComfyItem", "ComfygenWarning", "UnusableFile", "is_wanted_by_tests", "jobs_of"]


class ComfygenWarning(pytest.PytestWarning):
    """Something in a job file is allowed and probably not meant."""


def make_image(request: pytest.FixtureRequest) -> None:
    """The function behind every image; it asks for fixtures by name when there is something to do."""
    item = request.node
    if isinstance(item, ComfyItem):
        item.bring_up_to_date()


class ComfyFile(pytest.Module):
    """A job file. A `Module`, so that fixtures of every scope find their place; nothing is imported."""

    obj = None
    place = 0  # its number among the job files of the run

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        """One item an image, all with the same function and so the same fixtures."""
        with garbage.left_alone():
            try:
                work = session_of(self.config).work
                job_file, self.place = work.load(self.path, self._ask_source), work.file_count
            except JobFileError as error:
                if not session_of(self.config).asked.wants_only_by_name(self.path, self.nodeid):
                    raise self.CollectError(render(error)) from None
                session_of(self.config).unusable[self] = error
                return []
            try:
                self._warn(job_file.warnings)
            except ComfygenWarning as warning:  # warnings are errors in this run
                raise self.CollectError(str(warning)) from None
            items: list[pytest.Item | pytest.Collector] = [*self._items(job_file), *self._index_item(job_file)]
        return items

    def _ask_source(self, name: str, options: Mapping[str, Scalar], where: Where | None) -> Answer:
        """The rows of a source that the file names, from the hooks that hold for its directory."""
        from pytest_comfygen.plugin.sources import ask_hooks  # noqa: PLC0415  # few files name one

        return ask_hooks(self.ihook, self.path, self.config.rootpath)(name, options, where)

    def repr_failure(  # type: ignore[override]  # as its parent, which takes no style either
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> str | TerminalRepr:
        """What went wrong; what a hook raised begins at the hook."""
        if isinstance(excinfo.value, self.CollectError) or self.config.getoption("fulltrace"):
            return super().repr_failure(excinfo)
        from pytest_comfygen.plugin.sources import from_hook_on  # noqa: PLC0415  # as above

        return super().repr_failure(from_hook_on(excinfo))

    def _items(self, job_file: JobFile) -> Iterator[ComfyItem]:
        tags = {job.tags for job in job_file.jobs}
        everywhere = {"comfygen"}.union(set.intersection(*(set(each) for each in tags)))
        for tag in sorted(everywhere):
            self.add_marker(self._mark(tag))
        marks = {each: [self._mark(tag) for tag in each if tag not in everywhere] for each in tags}
        shared: Any = None
        for number, job in enumerate(job_file.jobs):
            item = ComfyItem.from_parent(self, name=job.name, callobj=make_image, number=number, fixtureinfo=shared)
            for mark in marks[job.tags]:
                item.add_marker(mark)
            # One private read: pytest resolves fixtures anew for each item (10 000 items: 1.28 s, shared 0.49 s).
            shared = getattr(item, "_fixtureinfo", None)
            yield item

    def _index_item(self, job_file: JobFile) -> Iterator[pytest.Item]:
        """The list of the images, in a run that looks at what is there; others write it at their end."""
        if job_file.index and session_of(self.config).settings.only_looks:
            from pytest_comfygen.plugin.indexes import IndexItem  # noqa: PLC0415  # few job files want one

            yield IndexItem.from_parent(self, name=f"{INDEX}{job_file.index.path.name}")

    def _mark(self, tag: str) -> pytest.MarkDecorator:
        """A tag as a mark, registered once, so that `--strict-markers` knows it."""
        registered = session_of(self.config).registered_tags
        if tag not in registered:
            self._refuse_marks_of_others(tag)
            registered.add(tag)
            self.config.addinivalue_line("markers", f"{tag}: a tag of comfyjob files")
        mark: pytest.MarkDecorator = getattr(pytest.mark, tag)
        return mark

    def _refuse_marks_of_others(self, tag: str) -> None:
        """A mark that takes arguments means something to its plugin, which would fail for want of them."""
        if any(line.startswith(f"{tag}(") for line in self.config.getini("markers")):
            error = BadName(f"the tag {tag!r} is a mark of another plugin", hint="choose another word")
            raise self.CollectError(render(error.at(Where(self.nodeid))))

    def _warn(self, found: tuple[ComfygenError, ...]) -> None:
        for one in found:
            hint = f"; {one.hint}" if one.hint else ""
            path, line = _place_of(one.where, self.path, session_of(self.config).work.root_of(self.path))
            warnings.warn_explicit(ComfygenWarning(f"{one_line(one)}{hint}"), None, str(path), line)


class UnusableFile(pytest.Item):
    """Stands for a job file that cannot be used, in a run that may mean one of its images by name."""

    def __init__(self, *, error: JobFileError, **kwargs: Any) -> None:  # noqa: ANN401  # pytest's own, handed through
        super().__init__(**kwargs)
        self._error = error

    def runtest(self) -> None:
        """Tell what is wrong with the file."""
        raise self._error

    def reportinfo(self) -> tuple[Path, int, str]:
        """The place of the mistake; pytest counts lines from 0."""
        path, line = _place_of(self._error.where, self.path, session_of(self.config).work.root_of(self.path))
        return path, line - 1, self.path.name


class ComfyItem(pytest.Function):
    """One image.

    :param number: which of its file's jobs it is; the session keeps the jobs, so that they go when it ends.
    """

    def __init__(self, *, number: int, **kwargs: Any) -> None:  # noqa: ANN401  # pytest's own, handed through
        super().__init__(**kwargs)
        self._number = number
        self._plan: Plan | None = None
        self._meeting: Meeting | None = None

    @property
    def number(self) -> int:
        """Its place among the images of its file, in which it comes after those that it is made from."""
        return self._number

    @property
    def place(self) -> tuple[int, int]:
        """Where it was collected: the number of its file among those of the run, and its own in there."""
        return (self.parent.place if isinstance(self.parent, ComfyFile) else 0), self._number

    @property
    def job(self) -> Job:
        """The job behind this item."""
        return session_of(self.config).work.job(self.path, self._number)

    def setup(self) -> None:
        """Set up what users ask for, then plan, then get a server when there is something to make.

        A run in which all is current starts nothing, because nothing is named in the function's arguments.
        """
        super().setup()
        self.user_properties[:] = [one for one in self.user_properties if not one[0].startswith("comfygen.")]
        if self.config.option.setuponly or session_of(self.config).settings.pick:
            return  # --setup-only and --setup-plan show fixtures and make nothing; to pick needs no server
        work = session_of(self.config).work
        self._plan = work.plan(self.job)
        self._meeting = None
        if session_of(self.config).asks_for_install and self._servers.clients.may_install:
            self._install()
        if self._plan.action == "make" and not work.is_out_of_reach(self._plan, self._is_selected):
            servers = self._servers
            self._meeting = servers.reach(self.job, self._default_client, self._selection, self._install)
            if servers.is_alone(self._meeting) and servers.preflight(self._meeting, self._selection):
                bring_forward(self.session, self, servers.refused(self._meeting))
                self._meeting = servers.meet(self._meeting.client)  # it may have been started again
            if self.job.id in servers.refused(self._meeting):
                return
        self._plan = work.settled(self._plan, self._is_selected)
        if self._plan.action != "make":
            self._meeting = None

    def _is_selected(self, job: Job) -> bool:
        return job.id in _selected_ids(self.session)

    def teardown(self) -> None:
        """Let go of what was planned; a run has many items."""
        self._plan = self._meeting = None
        super().teardown()

    def _default_client(self) -> ComfyClient:
        """The fixture `comfy_client`, which a `conftest.py` may override."""
        from pytest_comfygen.engine.client import ComfyClient  # noqa: PLC0415  # a run that makes nothing must not pay

        client = self._fixture("comfy_client")
        if not isinstance(client, ComfyClient):
            msg = f"the fixture comfy_client must give a ComfyClient, not {client!r}"
            raise TypeError(msg)
        return client

    @property
    def _servers(self) -> Servers:
        """Where this item is made: the fixture `comfy_settings` decides, which a `conftest.py` may override."""
        settings = self._fixture("comfy_settings")
        if not isinstance(settings, Settings):
            msg = f"the fixture comfy_settings must give Settings, not {settings!r}"
            raise TypeError(msg)
        return session_of(self.config).work.desk(settings).servers

    def _install(self) -> Install:
        """The fixture `comfy_install`, which a `conftest.py` may override."""
        from pytest_comfygen.engine.install import Install  # noqa: PLC0415  # a run that makes nothing must not pay

        install = self._fixture("comfy_install")
        if not isinstance(install, Install):
            msg = f"the fixture comfy_install must give an Install, not {install!r}"
            raise TypeError(msg)
        return install

    def _fixture(self, name: str) -> object:
        request = self.funcargs["request"]
        if not isinstance(request, pytest.FixtureRequest):
            raise TypeError(request)
        return request.getfixturevalue(name)

    def _selection(self) -> Iterator[Job]:
        """Every image of the run that this item's server makes, for it to be asked about at once."""
        work = session_of(self.config).work
        return (job for job in jobs_of(self.session) if work.shares_server(job, self.job))

    def _upcoming(self) -> Iterator[ComfyItem]:
        """The images after this one that the same fixtures and the same server see to."""
        return (item for item in following(self) if isinstance(item, ComfyItem) and self._is_made_as(item))

    def _is_made_as(self, item: ComfyItem) -> bool:
        """Whether the same fixtures and the same server see to another image."""
        if item.parent is self.parent:
            return True
        return item.path.parent == self.path.parent and item.job.server == self.job.server

    def bring_up_to_date(self) -> None:
        """Do what the plan says, and keep the outcome for the reports."""
        work = session_of(self.config).work
        hooks = self.ihook  # pytest finds out anew each time which conftest files hold here
        result = self._ended(hooks)
        work.note_result(self.job, result, lambda: jobs_of(self.session))
        self.user_properties.extend(_properties(self.job, result))
        hooks.pytest_comfygen_finished(job=self.job, result=result)
        for finding in result.warnings:
            self.warn(
                ComfygenWarning(f"{self.job.where}: {finding.code}: found {finding.found}, wanted {finding.wanted}")
            )
        if result.outcome == "planned":
            pytest.skip(f"planned: {self.job.output_name} is not made yet")
        if result.outcome == "unpicked":
            pytest.skip(f"{self.job.candidates} candidates to pick from: pytest --comfy-pick {self.name}=N")

    def _ended(self, hooks: HookRelay) -> JobResult:
        """Do what the plan says, or publish the candidate that was picked."""
        session = session_of(self.config)
        if session.settings.pick:
            from pytest_comfygen.plugin.picking import picked_number  # noqa: PLC0415  # nearly no run asks for it

            return session.work.pick(self.job, picked_number(self), hooks)
        if self._plan is None:
            msg = f"{self.nodeid} was run without being set up"
            raise AssertionError(msg)
        plan, meeting = self._plan, self._meeting
        return session.work.settle(plan, hooks) if meeting is None else self._make(plan, meeting, hooks)

    def _make(self, plan: Plan, meeting: Meeting, hooks: HookRelay) -> JobResult:
        servers = self._servers
        try:
            return servers.make(plan, meeting, hooks, self._upcoming)
        except ComfygenError as error:
            other = servers.instead_of(meeting, self.job, error)
            if other is None:
                raise
        try:
            return servers.make(plan, other, hooks, self._upcoming)
        except ComfygenError as error:  # no third one: it may be this image that servers die of
            servers.instead_of(other, self.job, error)
            raise

    def reportinfo(self) -> tuple[Path, int, str]:
        """The image's place in its job file, or that of its row in a source; pytest counts lines from 0.

        The title may not be the end of the node id: of such a title, pytest turns dots into colons.
        """
        path, line = _place_of(self.job.where, self.path, self.job.root)
        return path, line - 1, f"{self.path.name}: {self.name}"


def _place_of(where: Where | None, path: Path, root: Path) -> tuple[Path, int]:
    """The file and the line, from 1, of a place in a job file or in a file that it reads.

    :param path: the job file, as pytest knows it.
    """
    if where is None:
        return path, 1
    in_job_file = where.file.rpartition("/")[2] == path.name  # what it reads is called otherwise
    return path if in_job_file else root / where.file, max(where.line, 1)


def jobs_of(session: pytest.Session) -> Iterator[Job]:
    """The jobs of all images that this run has selected."""
    return (item.job for item in session.items if isinstance(item, ComfyItem))


def _selected_ids(session: pytest.Session) -> frozenset[str]:
    """The ids of the jobs that this run has selected, which stay so once items run."""
    ours = session_of(session.config)
    if ours.selected_ids is None:
        ours.selected_ids = frozenset(job.id for job in jobs_of(session))
    return ours.selected_ids


def is_wanted_by_tests(session: pytest.Session) -> bool:
    """Whether Python tests of this run ask for a server."""
    tests = (item for item in session.items if isinstance(item, pytest.Function) and not isinstance(item, ComfyItem))
    return any("comfy_server" in item.fixturenames or "comfy_generate" in item.fixturenames for item in tests)


def _properties(job: Job, result: JobResult) -> Iterator[tuple[str, str]]:
    """What JUnit and the terminal are told; short strings, because that is all that travels from a worker."""
    yield "comfygen.outcome", result.outcome
    yield "comfygen.output", job.output_name
    if result.outcome != "planned" and any(reason.kind != "missing" for reason in result.reasons):
        yield "comfygen.reason", "; ".join(reason_lines(result.reasons))
    if result.outcome == "unpicked":
        yield "comfygen.candidates", str(job.candidates)
    if result.drift:
        yield "comfygen.drift", result.drift
    record, timing = result.record, result.timing
    found = {
        "sha256": record.file_sha256 if record else None,
        "seed": record.seed if record else job.seed.value,
        "checkpoint": _drawn_with(record, "") if record else None,
        "checkpoint_sha256": _drawn_with(record, "_sha256") if record else None,
        "comfyui": record.comfyui.get("version") if record else None,
        "queued_s": timing.queued_s,
        "load_s": timing.load_s,
        "run_s": timing.run_s,
    }
    for name, value in found.items():
        if value is not None:
            yield f"comfygen.{name}", f"{value:.3f}" if isinstance(value, float) else str(value)


def _drawn_with(record: ImageRecord, about: str) -> Scalar:
    """What the record says of the checkpoint, or of the model that took its place."""
    models = record.fingerprint.models
    return models.get(f"checkpoint{about}", models.get(f"diffusion_model{about}"))

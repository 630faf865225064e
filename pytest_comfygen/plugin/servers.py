"""The session's dealings with servers; a run in which all is current never loads this, nor the client below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from pluggy import HookRelay

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.install import Install
from pytest_comfygen.errors import ComfygenError, MachineError, NoServer
from pytest_comfygen.flows.candidates import make_candidates
from pytest_comfygen.flows.contact import open_client
from pytest_comfygen.flows.fingerprint import fingerprint_of
from pytest_comfygen.flows.generate import Workplace, draw, generate, send_ahead
from pytest_comfygen.flows.models import Models, as_listed, listed_models
from pytest_comfygen.flows.persist import persistently
from pytest_comfygen.flows.plan import Plan
from pytest_comfygen.flows.preflight import check_selection, undeclared_nodes
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.flows.provision import Machine
from pytest_comfygen.flows.retries import persevere
from pytest_comfygen.language.workflow import for_server
from pytest_comfygen.outputs.candidates import Candidates
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.plugin.ahead import Ahead, Coming, Upcoming
from pytest_comfygen.plugin.desk import Judges
from pytest_comfygen.plugin.meetings import Meeting, Meetings
from pytest_comfygen.records import Event, Fingerprint, Job, JobResult, ObjectInfo

__all__ = ["Meeting", "Servers"]


class Servers:
    """Every server that a process of the run talks to.

    :param plan: what has to be done for a job.
    :param store: the outputs of one repository.
    :param judges: who judges a new picture besides its own checks.
    """

    def __init__(  # noqa: PLR0913  # what a process has one of each
        self,
        premises: Premises,
        machine: Machine,
        models: Models,
        plan: Callable[[Job], Plan],
        store: Callable[[Path], Store],
        *,
        judges: Judges,
    ) -> None:
        self._premises = premises
        self._settings = premises.settings
        self._machine = machine
        self._models = models
        self._plan = plan
        self._store = store
        self._judges = judges
        self._ahead = Ahead(lambda: premises.local_directory("journal"), plan)
        self._is_equipped = False
        self._planned: dict[str, Plan] = {}
        self._unequipped: ComfygenError | None = None
        self._meetings = Meetings(premises, machine, self._ahead)
        self._refused: dict[str, Mapping[str, ComfygenError]] = {}
        self._listed: dict[str, Mapping[str, tuple[str, ...]]] = {}
        self._object_info: dict[str, ObjectInfo] = {}
        self._clients: dict[str | tuple[str, ...], ComfyClient | ComfygenError] = {}
        self._open = ExitStack()

    def close(self) -> None:
        """Close clients, servers and the journal."""
        self._ahead.close()
        self._meetings.close()
        self._open.close()

    def withdraw(self) -> None:
        """Take back what was sent for images whose turn has not come, and will not come any more."""
        self._ahead.withdraw()

    def equip(self, selection: Iterable[Job], install: Callable[[], Install], *, for_tests: bool = False) -> None:
        """See to the models of the whole selection, once, before a server is started for nothing.

        :param for_tests: Python tests want the server too, whatever becomes of the images.
        :raises MachineError: not one of the images can be made with what is on this machine.
        """
        if self._unequipped:
            raise self._unequipped
        if self._is_equipped or self._settings.sketch or self._settings.url or not self._machine.serves_our_models:
            return
        self._is_equipped = True
        planned = {job.id: self._plan(job) for job in selection if not self._machine.is_elsewhere(job)}
        jobs = [plan.job for plan in planned.values() if plan.action == "make"]
        starts_own = self._machine.starts_own
        # A server that somebody else runs from our directory must not have it moved under its feet.
        has_come = self._models.provide(jobs, install if starts_own else lambda: None)
        self._planned = {} if has_come else planned
        if starts_own and not for_tests:  # else the server's own lists are the truth
            self._unequipped = self._models.shared_lack(jobs)
        if self._unequipped:
            raise self._unequipped

    @property
    def may_install(self) -> bool:
        """Whether an install of ours is what this run's pictures come from."""
        return not self._settings.makes_nothing and self._machine.starts_own

    def client_of(
        self,
        job: Job,
        default: Callable[[], ComfyClient],
        selection: Callable[[], Iterable[Job]],
        install: Callable[[], Install],
    ) -> ComfyClient:
        """The client for `job`: its file's own server when nobody set another, else the run's.

        :raises ComfygenError: there is none; when that is for want of models, then of the job's own.
        """
        with self._telling_own_lack(job):
            if self._settings.url or self._settings.sketch:
                return default()
            if job.server.urls:
                url = job.server.urls[0]
                return self._kept(url, lambda: open_client(url, self._settings, {}))
            if not self._machine.starts_own:
                return default()
            if job.server.start == "never":
                raise self._none_runs(job)
            if job.server.args:
                return self._kept(job.server.args, lambda: self._started(job.server.args, selection, install))
            return default()

    @contextmanager
    def _telling_own_lack(self, job: Job) -> Iterator[None]:
        """What is wrong for want of models is told with those of the job itself."""
        try:
            yield
        except ComfygenError as error:
            if error is self._unequipped:
                self._models.check(job)
            raise

    def _none_runs(self, job: Job) -> NoServer:
        return NoServer(
            f"no ComfyUI server: {self._premises.default_url} does not answer as one, and this job file says "
            "`start: never`",
            where=job.place("server.start"),
            hint="start ComfyUI yourself, name a running one with --comfy-url, or write `start: auto`",
        )

    def meet(self, client: ComfyClient) -> Meeting:
        """Who the client's server is, asked once.

        :raises MachineError: the server does not answer as ComfyUI.
        """
        return self._meetings.meet(client)

    def forget_meeting(self, meeting: Meeting) -> None:
        """The server failed: whoever comes next looks whether it is still there."""
        self._meetings.forget(meeting)

    def check(self, job: Job, meeting: Meeting) -> None:
        """What `job` needs of this machine is there, if the server is ours.

        :raises ComfygenError: it is not; at the place of the key that names it.
        """
        if meeting.lease:
            if missing := undeclared_nodes(job, self._settings.custom_node):
                raise missing
            self._models.check(job)
        elif self._is_equipped and not self._machine.is_elsewhere(job):
            self._models.check_download(job)

    def preflight(self, meeting: Meeting, selection: Callable[[], Iterable[Job]]) -> bool:
        """Ask what the server would refuse of the selection, once per server.

        :returns: whether it was asked now.
        :raises MachineError: the server does not tell what it has.
        """
        if meeting.met_at in self._refused:
            return False
        object_info = self._meetings.object_info(meeting)
        plans = [self._planned.pop(job.id) if job.id in self._planned else self._plan(job) for job in selection()]
        wanted = [plan for plan in plans if plan.action == "make"]
        self._listed[meeting.met_at] = listed_models(object_info)
        jobs = [(self._fitted(plan.job, meeting), plan.seed) for plan in wanted]
        self._object_info[meeting.met_at] = object_info
        self._refused[meeting.met_at] = refused = check_selection(
            jobs, object_info, meeting.server, self._settings.custom_node, self._machine.failed_nodes
        )
        self._foretell([plan.job for plan in wanted if plan.job.id not in refused])
        return True

    def _foretell(self, jobs: Sequence[Job]) -> None:
        """Tell how many pictures are to be made, and how fast, going by what this machine took before."""
        if not jobs:
            return
        forecast = self._premises.durations.forecast(() if self._settings.sketch else jobs)
        per_s = len(jobs) / forecast.expected_s if forecast.expected_s and not forecast.unknown else 0.0
        elsewhere = not (self._settings.sketch or self._settings.url)  # then job files may name servers of their own
        subject = " ".join(jobs[0].server.urls) if elsewhere else ""
        self._premises.notify(Event(kind="foreseen", subject=subject, value=len(jobs), per_s=per_s))

    def refused(self, meeting: Meeting) -> Mapping[str, ComfygenError]:
        """What preflight found, by job id."""
        return self._refused.get(meeting.met_at, {})

    def make(self, plan: Plan, meeting: Meeting, hooks: HookRelay, upcoming: Upcoming = lambda: ()) -> JobResult:
        """Have the picture made and publish it, or lay a sketch aside; a server of ours that dies is restarted once.

        :param upcoming: the images whose turn comes next at this server.
        """
        self._ahead.begin()
        refused = self.refused(meeting)
        if plan.job.id in refused:
            raise refused[plan.job.id]
        job = self._fitted(plan.job, meeting)
        if self._settings.sketch:
            store = self._store(job.root)
            return self.draw(
                job, plan.seed, meeting, hooks, lambda data: store.write_sketch(job.output, data), upcoming
            )

        def fingerprint_with(seed: int) -> Fingerprint:
            # A model may have been downloaded since the plan was made.
            return fingerprint_of(plan.job, seed, self._models.sha256_of, plan.fingerprint.inputs)

        def attempt(fitted: Plan, meeting: Meeting, notify: Callable[[Event], None]) -> JobResult:
            workplace = self._workplace(job.root, meeting, hooks, notify, upcoming)
            if job.candidates == 1:
                return generate(fitted, workplace)
            return make_candidates(fitted, workplace, Candidates.of(workplace.store, job.root), fingerprint_with)

        def make_with(seed: int) -> JobResult:
            fitted = replace(plan, job=job, seed=seed, fingerprint=fingerprint_with(seed))
            return self._persistently(partial(attempt, fitted), self._meetings.now(meeting), job)

        if job.candidates > 1:
            return make_with(plan.seed)
        result = persevere(job, plan.seed, make_with, self._premises.notify)
        self._premises.durations.note(plan.job, result.timing)
        return result

    def draw(  # noqa: PLR0913, PLR0917  # as `make`, and where to write
        self,
        job: Job,
        seed: int,
        meeting: Meeting,
        hooks: HookRelay,
        write: Callable[[bytes], Path],
        upcoming: Upcoming = lambda: (),
    ) -> JobResult:
        """Have a picture made that is no asset, and written by `write`."""

        def draw_with(seed: int) -> JobResult:
            return self._persistently(
                lambda met, notify: draw(job, seed, self._workplace(job.root, met, hooks, notify, upcoming), write),
                self._meetings.now(meeting),
                job,
            )

        return persevere(job, seed, draw_with, self._premises.notify)

    def _persistently(
        self, attempt: Callable[[Meeting, Callable[[Event], None]], JobResult], meeting: Meeting, job: Job
    ) -> JobResult:
        notify, works_for_others = self._premises.notify, self._works_for_others
        return persistently(attempt, meeting, self._meetings.restarted, job, notify, works_for_others=works_for_others)

    def _works_for_others(self, meeting: Meeting) -> bool:
        """Whether the job that runs there is that of another process of this repository, which lives."""
        try:
            running = meeting.client.queue().running
        except MachineError:
            return False
        return self._ahead.is_somebody_elses(running)

    def _send_ahead(self, meeting: Meeting, upcoming: Upcoming) -> None:
        """Send what comes next; what does not work is told when its turn has come."""

        def send(coming: Coming, plan: Plan) -> None:
            with suppress(Exception):
                self.check(coming.job, meeting)
                if coming.job.id not in self.refused(meeting):
                    workplace = self._workplace(coming.job.root, meeting, coming.hooks, lambda _: None, lambda: ())
                    send_ahead(self._fitted(plan.job, meeting), plan.seed, workplace)

        self._ahead.send(meeting.met_at, upcoming, send)

    def _workplace(
        self, root: Path, meeting: Meeting, hooks: HookRelay, notify: Callable[[Event], None], upcoming: Upcoming
    ) -> Workplace:
        """What making a picture in the repository at `root` needs."""
        return Workplace(
            client=meeting.client,
            server=meeting.server,
            store=self._store(root),
            line=self._ahead.line(meeting.met_at, meeting.client),
            hooks=hooks,
            notify=notify,
            send_ahead=partial(self._send_ahead, meeting, upcoming),
            pictures=self._judges.pictures,
            score=self._judges.score,
            sketch=self._settings.sketch,
        )

    def _fitted(self, job: Job, meeting: Meeting) -> Job:
        """The job with its models called as this server calls them, and its workflow as this server runs it."""
        job = as_listed(job, self._listed.get(meeting.met_at, {}))
        object_info = self._object_info.get(meeting.met_at)
        return job if object_info is None else for_server(job, object_info)

    def _kept(self, key: str | tuple[str, ...], make: Callable[[], ComfyClient]) -> ComfyClient:
        """A client that is opened once; when that fails, it fails for everybody."""
        if key not in self._clients:
            try:
                self._clients[key] = self._open.enter_context(make())
            except MachineError as error:
                self._clients[key] = error
        client = self._clients[key]
        if isinstance(client, ComfygenError):
            raise client
        return client

    def _started(
        self, args: tuple[str, ...], selection: Callable[[], Iterable[Job]], install: Callable[[], Install]
    ) -> ComfyClient:
        self.equip(selection(), install)
        server = self._open.enter_context(self._machine.serving(install, args))
        return open_client(server.url, self._settings, {})

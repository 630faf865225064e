"""The session's dealings with servers; a run in which all is current never loads this, nor the client below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pluggy import HookRelay

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.install import Install
from pytest_comfygen.errors import (
    ComfygenError,
    MachineError,
    ModelMissing,
    NodeMissing,
    ServerTooSlow,
    ServerUnreachable,
)
from pytest_comfygen.flows.candidates import make_candidates
from pytest_comfygen.flows.fingerprint import fingerprint_of
from pytest_comfygen.flows.generate import Workplace, draw, generate, send_ahead
from pytest_comfygen.flows.loading import expected_loads
from pytest_comfygen.flows.models import Models, as_listed, listed_models
from pytest_comfygen.flows.persist import persistently
from pytest_comfygen.flows.plan import Plan
from pytest_comfygen.flows.pool import Pool, pool_of
from pytest_comfygen.flows.preflight import check_selection, undeclared_nodes
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.flows.provision import Machine
from pytest_comfygen.flows.retries import persevere
from pytest_comfygen.language.workflow import for_server
from pytest_comfygen.outputs.candidates import Candidates
from pytest_comfygen.outputs.durations import Durations
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.plugin.ahead import Ahead, Upcoming
from pytest_comfygen.plugin.clients import Clients
from pytest_comfygen.plugin.desk import Judges
from pytest_comfygen.plugin.meetings import Meeting, Meetings
from pytest_comfygen.records import Event, Fingerprint, Job, JobResult, ObjectInfo

if TYPE_CHECKING:
    from pytest_comfygen.plugin.collect import ComfyItem

__all__ = ["Meeting", "Servers"]

LACKING = (ModelMissing, NodeMissing)  # of what one server may have and another not
GONE = (ServerUnreachable, ServerTooSlow)


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
        self.clients = Clients(premises, machine, models, plan)
        self._meetings = Meetings(premises, machine, self._ahead)
        self._refused: dict[str, Mapping[str, ComfygenError]] = {}
        self._listed: dict[str, Mapping[str, tuple[str, ...]]] = {}
        self._object_info: dict[str, ObjectInfo] = {}
        self._pool = pool_of(premises)
        self._selection: Callable[[], Iterable[Job]] = tuple
        self._durations: Durations | None = None

    def close(self) -> None:
        """Close clients, servers and the journal."""
        self._ahead.close()
        self._meetings.close()
        self.clients.close()

    def withdraw(self) -> None:
        """Take back what was sent for images whose turn has not come, and will not come any more."""
        self._ahead.withdraw()

    def reach(
        self,
        job: Job,
        default: Callable[[], ComfyClient],
        selection: Callable[[], Iterable[Job]],
        install: Callable[[], Install],
    ) -> Meeting:
        """The server that makes a job.

        :param default: gives the client of the run's server.
        :param selection: all images that this server is asked about at once.
        :raises ComfygenError: there is none.
        """
        self._selection = selection
        client = self.clients.client_of(job, default, selection, install)
        if self._pool and client.url in self._pool:
            self._tell_of_few_workers(self._pool)
            self.clients.note(client)
            return self._of_pool(self._pool, job)
        meeting = self.meet(client)
        self.check(job, meeting)
        return meeting

    def _of_pool(self, pool: Pool, job: Job) -> Meeting:
        """The best of several servers that has what the job needs, or else one that says what it lacks."""
        waits = self._ahead.where(job)
        if waits and (meeting := self._meetings.at(waits)):
            return meeting
        lacking: Meeting | None = None
        for url in pool.for_job(job, self._ahead.waiting):
            meeting = self._member(pool, url)
            if meeting and not isinstance(self.refused(meeting).get(job.id), LACKING):
                pool.note(url, job)
                return meeting
            lacking = lacking or meeting
        if lacking is None:
            raise pool.last_failure
        return lacking

    def _tell_of_few_workers(self, pool: Pool) -> None:
        """Say it when servers stand idle because a worker knows its next image only: two at most are kept busy."""
        premises = self._premises
        if premises.is_worker and not self._meetings.has_any and len(pool) > 2 * premises.workers:
            premises.say(
                f"-n {premises.workers} keeps {2 * premises.workers} of {len(pool)} servers busy, since a worker knows "
                f"its next image only; one process without -n feeds all of them, and so does -n {len(pool)}"
            )

    def _member(self, pool: Pool, url: str) -> Meeting | None:
        """One of several servers, which has told what it has; None when it fails."""
        try:
            meeting = self.meet(self.clients.at(url))
            self.preflight(meeting, self._selection)
        except MachineError as error:
            self._leave_out(pool, url, error)
            return None
        return meeting

    def _leave_out(self, pool: Pool, url: str, error: MachineError) -> None:
        pool.leave_out(url, error)
        self._ahead.lose(url)
        self._premises.say(f"{error.message}; it is left out, and its images are made elsewhere")

    def instead_of(self, meeting: Meeting, job: Job, error: ComfygenError) -> Meeting | None:
        """Another server for a job, when one of several failed, or lacks what the job needs."""
        if error.wants_server:
            self._meetings.forget(meeting)
        pool = self._pool_of(meeting)
        if pool is None or not isinstance(error, (*GONE, *LACKING)):
            return None
        if isinstance(error, GONE):
            self._leave_out(pool, meeting.met_at, error)
        else:
            self._refused[meeting.met_at] = {**self.refused(meeting), job.id: error}
        other = self._living(pool, job)
        return None if other is None or job.id in self.refused(other) else other

    def _living(self, pool: Pool, job: Job) -> Meeting | None:
        """The best of several servers that answers now: where one has died, others may have, and are not known to."""
        while True:
            try:
                other = self._of_pool(pool, job)
            except MachineError:
                return None
            try:
                other.client.server_info()
            except MachineError as error:
                self._leave_out(pool, other.met_at, error)
            else:
                return other

    def is_alone(self, meeting: Meeting) -> bool:
        """Whether what this server refuses, no other makes."""
        return self._pool_of(meeting) is None

    def _pool_of(self, meeting: Meeting) -> Pool | None:
        """The servers that this one shares the images with, if there are any."""
        return self._pool if self._pool and meeting.met_at in self._pool else None

    def meet(self, client: ComfyClient) -> Meeting:
        """Who the client's server is, asked once.

        :raises MachineError: the server does not answer as ComfyUI.
        """
        return self._meetings.meet(client)

    def check(self, job: Job, meeting: Meeting) -> None:
        """What `job` needs of this machine is there, if the server is ours.

        :raises ComfygenError: it is not; at the place of the key that names it.
        """
        if meeting.lease:
            if missing := undeclared_nodes(job, self._settings.custom_node):
                raise missing
            self._models.check(job)
        elif self.clients.is_equipped and not self._machine.is_elsewhere(job):
            self._models.check_download(job)

    def preflight(self, meeting: Meeting, selection: Callable[[], Iterable[Job]]) -> bool:
        """Ask what the server would refuse of the selection, once per server.

        :returns: whether it was asked now.
        :raises MachineError: the server does not tell what it has.
        """
        if meeting.met_at in self._refused:
            return False
        object_info = self._meetings.object_info(meeting)
        if self._is_like_another(meeting, object_info):
            return True
        planned = self.clients.planned
        plans = [planned.pop(job.id) if job.id in planned else self._plan(job) for job in selection()]
        wanted = [plan for plan in plans if plan.action == "make"]
        self._listed[meeting.met_at] = listed_models(object_info)
        jobs = [(self._fitted(plan.job, meeting), plan.seed) for plan in wanted]
        self._object_info[meeting.met_at] = object_info
        self._refused[meeting.met_at] = refused = check_selection(
            jobs, object_info, meeting.server, self._settings.custom_node, self._machine.failed_nodes
        )
        coming = [plan.job for plan in wanted if plan.job.id not in refused]
        self._foretell(coming)
        self._tell_of_loads(coming)
        return True

    def _is_like_another(self, meeting: Meeting, object_info: ObjectInfo) -> bool:
        """Whether a server that was asked before has the same, and so refuses the same."""
        like = next((met for met, known in self._object_info.items() if self._pool and known == object_info), None)
        if like is None:
            return False
        self._listed[meeting.met_at] = self._listed[like]
        self._object_info[meeting.met_at] = object_info
        self._refused[meeting.met_at] = self._refused[like]
        return True

    def _foretell(self, jobs: Sequence[Job]) -> None:
        """Tell how many pictures are to be made, and how fast, going by what this machine took before."""
        if not jobs:
            return
        self._durations = self._premises.durations
        forecast = self._durations.forecast(() if self._settings.sketch else jobs)
        per_s = len(jobs) / forecast.expected_s if forecast.expected_s and not forecast.unknown else 0.0
        elsewhere = not (self._settings.sketch or self._settings.url)  # then job files may name servers of their own
        subject = " ".join(jobs[0].server.urls) if elsewhere else ""
        self._premises.notify(Event(kind="foreseen", subject=subject, value=len(jobs), per_s=per_s))

    def _tell_of_loads(self, jobs: Sequence[Job]) -> None:
        """Say what a way to share the images out costs, where workers would have one server load models in turns."""
        premises = self._premises
        if self._pool or premises.workers == 1 or premises.dist in ("no", "load"):
            return
        loads, fewest = expected_loads(jobs, premises.dist, premises.workers), expected_loads(jobs, "load", 1)
        if loads > fewest:
            premises.say(
                f"--dist {premises.dist}: {premises.workers} workers on one server have it load models about {loads} "
                f"times; with --dist load {fewest} are enough"
            )

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
        self._durations = self._durations or self._premises.durations
        self._durations.note(plan.job, result.timing)
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

        def send(item: ComfyItem, plan: Plan) -> None:
            with suppress(Exception):
                there = self._place_for(plan.job, meeting)
                if there and plan.job.id not in self.refused(there):
                    self.check(plan.job, there)
                    workplace = self._workplace(plan.job.root, there, item.ihook, lambda _: None, lambda: ())
                    send_ahead(self._fitted(plan.job, there), plan.seed, workplace)

        pool = self._pool_of(meeting)
        self._ahead.send(pool.share if pool else [meeting.met_at], upcoming, send)

    def _place_for(self, job: Job, meeting: Meeting) -> Meeting | None:
        """The server that is sent a job before its turn: this one, or of several the best that has room."""
        pool = self._pool_of(meeting)
        if pool is None:
            return meeting
        for url in pool.own(job, self._ahead.waiting):
            if self._ahead.has_room(url) and (there := self._member(pool, url)):
                pool.note(url, job)
                return there
        return None

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
            output=meeting.lease.output if meeting.lease else None,
            sketch=self._settings.sketch,
        )

    def _fitted(self, job: Job, meeting: Meeting) -> Job:
        """The job with its models called as this server calls them, and its workflow as this server runs it."""
        job = as_listed(job, self._listed.get(meeting.met_at, {}))
        object_info = self._object_info.get(meeting.met_at)
        return job if object_info is None else for_server(job, object_info)

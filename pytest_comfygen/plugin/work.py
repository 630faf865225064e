"""The session's hands: job files are loaded, planned, checked against a server, and carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pluggy import HookRelay

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.journal import Journal
from pytest_comfygen.errors import ComfygenError, JobFileError, MachineError, OutputCollision
from pytest_comfygen.flows.generate import Workplace, adopt, draw, generate, refresh
from pytest_comfygen.flows.plan import Plan, make_plan, plan_sketch
from pytest_comfygen.flows.preflight import check_selection
from pytest_comfygen.flows.provision import clean_up_leftovers
from pytest_comfygen.flows.repository import find_root
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.language.naming import collision_key
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.plugin.asked import is_job_file
from pytest_comfygen.records import Event, ImageRecord, Job, JobFile, JobResult, ServerInfo
from pytest_comfygen.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Meeting", "Work"]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Who a server turned out to be."""

    client: ComfyClient
    server: ServerInfo


class Work:
    """Everything a process of the run does for its items.

    :param root: pytest's root directory, for job files outside any git repository.
    """

    def __init__(self, settings: Settings, nonce: str, root: Path) -> None:
        self._settings = settings
        self._nonce = nonce
        self._root = root
        self._roots: dict[Path, Path] = {}
        self._stores: dict[Path, Store] = {}
        self._claims: dict[str, Job] = {}
        self._loaded: dict[Path, JobFile | None] = {}
        self._meetings: dict[str, Meeting | ComfygenError] = {}
        self._refused: dict[str, Mapping[str, ComfygenError]] = {}
        self._clients: dict[str, ComfyClient] = {}
        self._the_journal: Journal | None = None
        self._open = ExitStack()

    def close(self) -> None:
        """Close clients, journals and stores."""
        self._open.close()

    # --- job files --------------------------------------------------------------------------------------------------

    def load(self, path: Path) -> JobFile:
        """The job file at `path`, whose outputs no other file of this run may claim.

        :raises JobFileError: it cannot be used.
        """
        job_file = load_job_file(path, self.root_of(path))
        collisions = tuple(error for job in job_file.jobs if (error := self._collision(job)))
        if collisions:
            first, rest = collisions[0], collisions[1:]
            raise OutputCollision(first.message, where=first.where, also=rest)
        self._claims.update((collision_key(job.output), job) for job in job_file.jobs)
        return job_file

    def root_of(self, path: Path) -> Path:
        """The repository that the job file at `path` belongs to."""
        directory = path.parent
        if directory not in self._roots:
            self._roots[directory] = find_root(directory, self._root)
        return self._roots[directory]

    def _collision(self, job: Job) -> OutputCollision | None:
        other = self._claims.get(collision_key(job.output))
        if other is None or other.file == job.file:
            return None
        return OutputCollision(
            f"{job.name} writes {job.output_name}, and so does {other.name} at {other.where}", where=job.where
        )

    # --- planning ---------------------------------------------------------------------------------------------------

    def plan(self, job: Job) -> Plan:
        """What has to be done for `job`."""
        if self._settings.sketch:
            return plan_sketch(job, nonce=self._nonce)
        return make_plan(
            job, self.store(job.root), self._settings, nonce=self._nonce, owned_elsewhere=self._is_owned_elsewhere
        )

    def store(self, root: Path) -> Store:
        """The outputs of one repository."""
        if root not in self._stores:
            self._stores[root] = store = Store(root)
            self._open.callback(store.close)
        return self._stores[root]

    def _is_owned_elsewhere(self, job: Job, record: ImageRecord) -> bool:
        """Whether the item that a record names still makes this output."""
        path = _job_file_named(record, job.root)
        if path is None or path == job.file or not path.is_file():
            return False
        if path not in self._loaded:
            try:
                self._loaded[path] = load_job_file(path, job.root)
            except JobFileError:
                self._loaded[path] = None
        other = self._loaded[path]
        key = collision_key(job.output)
        return other is not None and any(collision_key(one.output) == key for one in other.jobs)

    # --- servers ----------------------------------------------------------------------------------------------------

    def shares_server(self, one: Job, other: Job) -> bool:
        """Whether two jobs are made by the same server."""
        return bool(self._settings.url) or self._settings.sketch or one.server.urls == other.server.urls

    def client_of(self, job: Job, default: Callable[[], ComfyClient]) -> ComfyClient:
        """The client for `job`: its file's own server when nobody set another, else the run's."""
        if self._settings.url or self._settings.sketch or not job.server.urls:
            return default()
        url = job.server.urls[0]
        if url not in self._clients:
            self._clients[url] = self._open.enter_context(ComfyClient(url, silence_s=self._settings.timeout))
        return self._clients[url]

    def meet(self, client: ComfyClient) -> Meeting:
        """First contact: who is it, and what did dead runs leave there?

        Done once per server; when it fails, everybody is told the same without waiting again.

        :raises MachineError: the server does not answer as ComfyUI.
        """
        met = self._meetings.get(client.url)
        if met is None:
            try:
                met = self._introduce(client)
            except MachineError as error:
                met = error
            self._meetings[client.url] = met
        if isinstance(met, ComfygenError):
            raise met
        return met

    def forget_meeting(self, client: ComfyClient) -> None:
        """The server failed: whoever comes next looks whether it is still there."""
        if isinstance(self._meetings.get(client.url), Meeting):
            del self._meetings[client.url]

    def _introduce(self, client: ComfyClient) -> Meeting:
        server = client.server_info()
        clean_up_leftovers(self.local_directory("journal"), client)
        return Meeting(client, server)

    def preflight(self, meeting: Meeting, selection: Callable[[], Iterable[Job]]) -> bool:
        """Ask what the server would refuse of the selection, once per server.

        :returns: whether it was asked now.
        :raises MachineError: the server does not tell what it has.
        """
        if meeting.client.url in self._refused:
            return False
        plans = (self.plan(job) for job in selection())
        wanted = [(plan.job, plan.seed) for plan in plans if plan.action == "make"]
        try:
            self._refused[meeting.client.url] = check_selection(wanted, meeting.client.object_info(), meeting.server)
        except MachineError as error:
            self._meetings[meeting.client.url] = error  # nobody else waits for it again
            raise
        return True

    def refused(self, client: ComfyClient) -> Mapping[str, ComfygenError]:
        """What preflight found, by job id."""
        return self._refused.get(client.url, {})

    # --- doing ------------------------------------------------------------------------------------------------------

    def make(self, plan: Plan, meeting: Meeting, hooks: HookRelay, notify: Callable[[Event], None]) -> JobResult:
        """Have the picture made and publish it, or lay a sketch aside."""
        job = plan.job
        refused = self.refused(meeting.client)
        if job.id in refused:
            raise refused[job.id]
        workplace = self.workplace(job.root, meeting, hooks, notify)
        if self._settings.sketch:
            return draw(job, plan.seed, workplace, lambda data: workplace.store.write_sketch(job.output, data))
        return generate(plan, workplace)

    def settle(self, plan: Plan) -> JobResult:
        """End an item that needs no server.

        :raises AssetError: what the plan refuses.
        """
        store = self.store(plan.job.root)
        match plan.action:
            case "adopt":
                return adopt(plan, store)
            case "refresh":
                return refresh(plan, store)
            case "keep":
                return JobResult(
                    outcome="current", path=plan.job.output, record=plan.record, uncompared=plan.uncompared
                )
            case "planned":
                return JobResult(outcome="planned", path=plan.job.output, reasons=plan.reasons)
        if plan.problem is None:
            msg = f"nothing says what to do for {plan.job.id}"
            raise AssertionError(msg)
        raise plan.problem

    def workplace(self, root: Path, meeting: Meeting, hooks: HookRelay, notify: Callable[[Event], None]) -> Workplace:
        """What making a picture in the repository at `root` needs."""
        return Workplace(
            client=meeting.client,
            server=meeting.server,
            store=self.store(root),
            journal=self._journal(),
            hooks=hooks,
            notify=notify,
        )

    def _journal(self) -> Journal:
        """Of pytest's root directory, whatever repositories the job files belong to: one run, one journal."""
        if self._the_journal is None:
            self._the_journal = Journal(self.local_directory("journal"))
            self._open.callback(self._the_journal.close)
        return self._the_journal

    def local_directory(self, name: str) -> Path:
        """A directory of this machine's own, below `.comfygen/` in pytest's root directory."""
        return self.store(self._root).local_directory(name)


def _job_file_named(record: ImageRecord, root: Path) -> Path | None:
    """The job file that a record names, unless it names something else: a record comes from git, also a stranger's."""
    name = PurePosixPath(record.job)
    if (
        name.is_absolute()
        or ".." in name.parts
        or "\\" in record.job
        or ":" in record.job
        or not is_job_file(name.name)
    ):
        return None
    return root / name

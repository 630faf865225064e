"""The session's dealings with servers; a run in which all is current never loads this, nor the client below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pluggy import HookRelay

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.journal import Journal
from pytest_comfygen.errors import ComfygenError, MachineError
from pytest_comfygen.flows.generate import Workplace, draw, generate
from pytest_comfygen.flows.plan import Plan
from pytest_comfygen.flows.preflight import check_selection
from pytest_comfygen.flows.provision import clean_up_leftovers, open_client
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import Event, Job, JobResult, ServerInfo
from pytest_comfygen.settings import Settings

__all__ = ["Meeting", "Servers"]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Who a server turned out to be."""

    client: ComfyClient
    server: ServerInfo


class Servers:
    """Every server that a process of the run talks to.

    :param local_directory: a directory of this machine's own, by its name.
    :param plan: what has to be done for a job.
    :param store: the outputs of one repository.
    """

    def __init__(
        self,
        settings: Settings,
        local_directory: Callable[[str], Path],
        plan: Callable[[Job], Plan],
        store: Callable[[Path], Store],
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._store = store
        self._local_directory = local_directory
        self._journal: Journal | None = None
        self._meetings: dict[str, Meeting | ComfygenError] = {}
        self._refused: dict[str, Mapping[str, ComfygenError]] = {}
        self._clients: dict[str, ComfyClient] = {}
        self._open = ExitStack()

    def close(self) -> None:
        """Close clients and the journal."""
        self._open.close()

    def client_of(self, job: Job, default: Callable[[], ComfyClient]) -> ComfyClient:
        """The client for `job`: its file's own server when nobody set another, else the run's."""
        if self._settings.url or self._settings.sketch or not job.server.urls:
            return default()
        url = job.server.urls[0]
        if url not in self._clients:
            self._clients[url] = self._open.enter_context(open_client(url, self._settings, {}))
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

    def preflight(self, meeting: Meeting, selection: Callable[[], Iterable[Job]]) -> bool:
        """Ask what the server would refuse of the selection, once per server.

        :returns: whether it was asked now.
        :raises MachineError: the server does not tell what it has.
        """
        if meeting.client.url in self._refused:
            return False
        plans = (self._plan(job) for job in selection())
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

    def workplace(self, root: Path, meeting: Meeting, hooks: HookRelay, notify: Callable[[Event], None]) -> Workplace:
        """What making a picture in the repository at `root` needs."""
        return Workplace(
            client=meeting.client,
            server=meeting.server,
            store=self._store(root),
            journal=self._opened_journal(),
            hooks=hooks,
            notify=notify,
        )

    def _introduce(self, client: ComfyClient) -> Meeting:
        server = client.server_info()
        clean_up_leftovers(self._local_directory("journal"), client)
        return Meeting(client, server)

    def _opened_journal(self) -> Journal:
        """Of pytest's root directory, whatever repositories the job files belong to: one run, one journal."""
        if self._journal is None:
            self._journal = Journal(self._local_directory("journal"))
            self._open.callback(self._journal.close)
        return self._journal

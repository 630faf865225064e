"""The client for each job: whose server it is, and what that needs first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.install import Install
from pytest_comfygen.errors import ComfygenError, MachineError, NoServer
from pytest_comfygen.flows.contact import open_client
from pytest_comfygen.flows.models import Models
from pytest_comfygen.flows.plan import Plan
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.flows.provision import Machine
from pytest_comfygen.records import Job

__all__ = ["Clients"]


class Clients:
    """The clients of a process of the run.

    :param plan: what has to be done for a job.
    :ivar is_equipped: the models of the selection were seen to.
    :ivar planned: what was planned for it, by job id; empty when models have come since.
    """

    def __init__(self, premises: Premises, machine: Machine, models: Models, plan: Callable[[Job], Plan]) -> None:
        self._premises = premises
        self._settings = premises.settings
        self._machine = machine
        self._models = models
        self._plan = plan
        self.is_equipped = False
        self.planned: dict[str, Plan] = {}
        self._unequipped: ComfygenError | None = None
        self._clients: dict[str | tuple[str, ...], ComfyClient | ComfygenError] = {}
        self._open = ExitStack()

    def close(self) -> None:
        """Close clients and servers."""
        self._open.close()

    def equip(self, selection: Iterable[Job], install: Callable[[], Install], *, for_tests: bool = False) -> None:
        """See to the models of the whole selection, once, before a server is started for nothing.

        :param for_tests: Python tests want the server too, whatever becomes of the images.
        :raises MachineError: not one of the images can be made with what is on this machine.
        """
        if self._unequipped:
            raise self._unequipped
        if self.is_equipped or self._settings.sketch or self._settings.url or not self._machine.serves_our_models:
            return
        self.is_equipped = True
        planned = {job.id: self._plan(job) for job in selection if not self._machine.is_elsewhere(job)}
        jobs = [plan.job for plan in planned.values() if plan.action == "make"]
        starts_own = self._machine.starts_own
        # A server that somebody else runs from our directory must not have it moved under its feet.
        has_come = self._models.provide(jobs, install if starts_own else lambda: None)
        self.planned = {} if has_come else planned
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

    def at(self, url: str) -> ComfyClient:
        """The client of a server that the settings name.

        :raises MachineError: it could not be opened before.
        """
        return self._kept(url, lambda: open_client(url, self._settings, self._premises.environment))

    def note(self, client: ComfyClient) -> None:
        """Use a client that is open for all jobs that its server makes."""
        self._clients.setdefault(client.url, client)

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

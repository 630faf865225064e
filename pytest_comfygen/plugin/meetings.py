"""Getting to know servers: who each one is, what became of it since, and what takes its place when it dies."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.server import Lease
from pytest_comfygen.errors import ComfygenError, MachineError
from pytest_comfygen.flows.contact import clean_up_leftovers, open_client
from pytest_comfygen.flows.persist import patiently
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.flows.provision import Machine
from pytest_comfygen.plugin.ahead import Ahead
from pytest_comfygen.records import ObjectInfo, ServerInfo

__all__ = ["Meeting", "Meetings"]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Who a server turned out to be.

    :param met_at: the address under which it was asked for; a restart may have moved it.
    :param lease: our use of it, when we started it.
    """

    client: ComfyClient
    server: ServerInfo
    met_at: str
    lease: Lease | None = None


class Meetings:
    """Every server that a process of the run has asked who it is.

    :param ahead: what was sent to them, which goes with a server that dies.
    """

    def __init__(self, premises: Premises, machine: Machine, ahead: Ahead) -> None:
        self._premises = premises
        self._machine = machine
        self._ahead = ahead
        self._met: dict[str, Meeting | ComfygenError] = {}
        self._open = ExitStack()

    def close(self) -> None:
        """Close the clients of servers that came back at another address."""
        self._open.close()

    def meet(self, client: ComfyClient) -> Meeting:
        """First contact: who is it, and what did dead runs leave there?

        Done once per server; when it fails, everybody is told the same without waiting again. A server of ours that
        died meanwhile is started again.

        :raises MachineError: the server does not answer as ComfyUI.
        """
        met = self._met.get(client.url)
        if met is None:
            try:
                met = self._introduce(client)
            except MachineError as error:
                met = error
            self._met[client.url] = met
        if isinstance(met, ComfygenError):
            raise met
        if met.lease and not met.lease.server.is_alive:
            return self.restarted(met, wedged=False)
        return met

    def forget(self, meeting: Meeting) -> None:
        """The server failed: whoever comes next looks whether it is still there."""
        self._ahead.lose(meeting.met_at)
        if isinstance(self._met.get(meeting.met_at), Meeting):
            del self._met[meeting.met_at]

    def now(self, meeting: Meeting) -> Meeting:
        """The meeting with the server as it is now; it may have been started again."""
        return self.at(meeting.met_at) or meeting

    @property
    def has_any(self) -> bool:
        """Whether any server was asked yet."""
        return bool(self._met)

    def at(self, server: str) -> Meeting | None:
        """The meeting with a server that was met, as `Meeting.met_at` names it."""
        met = self._met.get(server)
        return met if isinstance(met, Meeting) else None

    def object_info(self, meeting: Meeting) -> ObjectInfo:
        """Every node class that the server has.

        :raises MachineError: it does not tell, now or for anybody who asks later.
        """
        try:
            return patiently(lambda met: met.client.object_info(), meeting, self.restarted)
        except MachineError as error:
            self._met[meeting.met_at] = error
            raise

    def restarted(self, meeting: Meeting, *, wedged: bool) -> Meeting:
        """The meeting with the server that takes the place of one that failed, nearly always at the same address.

        :param wedged: it lives and is of no use.
        :raises MachineError: none could be started, which everybody is told who asks later.
        """
        if meeting.lease is None:
            return meeting
        try:
            now = meeting.lease.restarted(wedged=wedged)
        except MachineError as error:
            self._met[meeting.met_at] = error
            raise
        self._ahead.lose(meeting.met_at)
        client = self._client_at(now.url, meeting.client)
        again = replace(meeting, client=client, server=replace(meeting.server, url=now.url))
        self._met[meeting.met_at] = again
        return again

    def _introduce(self, client: ComfyClient) -> Meeting:
        lease = self._machine.lease_at(client.url)
        server = self._machine.known_at(client.url) if lease else None
        met = Meeting(client, server or self._machine.named(client.server_info()), client.url, lease)
        if lease and not lease.server.is_alive:
            met = self.restarted(met, wedged=False)
        return patiently(self._tidied, met, self.restarted)

    def _tidied(self, meeting: Meeting) -> Meeting:
        clean_up_leftovers(self._premises.local_directory("journal"), meeting.client)
        return meeting

    def _client_at(self, url: str, client: ComfyClient) -> ComfyClient:
        """The same client, or a new one for a server that had to come back at another address."""
        return client if url == client.url else self._open.enter_context(open_client(url, self._premises.settings, {}))

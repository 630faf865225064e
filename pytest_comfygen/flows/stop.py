"""Stopping the servers that earlier runs kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.server import Means, recorded, stop_kept
from pytest_comfygen.errors import MachineError
from pytest_comfygen.flows.repository import state_directories

__all__ = ["KeptServer", "stop_servers", "stopping_lines"]


@dataclass(frozen=True, slots=True)
class KeptServer:
    """A server that was to be stopped.

    :param problem: why it was not; None when it was.
    """

    url: str
    pid: int
    problem: MachineError | None = None


def stop_servers(root: Path, means: Means | None = None) -> tuple[KeptServer, ...]:
    """Stop every server that was started for the repository at `root` and that nobody uses."""
    return tuple(_stopped(root, means))


def _stopped(root: Path, means: Means | None) -> Iterator[KeptServer]:
    for state in state_directories(root):
        server = recorded(state)
        if server is None:
            continue
        try:
            if stop_kept(state, means):
                yield KeptServer(server.url, server.pid)
        except MachineError as error:
            yield KeptServer(server.url, server.pid, error)


def stopping_lines(servers: tuple[KeptServer, ...]) -> Iterator[str]:
    """What became of each server, in words."""
    if not servers:
        yield "no server of ours runs"
    for server in servers:
        name = f"the server at {server.url} (process {server.pid})"
        if server.problem is None:
            yield f"stopped {name}"
        else:
            hint = f"; {server.problem.hint}" if server.problem.hint else ""
            yield f"[{server.problem.code}] {name} was not stopped: {server.problem.message}{hint}"

"""What answers at an address: is it the process that we started, and if it is a stranger, where does it run from?"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from pytest_comfygen.engine.client import answers
from pytest_comfygen.engine.client.address import is_loopback, normal_url
from pytest_comfygen.engine.client.transport import Patience, Transport
from pytest_comfygen.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_comfygen.engine.supervise.state import OwnedServer
    from pytest_comfygen.records import ServerInfo

__all__ = ["Neighbour", "is_answering", "is_gone", "neighbour"]

# A server that loads a model may be slow to answer.
_ONE_TRY = Patience(attempts=1, connect_s=1.0, exchange_s=5.0)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A server that is there already.

    :param main: the program that it runs, resolved; None when that cannot be told.
    """

    info: ServerInfo
    main: Path | None

    def runs_from(self, checkout: Path) -> bool | None:
        """Whether it is the ComfyUI of that checkout; None when that cannot be told."""
        return None if self.main is None else self.main.parent == checkout.resolve()


def neighbour(url: str, patience: Patience = _ONE_TRY) -> Neighbour | None:
    """The ComfyUI that answers at `url`; None when none does. It is asked one question and nothing else."""
    url = normal_url(url)
    try:
        document = _system_stats(url, patience)
        return Neighbour(answers.server_info(url, document), _program(url, _arguments(document)))
    except MachineError:
        return None


def is_answering(server: OwnedServer) -> bool:
    """Whether the server answers: what has its port is its process, and was started with its arguments."""
    if not _is_listening(server):
        return False
    try:
        shown = _arguments(_system_stats(server.url, _ONE_TRY))
    except MachineError:
        return False
    # The first is the program, as the server sees it; the command line has the interpreter's own arguments before.
    tail = shown[1:]
    return str(server.port) in tail and tail == server.argv[-len(tail) :]


def is_gone(url: str) -> bool:
    """Whether nobody listens at an address of this machine: what had its port, and its queue, are no more."""
    parts = urlsplit(url)
    if not is_loopback(parts.hostname or ""):
        return False
    try:
        socket.create_connection((parts.hostname, parts.port or 80), timeout=1.0).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _is_listening(server: OwnedServer) -> bool:
    """Whether its port is its own. True where the system does not tell."""
    try:
        process = psutil.Process(server.pid)
        # Its children, too: some Pythons start another one in their place.
        return any(_has_port(one, server.port) for one in (process, *process.children()))
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False


def _has_port(process: psutil.Process, port: int) -> bool:
    sockets = process.net_connections("tcp")
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)


def _system_stats(url: str, patience: Patience) -> object:
    transport = Transport(url, patience=patience)
    try:
        return answers.document(transport.get("/system_stats"))
    finally:
        transport.close()


def _arguments(document: object) -> tuple[str, ...]:
    match document:
        case {"system": {"argv": [*argv]}}:
            return tuple(map(str, argv))
    return ()


def _program(url: str, argv: tuple[str, ...]) -> Path | None:
    """The program that a server on this machine runs."""
    if not argv or not is_loopback(urlsplit(url).hostname or ""):
        return None
    program = Path(argv[0])
    if program.is_absolute():
        return program.resolve()
    found = {(directory / program).resolve() for directory in _directories_of(list(argv))}
    return found.pop() if len(found) == 1 else None


def _directories_of(argv: list[str]) -> Iterator[Path]:
    """The working directories of the processes with these last arguments: a relative program means nothing without."""
    for process in psutil.process_iter():
        try:
            if process.cmdline()[-len(argv) :] == argv:
                yield Path(process.cwd())
        except psutil.Error:  # it ended, or is not ours to look at
            continue

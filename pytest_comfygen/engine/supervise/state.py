"""A server's state directory: what is written down about the one server that belongs to it.

    state.json    the server that was started last, written by its supervisor; gone when it was stopped
    ended.json    the exit code of the server that ended last by itself
    failure.json  why the last start failed, for those who waited for it
    keep          seconds that the server may outlive its last lease
    turn, turn.lock   who starts or stops the server now; the lock decides, the number is for people
    leases/       one file for each process that uses the server, locked by it
    server.log, server.1.log, supervisor.log

Nothing is synced to the disk: what has to be survived is the end of a process, and after a power cut there is no
server. A file that is torn or damaged says nothing.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psutil

from pytest_comfygen.engine.journal import Owner

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SUPERVISOR", "OwnedServer", "StateDirectory", "read_json", "write_json"]

SUPERVISOR = "pytest_comfygen.engine.supervise"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedServer:
    """A server that we started.

    :param argv: its command line.
    :param token: new at every start.
    :param identity: of the command that started it; equal ones may share it.
    :param log: what it writes, on both of its outputs.
    """

    process: Owner
    supervisor: Owner
    argv: tuple[str, ...]
    token: str
    port: int
    identity: str
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether this very process runs: number, creation time and arguments say so."""
        # The program itself is left out: some Pythons start another one in their place.
        return self.process.is_alive and _arguments(self.pid) == list(self.argv[1:])

    @property
    def is_supervised(self) -> bool:
        """Whether the process that would stop it runs."""
        return self.supervisor.is_alive and SUPERVISOR in _arguments(self.supervisor.pid)

    def as_json(self) -> dict[str, Any]:
        """As `from_json` reads it."""
        return {**asdict(self), "log": str(self.log)}

    @classmethod
    def from_json(cls, document: object) -> OwnedServer | None:
        """What `as_json` gave; None for anything else."""
        try:
            fields = dict(cast("Mapping[str, Any]", document))
            fields |= {name: Owner(**fields[name]) for name in ("process", "supervisor")}
            return cls(**(fields | {"argv": tuple(fields["argv"]), "log": Path(fields["log"])}))
        except (TypeError, ValueError, KeyError):
            return None


def _arguments(pid: int) -> list[str]:
    """A process' command line without its program; empty when it cannot be told."""
    try:
        return psutil.Process(pid).cmdline()[1:]
    except psutil.Error:
        return []


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """The paths in a state directory, and what their files say."""

    path: Path

    @property
    def record(self) -> Path:
        """The server that was started last."""
        return self.path / "state.json"

    @property
    def ended(self) -> Path:
        """The exit code of the server that ended last by itself."""
        return self.path / "ended.json"

    @property
    def failure(self) -> Path:
        """Why the last start failed."""
        return self.path / "failure.json"

    @property
    def keep(self) -> Path:
        """How long the server may outlive its last lease."""
        return self.path / "keep"

    @property
    def turn(self) -> Path:
        """Who starts or stops the server now."""
        return self.path / "turn"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the server."""
        return self.path / "turn.lock"

    @property
    def leases(self) -> Path:
        """One file for each process that uses the server."""
        return self.path / "leases"

    @property
    def log(self) -> Path:
        """What the server writes."""
        return self.path / "server.log"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor writes, which is nothing unless it fails."""
        return self.path / "supervisor.log"

    def recorded(self) -> OwnedServer | None:
        """The server that was started last, dead or alive."""
        return OwnedServer.from_json(read_json(self.record))

    def write_record(self, server: OwnedServer) -> None:
        """Say which server was started."""
        write_json(self.record, server.as_json())

    def forget(self, token: str) -> None:
        """The server of that start is gone."""
        server = self.recorded()
        if server is None or server.token == token:
            self.record.unlink(missing_ok=True)

    def exit_code(self, token: str) -> int | None:
        """How the server of that start ended by itself; None while that is not known."""
        match read_json(self.ended):
            case {"token": str(which), "exit_code": int(code)} if which == token:
                return code
        return None

    def keep_s(self) -> float:
        """How long the server may outlive its last lease."""
        try:
            return float(self.keep.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0.0


def read_json(path: Path) -> object:
    """The document in a file; None when there is none."""
    with suppress(OSError, ValueError):
        return json.loads(path.read_bytes())
    return None


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Make `path` hold `document`, at once or not at all."""
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temp.write_text(json.dumps(document, indent=1), encoding="ascii")
    temp.replace(path)

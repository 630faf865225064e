"""A server's start: its supervisor is told what to start, and the server is waited for."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import filelock
import psutil

import pytest_comfygen
from pytest_comfygen.engine.server.evidence import is_answering
from pytest_comfygen.engine.server.failure import ended_early, moved_aside, tells_of_taken_port, tells_of_work, too_slow
from pytest_comfygen.engine.supervise.state import SUPERVISOR, OwnedServer
from pytest_comfygen.engine.supervise.stopping import stop_family, wait_until
from pytest_comfygen.engine.supervise.watch import Order
from pytest_comfygen.errors import ServerStartFailed

if TYPE_CHECKING:
    from pytest_comfygen.engine.server.command import ServerCommand
    from pytest_comfygen.engine.supervise.state import StateDirectory

__all__ = ["Ended", "Means", "await_ready", "clear_scratch", "free_port", "is_free", "start", "stop_recorded"]

ANNOUNCE_S = 30.0
PORT_TRIES = 3
RELEASE_S = 3.0
EXIT_CODE_S = 1.0  # the supervisor writes it down at once
_PAUSES_S = (0.05, 0.1, 0.1, 0.2, 0.2)
_LONGEST_PAUSE_S = 0.4


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What starting and stopping rests on.

    :param choose_port: gives a free one; it may be gone when the server gets there.
    :param grace_s: how long the supervisor lets a server be that nobody holds a lease of, besides what it is kept.
    :param patience_s: how long a server may take to end when asked to, before it is killed.
    :param pause_s: between two looks of the supervisor.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    choose_port: Callable[[], int] = free_port
    grace_s: float = 3.0
    patience_s: float = 10.0
    pause_s: float = 0.5


class Ended(Exception):
    """The server ended while it was waited for."""

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def start(
    command: ServerCommand, state: StateDirectory, means: Means, *, timeout_s: float, port: int | None = None
) -> OwnedServer:
    """Start a server and wait until it is ready. By whoever has the turn only.

    :param port: to be used again if nobody else does.
    :raises ServerStartFailed: it ended, or was not ready in `timeout_s` seconds and was stopped.
    """
    for _ in range(PORT_TRIES):
        port = port if port is not None and _becomes_free(port, means) else means.choose_port()
        server = _launch(command, state, means, port)
        try:
            await_ready(server, state, means, timeout_s)
        except Ended as ended:
            failure = ended_early(ended.exit_code, server.log)
            if tells_of_work(failure.details):
                continue  # it was up, and somebody who waited at its old port sent it a job that killed it again
            if is_free(port) and not tells_of_taken_port(failure.details):
                raise failure from None
            # Somebody else took the port since it was chosen, perhaps for a moment only.
        except ServerStartFailed:
            stop_recorded(state, means)
            raise
        else:
            return server
        port = None
    raise failure


def await_ready(server: OwnedServer, state: StateDirectory, means: Means, timeout_s: float) -> None:
    """Wait until the server answers, and it is the one.

    :raises Ended: it ended meanwhile.
    :raises ServerStartFailed: it did not in `timeout_s` seconds.
    """
    ends_at = means.clock() + timeout_s
    for pause_s in _pauses():
        if not server.is_alive:
            wait_until(lambda: state.exit_code(server.token) is not None, EXIT_CODE_S)
            raise Ended(state.exit_code(server.token))
        if is_answering(server):
            return
        if means.clock() >= ends_at:
            raise too_slow(timeout_s, server.log)
        means.sleep(pause_s)


def stop_recorded(state: StateDirectory, means: Means) -> OwnedServer | None:
    """Stop the server that the state directory names, if it runs. By whoever has the turn only.

    :returns: what was stopped.
    :raises ServerStartFailed: it cannot be stopped.
    """
    server = state.recorded()
    if server is None:
        return None
    was_alive = server.is_alive
    if server.is_supervised:
        _end(server.supervisor.pid)
        # It gives the server its time, and a little for itself.
        wait_until(lambda: not server.supervisor.is_alive, means.patience_s + 10.0, means.clock, means.sleep)
    if not _is_stopped(server, means.patience_s):
        raise ServerStartFailed(
            f"the server of process {server.pid} cannot be stopped: it does not end when it is killed",
            hint="does its device hang? Restart the machine",
        )
    state.forget(server.token)
    return server if was_alive else None


def _is_stopped(server: OwnedServer, patience_s: float) -> bool:
    """Stop what its supervisor did not."""
    try:
        process = psutil.Process(server.pid)
    except psutil.NoSuchProcess:
        return True
    return not server.is_alive or stop_family(process, patience_s)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _becomes_free(port: int, means: Means) -> bool:
    """Whether it can be had; a large process that was killed keeps its port for a moment."""
    return wait_until(lambda: is_free(port), RELEASE_S, means.clock, means.sleep)


def _pauses() -> Iterator[float]:
    yield from _PAUSES_S
    while True:
        yield _LONGEST_PAUSE_S


def _end(pid: int) -> None:
    try:
        psutil.Process(pid).terminate()
    except psutil.Error:
        return


def _launch(command: ServerCommand, state: StateDirectory, means: Means, port: int) -> OwnedServer:
    _make_room(command, state)
    order = Order(
        token=uuid4().hex,
        argv=command.at(port),
        cwd=command.cwd,
        environment=command.environment,
        port=port,
        identity=command.identity,
        state=state.path,
        grace_s=means.grace_s,
        patience_s=means.patience_s,
        pause_s=means.pause_s,
    )
    return _announced(_supervise(order, state))


def clear_scratch(command: ServerCommand, state: StateDirectory) -> None:
    """Remove the pictures that a server left; they were fetched, or nobody wants them any more."""
    for path in command.scratch:
        if path.resolve().is_relative_to(state.path.resolve()):
            shutil.rmtree(path, ignore_errors=True)


def _make_room(command: ServerCommand, state: StateDirectory) -> None:
    """Empty what the last server left, and keep one log of those before."""
    clear_scratch(command, state)
    for path in (*command.directories, state.leases):
        path.mkdir(parents=True, exist_ok=True)
    if state.log.exists():
        state.log.replace(moved_aside(state.log))


def _supervise(order: Order, state: StateDirectory) -> str:
    """Start the supervisor; what it announces. The order goes through a pipe: nobody else sees the environment."""
    with state.supervisor_log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603  # our own module, run by our own interpreter
            [sys.executable, "-P", "-m", SUPERVISOR],
            cwd=state.path,
            env={**order.environment, "PYTHONPATH": os.pathsep.join(_import_path())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="ascii",
            start_new_session=True,
        )
    with process:
        try:
            announced, _ = process.communicate(json.dumps(order.as_json()), timeout=ANNOUNCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            announced = ""
    return announced or json.dumps({"error": f"its supervisor said nothing, see {state.supervisor_log}"})


def _import_path() -> list[str]:
    """Where the supervisor finds what it imports, however we came to find it."""
    return sorted({str(Path(str(module.__file__)).parents[1]) for module in (pytest_comfygen, psutil, filelock)})


def _announced(line: str) -> OwnedServer:
    document = json.loads(line)
    server = OwnedServer.from_json(document)
    if server is None:
        raise ServerStartFailed(f"the server cannot be started: {document.get('error', document)}")
    return server

"""However those who use a server end, the server ends too; and it is one server, however many come at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_comfygen.engine.server import PORT, ServerCommand, leased, recorded
from pytest_comfygen.engine.supervise.stopping import is_running, wait_until
from tests.engine.server.programs import QUICK, Programs, programs_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

ROOT = Path(__file__).parents[2]
TERMS: dict[str, Any] = {"start_timeout_s": 20.0, "keep_s": 0.0, "notify": lambda _: None, "means": QUICK}

# Takes a lease as pytest would, says so, and stays until its standard input ends.
HOLDER = """
import sys
from pathlib import Path
from tests.engine.server.programs import QUICK, Programs
from pytest_comfygen.engine.server import leased

programs = Programs(Path(sys.argv[1]))
with leased(programs.command(), programs.state, start_timeout_s=30, keep_s=float(sys.argv[2]),
            notify=lambda event: print(event.text, flush=True), means=QUICK) as lease:
    print("holds", lease.server.pid, flush=True)
    sys.stdin.read()
"""


class Holder:
    """Another process that uses the server."""

    def __init__(self, programs: Programs, keep_s: float = 0.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(programs.directory), str(keep_s)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def server(self) -> int:
        """The server's process, once the lease is held."""
        return int(self.line("holds").split()[1])

    def line(self, start: str) -> str:
        """The next line that starts so."""
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            if line.startswith(start):
                return line
            said.append(line)
        pytest.fail(f"the holder ended with {self.process.wait()}: {''.join(said)}")

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with programs_in(tmp_path) as made:
        made.command()
        yield made


@contextmanager
def holders(programs: Programs, number: int) -> Iterator[list[Holder]]:
    with ExitStack() as stack:
        made = [Holder(programs) for _ in range(number)]
        for holder in made:
            stack.callback(holder.close)
        yield made


def pids(programs: Programs) -> set[int]:
    """The servers that ever started."""
    return {pid for word, pid, _ in programs.lives() if word == "start"}


# --- those who use it are killed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whatever_ends_the_one_who_uses_it_the_server_ends(programs: Programs, number: signal.Signals) -> None:
    with holders(programs, 1) as (holder,):
        server = psutil.Process(holder.server())

        holder.process.send_signal(number)
        holder.process.wait(20)

        assert wait_until(lambda: not is_running(server), 10)
        assert programs.wait_until_gone()
        assert recorded(programs.state) is None


def test_of_two_who_use_it_one_may_be_killed(programs: Programs) -> None:
    with holders(programs, 2) as (first, second):
        server = first.server()
        assert second.server() == server
        first.process.kill()
        first.process.wait()

        with leased(programs.command(), programs.state, **TERMS) as lease:
            assert lease.server.pid == server

        second.process.kill()
        assert programs.wait_until_gone()

    assert pids(programs) == {server}


def test_a_worker_that_was_killed_is_replaced_within_the_grace(programs: Programs) -> None:
    """As xdist does; the server is still there for the new one."""
    patient = replace(QUICK, grace_s=30.0)
    with leased(programs.command(), programs.state, **(TERMS | {"keep_s": 30, "means": patient})) as lease:
        server = lease.server
    with holders(programs, 1) as (first,):
        assert first.server() == server.pid
        first.process.kill()
        first.process.wait()
    with holders(programs, 1) as (second,):
        assert second.server() == server.pid
        second.end()

    assert programs.wait_until_gone()


def test_the_one_who_starts_and_stops_it_may_be_killed_at_any_point(programs: Programs) -> None:
    """At lines spread over joining and leaving: nothing is left, and the next one needs no help."""
    lines = int(run_with_kill(programs, -1).stdout.rpartition("lines: ")[2])

    for line in range(1, lines, lines // KILLS):
        done = run_with_kill(programs, line)

        assert done.returncode in (-signal.SIGKILL, 0), done.stderr  # it took fewer looks this time, and got through
        assert programs.wait_until_gone()

    with leased(programs.command(), programs.state, **TERMS) as lease:
        assert lease.server.is_alive
    assert_never_two_at_once(programs)


KILLS = 5

# Joins and leaves, and kills itself at the n-th line of the code that does so; without a number, prints how many.
KILLED = """
import os, signal, sys
from pathlib import Path
from tests.engine.server.programs import QUICK, Programs
from pytest_comfygen.engine.server import leased

wanted, seen = int(sys.argv[2]), 0

def trace(frame, event, _):
    global seen
    if frame.f_code.co_filename.rpartition('/')[2] not in ('lease.py', 'leases.py', 'start.py', 'state.py'):
        return None
    if event == 'line':
        seen += 1
        if seen == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace

programs = Programs(Path(sys.argv[1]))
command = programs.command()
sys.settrace(trace)
with leased(command, programs.state, start_timeout_s=30, keep_s=0, notify=lambda _: None, means=QUICK):
    pass
sys.settrace(None)
print('lines:', seen)
"""


def run_with_kill(programs: Programs, line: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(programs.directory), str(line)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the server stays until the next run, or the last lease")
def test_the_supervisor_does_not_leave_the_server_behind(programs: Programs) -> None:
    with holders(programs, 1) as (holder,):
        server = psutil.Process(holder.server())
        record = recorded(programs.state)
        assert record is not None

        os.kill(record.supervisor.pid, signal.SIGKILL)

        assert wait_until(lambda: not is_running(server), 5)
        holder.end()

    assert programs.processes() == []


def test_a_supervisor_that_is_asked_to_end_takes_the_server_with_it(programs: Programs) -> None:
    with holders(programs, 1) as (holder,):
        holder.server()
        record = recorded(programs.state)
        assert record is not None

        os.kill(record.supervisor.pid, signal.SIGTERM)

        assert programs.wait_until_gone()


def test_a_lease_is_not_lost_with_a_forked_child(programs: Programs) -> None:
    with leased(programs.command(), programs.state, **TERMS) as lease:
        child = os.fork()
        if child == 0:  # pragma: no cover  # pytest-forked ends its children so
            os._exit(0)
        os.waitpid(child, 0)
        with holders(programs, 1) as (holder,):
            assert holder.server() == lease.server.pid
            holder.end()
        assert lease.server.is_alive


# --- many at once ----------------------------------------------------------------------------------------------------


def test_eight_who_come_at_once_share_one_server(programs: Programs) -> None:
    with holders(programs, 8) as made:
        servers = {holder.server() for holder in made}
        for holder in made:
            holder.end()

    assert servers == pids(programs)
    assert len(servers) == 1
    assert programs.processes() == []


def test_two_servers_never_live_at_once(programs: Programs) -> None:
    """Some come while others stop the last server; each finds one that lives, or starts the next."""
    with holders(programs, 3) as made:
        for holder in made:
            holder.server()
            holder.end()
    with holders(programs, 2) as (first, second):
        first.server()
        first.end()
        second.server()
        second.end()

    assert_never_two_at_once(programs)
    assert programs.processes() == []


def assert_never_two_at_once(programs: Programs) -> None:
    """The lives of servers, by their own notes, do not overlap. One that was killed wrote no end."""
    lives = programs.lives()
    ends = {pid: at for word, pid, at in lives if word == "end"}
    starts = sorted((at, pid) for word, pid, at in lives if word == "start")
    for (_, pid), (next_start, _) in pairwise(starts):
        assert ends.get(pid, 0.0) <= next_start


# --- the real stand-in -----------------------------------------------------------------------------------------------


def test_the_stand_in_ends_with_the_one_who_uses_it(programs: Programs) -> None:
    argv = (sys.executable, "-m", "pytest_comfygen.sketch", "--port", PORT)
    command = ServerCommand(argv=argv, cwd=programs.directory, environment=dict(os.environ), identity="sketch")
    child = os.fork()
    if child == 0:  # pragma: no cover  # killed while it uses the server
        with leased(command, programs.state, **TERMS):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)

    assert programs.wait_until_gone()
    assert not recorded(programs.state)
    assert "comfygen-sketch listening" in (programs.state / "server.log").read_text(encoding="utf-8")

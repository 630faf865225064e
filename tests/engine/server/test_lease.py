"""One server for all who need it, and none when nobody does."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.journal import Owner
from pytest_comfygen.engine.server import PORT, Lease, ServerCommand, leased, recorded, running, stop_kept
from pytest_comfygen.engine.supervise.state import StateDirectory
from pytest_comfygen.engine.supervise.stopping import wait_until
from pytest_comfygen.engine.supervise.watch import LOG_KEPT_BYTES, LOG_LIMIT_BYTES, cap
from pytest_comfygen.errors import ServerInUse, ServerStartFailed
from pytest_comfygen.records import Event
from tests.engine.server.conftest import Use
from tests.engine.server.programs import QUICK, SERVE, WELL, Programs


def answers(lease: Lease) -> bool:
    return requests.get(f"{lease.server.url}/system_stats", timeout=5).ok


# --- from the first to the last --------------------------------------------------------------------------------------


def test_a_server_answers_while_it_is_used_and_is_gone_when_nobody_uses_it(programs: Programs, use: Use) -> None:
    with use(programs.command()) as lease:
        assert answers(lease)
        assert running(programs.state) == lease.server
        assert len(programs.processes()) == 2  # the server and its supervisor

    assert programs.processes() == []
    assert recorded(programs.state) is None


def test_the_stand_in_is_one_more_command(programs: Programs, use: Use) -> None:
    argv = (sys.executable, "-m", "pytest_comfygen.sketch", "--port", PORT, "--no-paint")
    command = ServerCommand(argv=argv, cwd=programs.directory, environment=dict(os.environ), identity="sketch")

    with use(command) as lease, ComfyClient(lease.server.url) as client:
        assert client.server_info().sketch

    assert programs.processes() == []


def test_the_last_one_out_stops_it(programs: Programs, use: Use) -> None:
    with use(programs.command()) as first:
        with use(programs.command()) as second:
            assert second.server == first.server
        assert answers(first)

    assert programs.processes() == []


def test_it_is_said_what_happens(programs: Programs, use: Use, notices: list[str]) -> None:
    with use(programs.command()) as lease, use(programs.command()):
        pass

    assert notices == [
        f"starting a server; its log: {programs.state / 'server.log'}",
        f"using the server that runs already at {lease.server.url} (process {lease.server.pid})",
    ]


def test_what_the_last_server_left_is_emptied_and_its_log_kept(programs: Programs, use: Use) -> None:
    output, user = programs.state / "output", programs.state / "user"
    elsewhere = programs.directory / "mine"
    elsewhere.mkdir()
    command = replace(programs.command(), directories=(output, user), scratch=(output, elsewhere))
    for _ in range(2):
        with use(command):
            assert list(output.iterdir()) == []
            (output / "old.png").touch()
            (user / "settings.json").touch()

    assert (user / "settings.json").exists()
    assert elsewhere.exists()  # it is not below the state directory
    assert "GUI" in (programs.state / "server.1.log").read_text(encoding="utf-8")


def test_an_error_in_between_stops_it_all_the_same(programs: Programs, use: Use) -> None:
    with pytest.raises(ZeroDivisionError), use(programs.command()):
        raise ZeroDivisionError

    assert programs.processes() == []


# --- kept ------------------------------------------------------------------------------------------------------------


def test_a_kept_server_is_found_by_the_next_one(programs: Programs, use: Use) -> None:
    with use(programs.command(), keep_s=60) as first:
        kept = first.server

    with use(programs.command()) as second:
        assert second.server == kept

    assert programs.processes() == []


def test_a_kept_server_ends_after_its_time(programs: Programs, use: Use) -> None:
    with use(programs.command(), keep_s=0.3) as lease:
        pass

    assert lease.server.is_alive
    assert programs.wait_until_gone()
    assert recorded(programs.state) is None


def test_a_kept_server_is_stopped_when_asked(programs: Programs, use: Use) -> None:
    with use(programs.command(), keep_s=60) as lease:
        pass

    assert stop_kept(programs.state, QUICK) == lease.server
    assert programs.processes() == []
    assert stop_kept(programs.state, QUICK) is None


def test_a_server_in_use_is_not_stopped(programs: Programs, use: Use) -> None:
    with use(programs.command()) as lease:
        with pytest.raises(ServerInUse, match=f"process {os.getpid()}"):
            stop_kept(programs.state, QUICK)
        assert answers(lease)


def test_a_kept_server_of_another_command_is_replaced(programs: Programs, use: Use) -> None:
    with use(programs.command(), keep_s=60) as first:
        old = first.server

    with use(programs.command(WELL + SERVE, "--lowvram")) as second:
        assert not old.is_alive
        assert "--lowvram" in second.server.argv


def test_a_used_server_of_another_command_is_an_error(programs: Programs, use: Use) -> None:
    with use(programs.command()) as lease:
        with pytest.raises(ServerInUse, match=f"process {os.getpid()}"), use(programs.command(WELL + SERVE, "--x")):
            pass
        assert answers(lease)


# --- a start that goes wrong -----------------------------------------------------------------------------------------


def failure_of(use: Use, command: ServerCommand, **terms: Any) -> ServerStartFailed:
    with pytest.raises(ServerStartFailed) as raised, use(command, **terms):
        pass
    return raised.value


def test_death_before_readiness_is_told_at_once_with_the_end_of_the_log(programs: Programs, use: Use) -> None:
    error = failure_of(use, programs.command("print('hello'); import a_module_that_nobody_has"), start_timeout_s=600)

    assert error.message == "the server ended before it was ready (exit code 1)"
    assert error.details[0] == "hello"
    assert error.details[-1] == "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"
    assert str(error.hint).endswith("--comfy-extra-requirements a_module_that_nobody_has")
    assert programs.wait_until_gone()


def test_what_cannot_be_started_says_why(programs: Programs, use: Use) -> None:
    command = programs.command()
    missing = str(programs.directory / "venv" / "python")

    error = failure_of(use, replace(command, argv=(missing, *command.argv[1:])))

    assert error.message == f"the server cannot be started: No such file or directory: {missing}"


def test_a_state_directory_that_cannot_be_used_says_why(programs: Programs, use: Use) -> None:
    programs.state.write_text("a file", encoding="utf-8")

    error = failure_of(use, programs.command())

    assert error.message == f"no server can be started: Not a directory ({programs.state / 'leases'})"


def test_a_server_that_never_gets_ready_is_stopped(programs: Programs, use: Use) -> None:
    error = failure_of(
        use, programs.command("import time\nprint('busy', flush=True)\ntime.sleep(60)"), start_timeout_s=0.5
    )

    assert error.message == "the server was not ready within 0.5 s"
    assert error.details == ("busy",)
    assert programs.processes() == []


def test_a_server_and_its_children_that_ignore_sigterm_are_killed(programs: Programs, use: Use) -> None:
    stubborn = """
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        """
    program = stubborn.replace("\n        ", "\n") + WELL.replace("signal.signal(signal.SIGTERM, end)", "") + SERVE

    with use(programs.command(program)):
        assert len(programs.processes()) == 3

    assert programs.processes() == []


def test_a_port_that_somebody_took_is_given_up(programs: Programs, use: Use) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1]])
        means = replace(QUICK, choose_port=lambda: next(ports, 0) or QUICK.choose_port())

        with use(programs.command(), means=means) as lease:
            assert lease.server.port != taken.getsockname()[1]
            assert answers(lease)


def test_a_stranger_on_the_port_is_not_taken_for_ours(programs: Programs, use: Use) -> None:
    with use(programs.command()) as stranger:
        sleeper = replace(programs.command("import time; time.sleep(60)", name="other.py"), identity="other")
        means = replace(QUICK, choose_port=lambda: stranger.server.port)
        programs.state = programs.directory / "state-2"

        error = failure_of(use, sleeper, start_timeout_s=0.5, means=means)

    assert "was not ready" in error.message


def test_who_waited_while_somebody_failed_is_told_the_same(programs: Programs) -> None:
    """The first fails when the second waits, and not before."""
    program = (
        "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)\nraise SystemExit('no torch')"
    )
    command = programs.command(program)
    errors: list[ServerStartFailed] = []
    told: list[str] = []
    has_started = threading.Event()

    def try_once(notify: Callable[[Event], None]) -> None:
        with (
            pytest.raises(ServerStartFailed) as raised,
            leased(command, programs.state, start_timeout_s=20, keep_s=0, notify=notify, means=QUICK),
        ):
            pass
        errors.append(raised.value)

    def tell_second(event: Event) -> None:
        told.append(event.text)
        (programs.directory / "go").touch()

    first = threading.Thread(target=try_once, args=(lambda _: has_started.set(),))
    second = threading.Thread(target=try_once, args=(tell_second,))
    first.start()
    assert has_started.wait(20)
    second.start()
    for thread in (first, second):
        thread.join(20)

    assert told == [f"waiting for process {os.getpid()}, which starts or stops the server"]
    assert [error.details for error in errors] == [("no torch",), ("no torch",)]


def test_who_comes_after_a_failure_tries_again(programs: Programs, use: Use, notices: list[str]) -> None:
    for _ in range(2):
        failure_of(use, programs.command("raise SystemExit('no torch')"))

    assert len(notices) == 2


def test_a_flood_of_output_does_not_fill_the_disk(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with log.open("ab") as writer:
        writer.write(b"x" * (LOG_LIMIT_BYTES + 1))
        writer.flush()

        cap(log)
        writer.write(b"the end")

    assert log.stat().st_size < LOG_KEPT_BYTES + 100
    assert log.read_bytes().endswith(b"xthe end")


def test_a_server_that_writes_megabytes_gets_ready(programs: Programs, use: Use) -> None:
    with use(programs.command("print('x' * 20_000_000)" + WELL + SERVE)) as lease:
        assert answers(lease)


# --- what is found --------------------------------------------------------------------------------------------------


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is nobody's server."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def test_a_recycled_process_number_is_not_taken_for_the_server(
    programs: Programs, use: Use, bystander: subprocess.Popen[bytes]
) -> None:
    with use(programs.command(), keep_s=60) as lease:
        pass
    stop_kept(programs.state, QUICK)
    for process in (Owner(bystander.pid, 0), Owner.of(bystander.pid)):
        StateDirectory(programs.state).write_record(replace(lease.server, process=process, supervisor=process))

        assert running(programs.state) is None
        with use(programs.command()) as new:
            assert new.server.pid != bystander.pid

    assert bystander.poll() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"process": 3}', "null", "\0", "\xff"])
def test_a_damaged_record_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text, encoding="latin-1")

    assert recorded(tmp_path) is None
    assert stop_kept(tmp_path) is None


def test_a_damaged_record_does_not_keep_a_server_from_starting(programs: Programs, use: Use) -> None:
    programs.state.mkdir()
    for name in ("state.json", "ended.json", "failure.json", "keep", "turn"):
        (programs.state / name).write_text("{", encoding="utf-8")

    with use(programs.command()) as lease:
        assert lease.server.is_alive


def test_a_server_without_its_supervisor_is_replaced(programs: Programs, use: Use) -> None:
    with use(programs.command(), keep_s=60) as lease:
        old = lease.server
    psutil.Process(old.supervisor.pid).kill()
    wait_until(lambda: not old.is_supervised, 5)

    with use(programs.command()) as new:
        assert new.server.token != old.token
        assert not old.is_alive

    assert programs.processes() == []


def test_a_state_directory_that_is_deleted_takes_its_server_with_it(programs: Programs, use: Use) -> None:
    with use(programs.command(), keep_s=60):
        pass
    while programs.state.exists():  # its keeper may write a file between the listing and the removal of a directory
        shutil.rmtree(programs.state, ignore_errors=True)

    assert programs.wait_until_gone()
    assert not programs.state.exists()


def test_the_record_survives_its_way_through_a_file(programs: Programs, use: Use) -> None:
    with use(programs.command()) as lease:
        document = json.loads((programs.state / "state.json").read_text(encoding="utf-8"))

        assert recorded(programs.state) == lease.server
        assert document["port"] == lease.server.port
        assert "environment" not in document


def test_the_environment_stands_in_no_file_and_in_no_command_line(programs: Programs, use: Use) -> None:
    command = replace(programs.command(), environment=dict(os.environ) | {"ANYTHING": "confidential"})

    with use(command):
        shown = [" ".join(process.cmdline()) for process in programs.processes()]
        written = [path.read_bytes() for path in programs.state.rglob("*") if path.is_file()]

    assert not any("confidential" in line for line in shown)
    assert not any(b"confidential" in content for content in written)


# --- restarts --------------------------------------------------------------------------------------------------------


def test_a_crashed_server_is_started_again_where_it_was(programs: Programs, use: Use) -> None:
    with use(programs.command()) as lease:
        old = lease.server
        psutil.Process(old.pid).kill()
        wait_until(lambda: StateDirectory(programs.state).exit_code(old.token) is not None, 5)

        new = lease.restarted()

        assert StateDirectory(programs.state).exit_code(old.token) == -9

        assert (new.url, new.pid == old.pid) == (old.url, False)
        assert lease.server == new
        assert answers(lease)

    assert programs.processes() == []


def test_a_server_that_lives_is_not_restarted(programs: Programs, use: Use) -> None:
    with use(programs.command()) as lease:
        assert lease.restarted() == lease.server
        assert len(programs.lives()) == 1


def test_a_wedged_server_is_replaced_once_for_all_who_use_it(programs: Programs, use: Use) -> None:
    with use(programs.command()) as first, use(programs.command()) as second:
        new = first.restarted(wedged=True)

        assert second.restarted(wedged=True) == new

    assert [word for word, _, _ in programs.lives()] == ["start", "end", "start", "end"]


def test_a_server_that_does_not_come_back_is_an_error(programs: Programs, use: Use) -> None:
    once = "import pathlib\nif pathlib.Path('lives.txt').exists(): raise SystemExit('only once')\n"
    with use(programs.command(once + WELL + SERVE)) as lease:
        psutil.Process(lease.server.pid).kill()

        with pytest.raises(ServerStartFailed, match="exit code 1"):
            lease.restarted()

    assert programs.wait_until_gone()

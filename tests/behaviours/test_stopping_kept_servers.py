"""`pytest --comfy-stop` stops the servers that earlier runs kept, and says who uses one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_comfygen.engine.server import leased, recorded, running
from tests.engine.server.programs import QUICK, Programs, programs_in
from tests.repository import Repository


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with programs_in(tmp_path) as made:
        yield made


def state_of(repository: Repository, name: str = "any") -> Path:
    return repository.path.resolve() / ".comfygen" / "server" / name


def keep_server(programs: Programs, state: Path) -> str:
    """A server that its last user has left running."""
    with leased(programs.command(), state, start_timeout_s=20, keep_s=600, notify=lambda _: None, means=QUICK) as lease:
        return lease.server.url


def test_a_kept_server_is_stopped(repository: Repository, programs: Programs) -> None:
    state = state_of(repository)
    url = keep_server(programs, state)
    server = recorded(state)
    assert server is not None

    result = repository.run("--comfy-stop")

    assert result.ret == 0
    assert result.outlines == [f"stopped the server at {url} (process {server.pid})"]
    assert (running(state), recorded(state)) == (None, None)


def test_a_kept_server_that_runs_is_part_of_the_diagnosis(
    repository: Repository, programs: Programs, sketch_url: str
) -> None:
    url = keep_server(programs, state_of(repository))

    result = repository.run("--comfy-doctor", "--comfy-url", sketch_url)
    repository.run("--comfy-stop")

    result.stdout.fnmatch_lines([f"ok *{url} *ComfyUI 0.3.64, started by us (process *)"])


def test_a_server_in_use_is_left_alone_and_its_users_are_named(repository: Repository, programs: Programs) -> None:
    state = state_of(repository)
    with leased(programs.command(), state, start_timeout_s=20, keep_s=0, notify=lambda _: None, means=QUICK) as lease:
        result = repository.run("--comfy-stop")

        assert result.ret == 1
        assert running(state) == lease.server
    assert f"[server-in-use] the server at {lease.server.url}" in result.outlines[0]
    assert f"used by process {os.getpid()}" in result.outlines[0]


def test_one_in_use_does_not_keep_the_other_from_being_stopped(repository: Repository, programs: Programs) -> None:
    keep_server(programs, state_of(repository, "kept"))
    used = state_of(repository, "a-used-one")
    with leased(programs.command(), used, start_timeout_s=20, keep_s=0, notify=lambda _: None, means=QUICK):
        result = repository.run("--comfy-stop")

    assert result.ret == 1
    assert [line.partition(" the server")[0] for line in result.outlines] == ["[server-in-use]", "stopped"]


@pytest.mark.parametrize("dead", [False, True])
def test_without_a_server_there_is_nothing_to_stop(repository: Repository, programs: Programs, *, dead: bool) -> None:
    if dead:
        state = state_of(repository)
        keep_server(programs, state)
        for process in programs.processes():
            process.kill()
        assert programs.wait_until_gone()

    result = repository.run("--comfy-stop")

    assert (result.ret, result.outlines) == (0, ["no server of ours runs"])


def test_nothing_is_made_where_nothing_was(repository: Repository) -> None:
    repository.run("--comfy-stop")

    assert not (repository.path / ".comfygen").exists()

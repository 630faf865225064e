"""Several servers share the images of a run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.repository import PLAIN, Repository

EIGHT = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 1, prompt: "portrait of ${name}"}
items: {a: {}, b: {}, c: {}, d: {}, e: {}, f: {}, g: {}, h: {}}
"""


class Server:
    """A stand-in that takes a while for each picture.

    :ivar url: where it answers.
    """

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "pytest_comfygen.sketch", "--lifeline", *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().rpartition(" ")[2].strip()

    def history(self) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/history", timeout=5).json()
        return found

    def made(self) -> list[str]:
        """The prompts of what it has made."""
        graphs = [entry["prompt"][2] for entry in self.history().values()]
        texts = [node["inputs"]["text"] for graph in graphs for node in graph.values() if "text" in node["inputs"]]
        return sorted(text.removeprefix("portrait of ") for text in texts if text)

    def at_work(self) -> str:
        """What it makes now."""
        try:
            return str(requests.get(f"{self.url}/queue", timeout=5).json()["queue_running"])
        except requests.ConnectionError:
            return ""

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


SLOW = ("--any-model", "--seconds-per-step", "0.2")


@pytest.fixture
def servers(request: pytest.FixtureRequest) -> Iterator[list[Server]]:
    options = getattr(request, "param", [SLOW, SLOW])
    found = [Server(*each) for each in options]
    yield found
    for server in found:
        server.close()


def arguments(servers: list[Server], *more: str) -> tuple[str, ...]:
    return ("jobs", *(f"--comfy-url={server.url}" for server in servers), *more)


@pytest.mark.parametrize("workers", [(), ("-n1",), ("-n2",)], ids=["alone", "with one worker", "with two workers"])
def test_all_servers_make_images_at_once(
    repository: Repository, servers: list[Server], workers: tuple[str, ...]
) -> None:
    repository.write("jobs/kins.comfyjob.yaml", EIGHT)

    repository.run(*arguments(servers, *workers)).assert_outcomes(passed=8)

    made = [server.made() for server in servers]
    assert sorted([*made[0], *made[1]]) == list("abcdefgh")
    assert min(map(len, made)) >= 3


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with two workers"])
def test_what_a_server_that_dies_had_is_made_by_the_others(
    repository: Repository, servers: list[Server], workers: tuple[str, ...]
) -> None:
    repository.write("jobs/kins.comfyjob.yaml", EIGHT)
    command = [sys.executable, "-m", "pytest", *PLAIN, "-p", "no:cacheprovider", *arguments(servers, *workers)]
    with subprocess.Popen(command, cwd=repository.path, stdout=subprocess.PIPE, text=True) as run:
        until = time.monotonic() + 30
        while len(servers[1].made()) < 1:
            assert time.monotonic() < until, "it made nothing"
            time.sleep(0.02)
        servers[1].kill()
        output, _ = run.communicate(timeout=60)

    assert run.returncode == 0, output
    assert "images: 8 generated" in output
    assert "it is left out, and its images are made elsewhere" in output
    assert sorted(set(servers[0].made())) == servers[0].made(), "none is made twice by the one that lives"
    assert len(list(Path(repository.path / "assets").glob("*.png"))) == 8


def test_an_image_that_servers_die_of_does_not_take_all_of_them(repository: Repository) -> None:
    servers = [Server(*SLOW) for _ in range(3)]
    repository.edit_job("kin_dwarf: {", "kin_dwarf: {steps: 100, ")
    command = [sys.executable, "-m", "pytest", *PLAIN, "-p", "no:cacheprovider", *arguments(servers)]
    with subprocess.Popen(command, cwd=repository.path, stdout=subprocess.PIPE, text=True) as run:
        for _ in range(2):
            running(servers, "kin_dwarf").kill()
        output, _ = run.communicate(timeout=60)
    alive = [server for server in servers if server.process.poll() is None]
    for server in servers:
        server.close()

    assert run.returncode == 10, output
    assert "images: 1 generated, 1 failed" in output
    assert len(alive) == 1


def running(servers: list[Server], item: str) -> Server:
    """The server that makes an image now, waited for."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for server in servers:
            if server.process.poll() is None and f"portrait of {item}" in server.at_work():
                return server
        time.sleep(0.02)
    pytest.fail(f"nobody makes {item}")


def test_a_server_that_is_not_there_is_left_out_from_the_start(repository: Repository, servers: list[Server]) -> None:
    servers[0].kill()
    repository.write("jobs/kins.comfyjob.yaml", EIGHT)

    repository.run(*arguments(servers)).assert_outcomes(passed=8)

    assert servers[1].made() == list("abcdefgh")


def test_when_all_are_gone_the_images_fail_with_the_reason(repository: Repository, servers: list[Server]) -> None:
    for server in servers:
        server.kill()

    result = repository.run(*arguments(servers))

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*[[]server-unreachable[]]*refuses the connection*"])


@pytest.mark.parametrize("servers", [[("--checkpoint", "other.safetensors"), SLOW]], indirect=True)
@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with two workers"])
def test_a_server_that_lacks_the_model_is_not_asked_for_it(
    repository: Repository, servers: list[Server], workers: tuple[str, ...]
) -> None:
    repository.edit_job("kin_elf: {", "kin_elf: {checkpoint: other.safetensors, ")

    repository.run(*arguments(servers, *workers)).assert_outcomes(passed=2)

    assert "kin_dwarf" not in servers[0].made()
    assert "kin_dwarf" in servers[1].made()


@pytest.mark.parametrize("servers", [[("--checkpoint", "other.safetensors")] * 2], indirect=True)
def test_a_model_that_no_server_has_is_told_with_what_there_is(repository: Repository, servers: list[Server]) -> None:
    result = repository.run(*arguments(servers))

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*[[]model-missing[]]*tiny.safetensors*"])


def test_servers_that_too_few_workers_leave_idle_are_told(repository: Repository, sketch_url: str) -> None:
    urls = [f"--comfy-url={sketch_url}", *(f"--comfy-url=http://127.0.0.1:{port}" for port in (9, 10))]

    result = repository.run("jobs", "-n1", *urls)

    told = "comfygen: -n 1 keeps 2 of 3 servers busy, since a worker knows its next image only; one process*"
    result.stdout.fnmatch_lines([told])
    result.assert_outcomes(passed=2)

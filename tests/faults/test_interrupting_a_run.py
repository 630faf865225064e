"""Ctrl-C: what nobody waits for any more does not keep the server busy, and nothing half-made is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.repository import PLAIN, Repository

PATIENCE_S = 30


@pytest.fixture
def slow_server() -> Iterator[str]:
    """A stand-in that shows a sign of life every second and a half."""
    command = [sys.executable, "-m", "pytest_comfygen.sketch", "--lifeline", "--any-model", "--seconds-per-step", "1.5"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().rpartition(" ")[2].strip()
        process.kill()


@pytest.fixture
def endless(repository: Repository) -> Repository:
    """A repository whose images take longer than any test waits."""
    repository.edit_job("steps: 2", "steps: 1000")
    return repository


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def queue(url: str) -> tuple[int, int]:
    """How many jobs run and wait."""
    found = requests.get(f"{url}/queue", timeout=5).json()
    return len(found["queue_running"]), len(found["queue_pending"])


def start(repository: Repository, url: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "jobs", *PLAIN, *args],
        cwd=repository.path,
        env=os.environ | {"COMFYGEN_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
def test_ctrl_c_takes_the_running_job_and_the_next_off_the_server(endless: Repository, slow_server: str) -> None:
    process = start(endless, slow_server)
    wait_until(lambda: queue(slow_server) == (1, 1))  # the next image waits already

    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 2, output
    wait_until(lambda: queue(slow_server) == (0, 0))
    assert not list(endless.path.glob("assets/*"))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_what_a_killed_run_left_in_the_queue_is_deleted_by_the_next(endless: Repository, slow_server: str) -> None:
    killed = start(endless, slow_server)
    wait_until(lambda: queue(slow_server) == (1, 1))
    killed.kill()
    killed.communicate(timeout=PATIENCE_S)
    left = requests.get(f"{slow_server}/queue", timeout=5).json()
    ids = [job[1] for job in (*left["queue_running"], *left["queue_pending"])]

    following = start(endless, slow_server)
    wait_until(lambda: not any(one in requests.get(f"{slow_server}/queue", timeout=5).text for one in ids))

    following.send_signal(signal.SIGINT)
    following.communicate(timeout=PATIENCE_S)


def test_a_silent_job_ends_after_the_timeout_and_leaves_the_queue(
    endless: Repository, slow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", slow_server)

    result = endless.run("jobs/kins.comfyjob.yaml::kin_elf", "--comfy-timeout", "1")

    result.stdout.fnmatch_lines(["*[[]job-silent[]]*"])
    wait_until(lambda: queue(slow_server) == (0, 0))

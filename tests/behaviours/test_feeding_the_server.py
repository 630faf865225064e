"""While one image is made, the next ones wait at the server already, and nothing is left there in the end."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.repository import Repository

LOG = """\
from pathlib import Path
import pytest
from pytest_comfygen import Finding

LOG = Path({log!r})

def note(what, job):
    with LOG.open("a") as file:
        file.write(what + " " + job.name + "\\n")

def pytest_comfygen_before_submit(job, graph):
    note("submit", job)

def pytest_comfygen_finished(job, result):
    note("finished", job)
"""

FAILING = """
def pytest_comfygen_verify(job, path):
    return [Finding("dull", "error", "dull", "bright")] if job.name == "kin_dwarf" else None
"""

SKIPPING = """
@pytest.fixture(autouse=True)
def not_today(request):
    if request.node.name == "kin_elf":
        pytest.skip("not today")
"""

MARKING = """
def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "kin_elf":
            item.add_marker(pytest.mark.skip(reason="not today"))
"""

PREFIXES = """
from pathlib import Path

def pytest_comfygen_before_submit(graph):
    with Path("prefixes.txt").open("a") as file:
        for node in graph.values():
            file.write(node["inputs"].get("filename_prefix", "") + "\\n")
"""

FOUR = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 2, prompt: "portrait of ${name}"}
items: {a: {}, b: {}, c: {}, d: {}}
"""


class Stage:
    """A repository that notes when its images are submitted and when they are finished."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._log = repository.path / "log.txt"
        self.listen()

    def listen(self, more: str = "") -> None:
        self.repository.write("conftest.py", LOG.format(log=str(self._log)) + more)

    @property
    def log(self) -> list[str]:
        return self._log.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def stage(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    return Stage(repository)


@pytest.fixture
def slow_url() -> Iterator[str]:
    """A stand-in that takes a second for every step."""
    command = [sys.executable, "-m", "pytest_comfygen.sketch", "--lifeline", "--any-model", "--seconds-per-step", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().rpartition(" ")[2].strip()
        process.kill()


def queued(url: str) -> int:
    """How many jobs run or wait."""
    found = requests.get(f"{url}/queue", timeout=5).json()
    return len(found["queue_running"]) + len(found["queue_pending"])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "on a worker"])
def test_the_next_image_is_submitted_before_one_is_finished(stage: Stage, workers: tuple[str, ...]) -> None:
    stage.repository.write("jobs/kins.comfyjob.yaml", FOUR)

    stage.repository.run("jobs", *workers).assert_outcomes(passed=4)

    log = stage.log
    assert sorted(log) == sorted(f"{what} {name}" for what in ("submit", "finished") for name in "abcd")
    for one, following in ("ab", "bc", "cd"):
        assert log.index(f"submit {following}") < log.index(f"finished {one}")


def test_several_wait_where_images_take_no_time(stage: Stage) -> None:
    stage.repository.write("jobs/kins.comfyjob.yaml", FOUR)

    stage.repository.run("jobs").assert_outcomes(passed=4)

    # How fast this server is, is known when the first image is done.
    assert stage.log[:2] == ["submit a", "submit b"]
    assert stage.log.index("submit d") < stage.log.index("finished b")


def test_all_candidates_of_an_image_are_sent_before_the_next_image(stage: Stage) -> None:
    stage.repository.write("jobs/kins.comfyjob.yaml", FOUR.replace("a: {}", "a: {candidates: 3}"))

    stage.repository.run("jobs").assert_outcomes(passed=3, skipped=1)

    assert stage.log[:4] == ["submit a", "submit a", "submit a", "submit b"]


def test_a_candidate_waits_while_the_one_before_it_is_made(stage: Stage, slow_url: str) -> None:
    stage.repository.write(
        "jobs/kins.comfyjob.yaml", FOUR.replace("items: {a: {}, b: {}, c: {}, d: {}}", "items: {a: {candidates: 2}}")
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "jobs", "--comfy-url", slow_url]

    with subprocess.Popen(command, cwd=stage.repository.path, stdout=subprocess.PIPE, text=True) as run:
        wait_until(lambda: queued(slow_url) == 2)
        told = run.communicate()[0]

    assert "1 skipped" in told
    assert stage.log == ["submit a", "submit a", "finished a"]


def test_no_folder_of_the_server_fills_with_all_pictures(repository: Repository) -> None:
    """ComfyUI lists the folder of a picture before it saves it, so a folder of thousands makes every image slower."""
    repository.write("jobs/kins.comfyjob.yaml", FOUR)
    repository.write("conftest.py", PREFIXES)

    repository.run("jobs", "--comfy-sketch").assert_outcomes(passed=4)

    prefixes = (repository.path / "prefixes.txt").read_text(encoding="utf-8").split()
    assert len(prefixes) == len(set(prefixes)) == 4
    assert [one for one in prefixes if not re.fullmatch(r"comfygen/([0-9a-f]{3})/\1[0-9a-f-]{33}", one)] == []


def test_of_images_that_are_current_nothing_is_sent(stage: Stage) -> None:
    stage.repository.write("jobs/kins.comfyjob.yaml", FOUR)
    stage.repository.run("jobs").assert_outcomes(passed=4)
    stage._log.unlink()
    stage.repository.edit_job("a: {}", "a: {steps: 3}")
    stage.repository.edit_job("c: {}", "c: {steps: 3}")

    stage.repository.run("jobs").assert_outcomes(passed=4)

    assert stage.log == [
        "submit a", "submit c", "finished a", "finished b", "finished c", "finished d",
    ]  # fmt: skip


def test_an_image_that_is_skipped_by_a_mark_is_not_sent(stage: Stage) -> None:
    stage.listen(MARKING)

    stage.repository.run("jobs").assert_outcomes(passed=1, skipped=1)

    assert stage.log == ["submit kin_dwarf", "finished kin_dwarf"]


@pytest.mark.parametrize(
    ("more", "arguments"), [(FAILING, ("-x",)), (SKIPPING, ())], ids=["after a failure", "skipped by a fixture"]
)
def test_what_waits_for_nobody_is_taken_out_of_the_queue(
    stage: Stage, slow_url: str, monkeypatch: pytest.MonkeyPatch, more: str, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", slow_url)
    stage.repository.edit_job("steps: 2", "steps: 1")
    stage.repository.edit_job("kin_elf: {", "kin_elf: {steps: 1000, ")
    stage.listen(more)

    stage.repository.run("jobs", *arguments)

    assert "submit kin_elf" in stage.log
    assert "finished kin_elf" not in stage.log
    wait_until(lambda: queued(slow_url) == 0)  # a job that runs ends with its step
    assert list((stage.repository.path / ".comfygen" / "journal").iterdir()) == []


def test_an_image_that_was_skipped_holds_no_other_up(
    stage: Stage, slow_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", slow_url)
    stage.repository.write(
        "jobs/kins.comfyjob.yaml", FOUR.replace("steps: 2", "steps: 1").replace("b: {", "kin_elf: {")
    )
    stage.listen(SKIPPING)

    stage.repository.run("jobs").assert_outcomes(passed=3, skipped=1)

    assert stage.log == [
        "submit a", "submit kin_elf", "finished a", "submit c", "submit d", "finished c", "finished d",
    ]  # fmt: skip


def test_an_image_that_is_made_from_another_waits_for_it(stage: Stage) -> None:
    stage.repository.edit_job("kin_elf: {", "kin_elf: {init_image: {item: kin_dwarf}, denoise: 0.5, ")

    stage.repository.run("jobs").assert_outcomes(passed=2)

    assert stage.log == ["submit kin_dwarf", "finished kin_dwarf", "submit kin_elf", "finished kin_elf"]


def test_a_hook_that_fails_for_the_next_image_fails_that_image_only(stage: Stage) -> None:
    stage.listen(
        """
def pytest_comfygen_finished(job, result):
    note("finished", job)

def pytest_comfygen_before_submit(job, graph):
    note("submit", job)
    if job.name == "kin_elf":
        raise RuntimeError("a bug")
"""
    )

    result = stage.repository.run("jobs")

    result.assert_outcomes(passed=1, failed=1)
    assert "finished kin_dwarf" in stage.log
    result.stdout.fnmatch_lines(["*RuntimeError: a bug*"])

"""The `conftest.py` of a run that `scaling.py` measures: each process writes down what it sees, one line for each."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_comfygen.records import Graph, Job, JobResult

SEEN = Path(__file__).parent / "seen"
VICTIM = SEEN / "victim.json"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")

log = (SEEN / f"{WORKER or 'controller'}-{os.getpid()}.jsonl").open("a", buffering=1, encoding="utf-8")
finished = [0]


def note(event: str, **more: object) -> None:
    """Write a line."""
    log.write(json.dumps({"event": event, "at": time.time(), **more}) + "\n")


def pytest_comfygen_before_submit(job: Job, graph: Graph) -> None:
    """A job is sent."""
    saved = next(node for node in graph.values() if node["class_type"] == "SaveImage")
    note("sent", item=job.id, id=saved["inputs"]["filename_prefix"].rpartition("/")[2])


def pytest_comfygen_finished(job: Job, result: JobResult) -> None:
    """An image is in its place."""
    if result.outcome == "generated":
        note("published", item=job.id)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """The controller hears how an image ended."""
    if not WORKER and report.when == "call" and report.passed:
        note("passed", item=report.nodeid)


def pytest_runtest_logfinish(nodeid: str) -> None:
    """The controller has a result; at half of them it kills the victim."""
    if WORKER:
        return
    note("finished", item=nodeid)
    finished[0] += 1
    if VICTIM.exists():
        victim = json.loads(VICTIM.read_text(encoding="utf-8"))
        if finished[0] == victim["after"]:
            kill(victim["pid"], victim["url"])


def kill(pid: int, url: str) -> None:
    """Write down what the victim has executed, and kill it."""
    with urllib.request.urlopen(f"{url}/history", timeout=60) as answer:  # noqa: S310  # a stand-in of the benchmark
        (SEEN / "executed.json").write_text(json.dumps(list(json.load(answer))), encoding="utf-8")
    os.kill(pid, signal.SIGKILL)

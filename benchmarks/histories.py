"""What a ComfyUI remembers of jobs: how long each took there, how long it had nothing to do between, what it loaded."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import requests

from benchmarks.workloads import NOISE, fresh_seeds
from pytest_comfygen.records import Graph

__all__ = ["COLLECTING_S", "Quiet", "Served", "choices_of", "loads_of", "served"]

SETTLING_S = 1.0
PAUSE_S = 0.03
COLLECTING_S = 0.1  # nothing else lets a small request wait that long
COLLECTING_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Served:
    """A server's own times of some jobs, in seconds.

    :param own_s: of all jobs together, each from `execution_start` to `execution_success`.
    :param gaps_s: from each job's end to the next one's start.
    """

    own_s: float
    gaps_s: tuple[float, ...]

    @property
    def gap_s(self) -> float:
        """The median gap."""
        return statistics.median(self.gaps_s) if self.gaps_s else 0.0

    @property
    def longest_gap_s(self) -> float:
        """ComfyUI's search for garbage, when it fell into the run."""
        return max(self.gaps_s, default=0.0)


def served(url: str, prompt_ids: Iterable[str]) -> Served:
    """The server's own times."""
    spans = sorted(_span_ms(entry) for entry in _entries(url, prompt_ids))
    gaps = pairwise(spans)
    return Served(sum(end - start for start, end in spans) / 1000, tuple((b[0] - a[1]) / 1000 for a, b in gaps))


def loads_of(url: str, prompt_ids: Iterable[str], loader: str) -> int:
    """How many of the jobs executed a node instead of taking its result from ComfyUI's cache.

    :param loader: the node's class.
    """
    count = 0
    for entry in _entries(url, prompt_ids):
        graph, messages = entry["prompt"][2], dict(entry["status"]["messages"])
        wanted = {node for node, spec in graph.items() if spec["class_type"] == loader}
        count += bool(wanted - set(messages["execution_cached"]["nodes"]))
    return count


def choices_of(url: str, kind: str, name: str) -> list[str]:
    """What a server offers for an input of a node class."""
    found = requests.get(f"{url}/object_info/{kind}", timeout=60).json()
    return [str(choice) for choice in found[kind]["input"]["required"][name][0]]


class Quiet:
    """Sees to it that ComfyUI's search for garbage does not fall into a measured run.

    It takes a third of a second, in which no request is answered, at most every ten seconds: right after a job, or when
    nothing is to be done (ComfyUI 0.3.64 main.py, `prompt_worker`). So one is provoked and waited for.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._met_at = -COLLECTING_EVERY_S

    def keep(self, for_s: float) -> None:
        """Return when none is due for so long; or when none came although one should, as of other programs."""
        post(self._url, with_seed(NOISE.workflow, fresh_seeds(1)[0]))
        gives_up_at = time.monotonic() + COLLECTING_EVERY_S + SETTLING_S
        with requests.Session() as session:
            session.trust_env = False
            while not self._is_far(for_s) and time.monotonic() < gives_up_at:
                asked_at = time.monotonic()
                session.get(f"{self._url}/prompt", timeout=60)
                if time.monotonic() - asked_at > COLLECTING_S:
                    self._met_at = asked_at
                time.sleep(PAUSE_S)
        time.sleep(SETTLING_S)

    def _is_far(self, for_s: float) -> bool:
        return time.monotonic() + SETTLING_S + for_s < self._met_at + COLLECTING_EVERY_S


def with_seed(workflow: Mapping[str, Any], seed: int) -> Graph:
    """The workflow with another noise."""
    noise = workflow["2"]
    return {**workflow, "2": {**noise, "inputs": {**noise["inputs"], "seed": seed}}}


def post(url: str, graph: Graph) -> str:
    """Queue a graph; its id."""
    answer = requests.post(f"{url}/prompt", json={"prompt": graph}, timeout=60)
    if not answer.ok:
        raise SystemExit(f"{url} does not take the benchmark's graph: {answer.text}")
    return str(answer.json()["prompt_id"])


def _entries(url: str, prompt_ids: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    with requests.Session() as session:
        session.trust_env = False
        for prompt_id in prompt_ids:
            found = session.get(f"{url}/history/{prompt_id}", timeout=60).json()
            if prompt_id in found:
                yield found[prompt_id]


def _span_ms(entry: Mapping[str, Any]) -> tuple[int, int]:
    times = {kind: message["timestamp"] for kind, message in entry["status"]["messages"]}
    return times["execution_start"], times["execution_success"]

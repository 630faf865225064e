"""Pictures that need no model: a workflow, a job file of so many items, and the very graphs that the plugin sends."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.language.graph import build_graph
from pytest_comfygen.records import Graph

__all__ = ["FILTERED", "NOISE", "Scene", "Workload", "fresh_seeds", "write_alternating", "write_sampled", "write_scene"]

SAVE = "Save"
_HEAD = """\
comfyjob: 1
output: {dir: ../assets}
defaults:
  workflow: ../workflow.json
  size: %s
  set: {Noise.seed: '${seed}'}
items:
"""
_ALTERNATING = """\
comfyjob: 1
output: {dir: ../assets}
defaults:
  prompt: a lighthouse
  size: 64x64
  steps: 1
  verify: {allow_blank: true, min_stddev: 0, duplicates: allow}
items:
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of picture.

    :param blur_px: the radius of a blur between noise and file; 0 leaves it out.
    """

    name: str
    size_px: int
    blur_px: int = 0

    @property
    def workflow(self) -> Mapping[str, object]:
        """In ComfyUI's API format."""
        side = self.size_px
        nodes: dict[str, object] = {
            "1": _node("Canvas", "EmptyImage", width=side, height=side, batch_size=1, color=8421504),
            "2": _node("Noise", "ImageAddNoise", image=["1", 0], seed=1, strength=0.5),
        }
        if self.blur_px:
            nodes["3"] = _node("Blur", "ImageBlur", image=["2", 0], blur_radius=self.blur_px, sigma=2.0)
        last = "3" if self.blur_px else "2"
        return nodes | {"9": _node(SAVE, "SaveImage", images=[last, 0], filename_prefix="benchmark")}


NOISE = Workload("noise", 256)
FILTERED = Workload("filtered", 768, blur_px=3)


@dataclass(frozen=True, slots=True)
class Scene:
    """A repository with one job file, and what its items send to a server.

    :param graphs: one for each item, in the order of the file.
    """

    directory: Path
    graphs: tuple[Graph, ...]


def fresh_seeds(count: int) -> list[int]:
    """Seeds that no run had before: ComfyUI answers a graph that it has just executed from its cache."""
    first = secrets.randbelow(2**31)
    return list(range(first, first + count))


def write_scene(directory: Path, workload: Workload, seeds: Sequence[int]) -> Scene:
    """Make a repository whose job file has one item for each seed."""
    directory.mkdir(parents=True)
    (directory / "workflow.json").write_text(json.dumps(workload.workflow), encoding="utf-8")
    head = _HEAD % f"{workload.size_px}x{workload.size_px}"
    return _written(directory, head, [f"{{seed: {seed}}}" for seed in seeds])


def write_alternating(directory: Path, checkpoints: Sequence[str], seeds: Sequence[int]) -> Scene:
    """Make a repository whose job file has one item for each seed, and names the checkpoints in turn."""
    directory.mkdir(parents=True)
    named = zip(seeds, cycle(checkpoints), strict=False)
    items = [f"{{seed: {seed}, checkpoint: {json.dumps(checkpoint)}}}" for seed, checkpoint in named]
    return _written(directory, _ALTERNATING, items)


def write_sampled(directory: Path, seeds: Sequence[int]) -> Scene:
    """Make a repository whose items of 64x64 take one step each, of a checkpoint that no server has to have."""
    directory.mkdir(parents=True)
    head = _ALTERNATING.replace("defaults:", "defaults:\n  checkpoint: any.safetensors")
    return _written(directory, head, [f"{{seed: {seed}}}" for seed in seeds])


def _written(directory: Path, head: str, items: Sequence[str]) -> Scene:
    for name in (".git", "jobs"):
        (directory / name).mkdir()
    (directory / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    lines = [f"  picture_{number:05}: {item}" for number, item in enumerate(items)]
    job_file = directory / "jobs" / "pictures.comfyjob.yaml"
    job_file.write_text(head + "\n".join(lines), encoding="utf-8")
    return Scene(directory, graphs_of(job_file))


def graphs_of(job_file: Path) -> tuple[Graph, ...]:
    """What the items of a job file send, under a file name of the benchmark's own."""
    jobs = load_job_file(job_file, job_file.parent.parent.resolve()).jobs
    return tuple(build_graph(job, job.seed.value or 0, f"comfygen-benchmark/{secrets.token_hex(8)}") for job in jobs)


def _node(title: str, kind: str, **inputs: object) -> Mapping[str, object]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}

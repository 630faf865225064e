"""What a server has to load, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_comfygen.flows.loading import expected_loads, loads_of
from pytest_comfygen.language.expand import make_job
from pytest_comfygen.records import Job


def job(checkpoint: str = "a", file: str = "kins", **keys: object) -> Job:
    values = {"prompt": "a dwarf", "checkpoint": f"{checkpoint}.safetensors", **keys}
    return make_job(values, name="kin", root=Path("/r"), file=Path(f"/r/{file}.comfyjob.yaml"))


def jobs(text: str, files: str = "") -> list[Job]:
    return [job(letter, file) for letter, file in zip(text, files or "x" * len(text), strict=True)]


@pytest.mark.parametrize("keys", [{"prompt": "an elf"}, {"steps": 3}, {"seed": 4}, {"cfg": 2}, {"negative": "blur"}])
def test_what_needs_no_loading_makes_no_difference(keys: dict[str, Any]) -> None:
    assert loads_of(job()) == loads_of(job(**keys))


@pytest.mark.parametrize("keys", [{"checkpoint": "b"}, {"loras": ["ink.safetensors"]}, {"size": "32x32"}])
def test_models_and_sizes_do(keys: dict[str, Any]) -> None:
    assert loads_of(job()) != loads_of(job(**keys))


@pytest.mark.parametrize(
    ("text", "files", "dist", "workers", "expected"),
    [
        ("aaaabbbb", "", "load", 4, 2),
        ("aaaabbbb", "", "worksteal", 1, 2),
        ("aaaabbbb", "", "worksteal", 2, 8),
        ("aaaabbbb", "", "worksteal", 4, 4),
        ("aaaaaaaa", "", "worksteal", 4, 1),
        ("aaaabbbb", "xxxxyyyy", "loadfile", 2, 8),
        ("aaaabbbb", "xxxxyyyy", "loadfile", 1, 2),
        ("aaaabbbb", "xxxxxxxx", "loadscope", 2, 2),
        ("", "", "worksteal", 2, 0),
        ("aab", "", "worksteal", 2, 3),
    ],
)
def test_workers_in_different_parts_of_the_list_load_in_turns(
    text: str, files: str, dist: str, workers: int, expected: int
) -> None:
    assert expected_loads(jobs(text, files), dist, workers) == expected

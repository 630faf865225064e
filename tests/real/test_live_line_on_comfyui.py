"""The live line tells what a real ComfyUI says of its steps.

Opt-in by COMFYGEN_TEST_URL; see README.md beside this file.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.real.listening import Ear, listening
from tests.repository import PLAIN, Repository
from tests.screen import Seen, pictures_in, run_in_terminal

URL = os.environ.get("COMFYGEN_TEST_URL", "")
STEPS = 20

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not URL, reason="needs a real ComfyUI: set COMFYGEN_TEST_URL"),
    pytest.mark.skipif(os.name == "nt", reason="a terminal as POSIX has it"),
]


@pytest.fixture
def ear() -> Iterator[Ear]:
    with listening(URL) as made:
        yield made


@pytest.fixture
def slow(repository: Repository) -> Repository:
    """The repository with two images that take a second or more, and that the server has not made before."""
    names = requests.get(f"{URL}/models/checkpoints", timeout=10).json()
    if not names:
        pytest.skip("the server has no checkpoint")
    repository.edit_job("tiny.safetensors", names[0])
    repository.edit_job("steps: 2", f"steps: {STEPS}")
    repository.edit_job("portrait of", f"{os.urandom(4).hex()} portrait of")
    return repository


def watched(repository: Repository, url: str, *args: str) -> Seen:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *PLAIN, "jobs", f"--comfy-url={url}", *args]
    around = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TMUX", "STY")
    }
    with tempfile.TemporaryDirectory() as home:
        around |= {"TERM": "xterm-kitty", "HOME": home, "PYTHONPATH": str(Path(__file__).parents[2])}
        return run_in_terminal(command, repository.path, around)


def told(seen: Seen) -> list[tuple[int, int]]:
    """The steps that the live line told, in its order."""
    found = re.findall(r"\[\d/2\] kin_\w+ (\d+)/(\d+) steps", seen.written)
    return [(int(value), int(maximum)) for value, maximum in found]


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_it_tells_the_steps_that_the_server_told(slow: Repository, ear: Ear, workers: list[str]) -> None:
    seen = watched(slow, ear.url, *workers)

    assert "images: 2 generated" in seen.lines
    assert ear.progress() == {(step, STEPS) for step in range(1, STEPS + 1)}
    assert told(seen)
    assert set(told(seen)) <= ear.progress()


def test_nothing_of_it_stays_and_the_pictures_are_drawn(slow: Repository, ear: Ear) -> None:
    seen = watched(slow, ear.url, "-v", "--comfy-preview")

    assert told(seen)
    assert [line for line in seen.lines if re.search(r"\[\d+/\d+\]|steps|it/s", line)] == []
    assert len(pictures_in(seen.written)) == 2

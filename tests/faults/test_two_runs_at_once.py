"""Two runs of one repository at the same time: both end well, and every image is whole."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from tests.comfyui.machine import DEADLINE_S, Machine
from tests.repository import PLAIN, Repository


@pytest.mark.parametrize("seed", ["from-name", "random"])
def test_both_runs_are_green(repository: Repository, sketch_url: str, seed: str) -> None:
    items = "".join(f"  kin_{number}: {{}}\n" for number in range(6))
    repository.edit_job("  kin_elf: {tags: [draft]}\n", f"  kin_elf: {{}}\n{items}")
    repository.edit_job("steps: 2", f"steps: 2, seed: {seed}")
    command = [sys.executable, "-m", "pytest", "jobs", "-q", "-p", "no:cacheprovider", *PLAIN]
    environment = os.environ | {"COMFYGEN_URL": sketch_url}

    runs = [
        subprocess.Popen(
            command, cwd=repository.path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    outputs = [run.communicate(timeout=120)[0] for run in runs]

    assert [run.returncode for run in runs] == [0, 0], "\n".join(outputs)
    for image in (repository.path / "assets").glob("*.png"):
        recorded = repository.record(image.stem)["file_sha256"]
        assert hashlib.sha256(image.read_bytes()).hexdigest() == recorded


def test_a_job_that_waits_behind_a_long_one_of_another_run_leaves_the_server_alone(ready_machine: Machine) -> None:
    ready_machine.tricks.play("hold", "dwarf")
    with ready_machine.start("jobs", "-k", "dwarf") as long:
        ready_machine.until(lambda: ready_machine.tricks.notes("job"))
        with ready_machine.start("jobs", "-k", "elf", "--comfy-timeout", "0.5") as waiting:
            journals = ready_machine.repository.path / ".comfygen" / "journal"
            ready_machine.until(
                lambda: [path for path in journals.glob("*") if path.read_text("utf-8").count("note") > 2]
            )
            ready_machine.tricks.stop("hold")
            assert [long.wait(DEADLINE_S), waiting.wait(DEADLINE_S)] == [0, 0], ready_machine.output

    made = [note.about for note in ready_machine.tricks.notes("job")]
    assert made == ["portrait of kin_dwarf", "portrait of kin_elf"]
    assert len(ready_machine.tricks.notes("start")) == 1

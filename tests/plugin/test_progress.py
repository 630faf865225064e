"""What happens on the way is told in plain lines, once, also by workers."""

from __future__ import annotations

from tests.comfyui.machine import Machine


def test_workers_tell_through_the_terminal_and_each_line_once(machine: Machine) -> None:
    machine.add_checkpoint(directory=machine.repository.path / "shared" / "checkpoints")
    result = machine.run("jobs", "-n2", "--comfy-models-dir", "shared")

    told = [line for line in result.outlines if line.startswith("comfygen: ")]
    assert [line for line in told if told.count(line) > 1] == []
    assert [line for line in told if "installing to" in line and "on the disk" in line]
    assert [line for line in told if line.startswith("comfygen: ComfyUI 0.3.64 (v0.3.64, commit ")]
    assert list((machine.repository.path / ".comfygen" / "told").iterdir()) == []


def test_quiet_runs_tell_nothing_of_the_way(ready_machine: Machine) -> None:
    result = ready_machine.run("jobs", "-q")

    assert [line for line in result.outlines if line.startswith("comfygen: ")] == []
    assert "images: 2 generated" in result.outlines


def test_a_run_without_a_terminal_reporter_works(ready_machine: Machine) -> None:
    assert ready_machine.run("jobs", "-p", "no:terminal").ret == 0

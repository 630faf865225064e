"""A run makes the machine ready: ComfyUI is installed, its server started and stopped, and nothing is done twice."""

from __future__ import annotations

from tests.comfyui.machine import DEADLINE_S, Machine


def test_one_command_goes_from_nothing_to_images(machine: Machine) -> None:
    machine.add_checkpoint(directory=machine.repository.path / "shared" / "checkpoints")
    machine.commit()
    result = machine.run("jobs", "--comfy-models-dir", "shared", "-v")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*installing to*tools/ComfyUI*", "comfygen: ComfyUI 0.3.64 (v0.3.64, commit *) at *"])
    assert machine.wait_until_gone() == []
    images = [f"?? assets/{name}.png" for name in ("kin_dwarf", "kin_elf")]
    records = [f"?? assets/.comfyrecords/{name}.png.json" for name in ("kin_dwarf", "kin_elf")]
    assert sorted(machine.git_status()) == sorted([*images, *records]), "git shows nothing else"


def test_a_second_run_starts_nothing(ready_machine: Machine) -> None:
    ready_machine.run("jobs").assert_outcomes(passed=2)
    result = ready_machine.run("jobs")

    assert "images: 2 current" in result.outlines
    assert "ComfyUI 0.3.64" not in str(result.stdout)


def test_workers_share_one_server(ready_machine: Machine) -> None:
    ready_machine.tricks.play("hold")
    with ready_machine.start("jobs", "-n2") as run:
        ready_machine.until(lambda: "using the server that runs already" in ready_machine.output)
        ready_machine.tricks.stop("hold")
        assert run.wait(DEADLINE_S) == 0, ready_machine.output

    assert len(ready_machine.tricks.notes("start")) == 1
    assert ready_machine.wait_until_gone() == []


def test_the_record_says_what_made_the_image(ready_machine: Machine) -> None:
    ready_machine.run("jobs")

    record = ready_machine.repository.record("kin_dwarf")
    assert record["comfyui"]["version"] == "0.3.64"
    assert record["comfyui"]["commit"] == ready_machine.install().commit
    assert record["models"]["checkpoint_sha256"]

"""A run makes the machine ready: ComfyUI is installed, its server started and stopped, and nothing is done twice."""

from __future__ import annotations

from tests.comfyui.machine import Machine


def test_one_command_goes_from_nothing_to_images(machine: Machine) -> None:
    machine.add_checkpoint(directory=machine.repository.path / "shared" / "checkpoints")
    result = machine.run("jobs", "--comfy-models-dir", "shared", "-v")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*installing to*tools/ComfyUI*", "comfygen: ComfyUI 0.3.64 (v0.3.64, commit *) at *"])
    assert machine.repository.image("kin_dwarf").exists()
    assert machine.wait_until_gone() == []


def test_a_second_run_starts_nothing(ready_machine: Machine) -> None:
    ready_machine.run("jobs").assert_outcomes(passed=2)
    result = ready_machine.run("jobs")

    assert "images: 2 current" in result.outlines
    assert "ComfyUI 0.3.64" not in str(result.stdout)


def test_workers_share_one_server(ready_machine: Machine) -> None:
    result = ready_machine.run("jobs", "-n2")

    result.assert_outcomes(passed=2)
    assert len(ready_machine.tricks.notes("start")) == 1
    assert ready_machine.wait_until_gone() == []


def test_the_record_says_what_made_the_image(ready_machine: Machine) -> None:
    ready_machine.run("jobs")

    record = ready_machine.repository.record("kin_dwarf")
    assert record["comfyui"]["version"] == "0.3.64"
    assert record["comfyui"]["commit"] == ready_machine.install().commit
    assert record["models"]["checkpoint_sha256"]


def test_an_option_s_value_that_pytest_takes_for_tests_is_an_error_that_says_what_to_write(
    ready_machine: Machine,
) -> None:
    elsewhere = ready_machine.world.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "pytest.ini").write_text("[pytest]\n")
    (ready_machine.repository.path / "pytest.ini").unlink()
    told = ready_machine.run("jobs", "--comfy-models-dir", str(elsewhere))
    mended = ready_machine.run("jobs", f"--comfy-models-dir={elsewhere}")

    assert told.ret == 4
    told.stdout.fnmatch_lines([f"*hint: write it with an equals sign: --comfy-models-dir={elsewhere}"])
    mended.assert_outcomes(passed=2)


def test_comfyui_lives_below_the_git_repository_wherever_pytest_finds_its_root(ready_machine: Machine) -> None:
    result = ready_machine.run("jobs", "--rootdir=jobs")

    result.assert_outcomes(passed=2)
    assert f"rootdir: {ready_machine.repository.path / 'jobs'}" in result.outlines
    assert not (ready_machine.repository.path / "jobs" / ".comfygen").exists()


def test_a_conftest_s_own_settings_decide_the_server(ready_machine: Machine, sketch_url: str) -> None:
    ready_machine.repository.write(
        "conftest.py",
        f"""\
import pytest

@pytest.fixture(scope="session")
def comfy_settings(comfy_settings):
    return comfy_settings._replace(url=("{sketch_url}",))
""",
    )
    ready_machine.run("jobs").assert_outcomes(passed=2)

    assert ready_machine.tricks.notes("start") == []
    assert ready_machine.repository.record("kin_elf")["comfyui"].get("sketch") is True


def test_a_lora_that_is_not_there_is_told_at_its_place_and_the_other_image_is_made(ready_machine: Machine) -> None:
    ready_machine.repository.edit_job("kin_elf: {", "kin_elf: {loras: [{strength: 0.5, model: ink.safetensors}], ")

    result = ready_machine.run("jobs")

    result.stdout.fnmatch_lines(
        ["*[[]model-missing[]] jobs/kins.comfyjob.yaml:6:*: ink.safetensors is not among the loras on this machine"]
    )
    assert ready_machine.repository.images_line(result) == "images: 1 generated, 1 failed"

"""A run makes the machine ready: ComfyUI is installed, its server started and stopped, and nothing is done twice."""

from __future__ import annotations

import shutil

import pytest

from tests.comfyui.machine import DEADLINE_S, Machine
from tests.repository import Repository

TWO_MODELS = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {prompt: a kin, size: 64x64, steps: 2}
items:
  a: {checkpoint: aaa.safetensors}
  b:
    checkpoint: bbb.safetensors
"""


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


def test_each_image_is_told_of_its_own_missing_model(ready_machine: Machine) -> None:
    ready_machine.repository.write("jobs/kins.comfyjob.yaml", TWO_MODELS)
    result = ready_machine.run("jobs")

    result.assert_outcomes(errors=2)
    for place, name in (("5:19", "aaa"), ("7:17", "bbb")):
        told = f"[[]model-missing] jobs/kins.comfyjob.yaml:{place}: {name}.safetensors is not among the checkpoints *"
        result.stdout.fnmatch_lines([told])
    assert ready_machine.tricks.notes("start") == []


def test_a_python_test_has_its_server_though_no_image_has_its_model(ready_machine: Machine) -> None:
    ready_machine.repository.write("jobs/kins.comfyjob.yaml", TWO_MODELS)
    ready_machine.repository.write(
        "tests/test_picture.py",
        """\
def test_picture(comfy_generate):
    assert comfy_generate(prompt="a kin", checkpoint="tiny.safetensors", size="64x64", steps=2).path.exists()
""",
    )
    result = ready_machine.run("tests/test_picture.py", "jobs", "--comfy-update", "stale")

    result.assert_outcomes(passed=1, errors=2)


def test_a_kept_server_ends_when_what_it_runs_from_changes(ready_machine: Machine) -> None:
    ready_machine.run("jobs", "--comfy-keep-server", "60").assert_outcomes(passed=2)
    ready_machine.repository.edit_job("steps: 2", "steps: 3")
    result = ready_machine.run("jobs", "--comfy-extra-requirements", "eels>=1")

    result.assert_outcomes(passed=2)
    assert "using the server that runs already" not in str(result.stdout)
    assert ready_machine.wait_until_gone() == []


def test_comfyui_is_not_moved_while_another_run_uses_it(ready_machine: Machine) -> None:
    before = ready_machine.install().commit
    ready_machine.tricks.play("hold", "dwarf")
    with ready_machine.start("jobs", "-k", "dwarf") as first:
        ready_machine.until(lambda: ready_machine.tricks.notes("job"))
        second = ready_machine.run("jobs", "-k", "elf", "--comfy-revision", "v0.3.9")
        ready_machine.tricks.stop("hold")
        assert first.wait(DEADLINE_S) == 0

    second.assert_outcomes(errors=1, deselected=1)
    second.stdout.fnmatch_lines(
        ["[[]server-in-use] *", "*you have *, the pin is v0.3.9", "*hint: wait until that run has ended*"]
    )
    assert ready_machine.install().commit == before


@pytest.mark.parametrize("which", ["repository", "ComfyUI"])
def test_comfyui_s_own_tests_are_left_alone_also_behind_a_link(ready_machine: Machine, which: str) -> None:
    repository, elsewhere = ready_machine.repository.path, ready_machine.repository.path / "vendor" / "Comfy"
    (ready_machine.directory / "test_of_comfyui.py").write_text("def test_of_comfyui(): pass\n")
    start = ready_machine.world.root / "link"
    if which == "repository":
        start.symlink_to(repository)
    else:
        elsewhere.parent.mkdir()
        ready_machine.directory.rename(elsewhere)
        ready_machine.directory.symlink_to(elsewhere)
        start = repository
    (repository / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    result = ready_machine.run(str(start), "--collect-only", "-q")

    assert "test_rules.py::test_unit" in str(result.stdout)
    assert "test_of_comfyui" not in str(result.stdout)


def test_images_are_checked_where_nothing_can_be_written(ready_machine: Machine) -> None:
    ready_machine.run("jobs").assert_outcomes(passed=2)
    shutil.rmtree(ready_machine.repository.path / ".comfygen")
    ready_machine.repository.write(".comfygen", "a file in the way of the directory")
    result = ready_machine.run("jobs", "--comfy-check")

    assert "images: 2 current" in result.outlines


def test_what_cannot_be_installed_is_told_as_such(machine: Machine) -> None:
    machine.add_checkpoint(directory=machine.repository.path / "shared" / "checkpoints")
    machine.repository.write("tools", "a file in the way of the directory")
    result = machine.run("jobs", "--comfy-models-dir", "shared")

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["[[]install-failed] ComfyUI was not installed: *"])


def test_a_model_that_cannot_lie_where_it_belongs_is_missing(machine: Machine) -> None:
    machine.repository.write("tools", "a file in the way of the directory")
    machine.run("jobs").stdout.fnmatch_lines(["[[]model-missing] *"])


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--comfy-models-dir=nowhere", "command line --comfy-models-dir: nowhere is no directory"),
        ("--comfy-constraints=none.txt", "command line --comfy-constraints: none.txt is no file"),
        ("--comfy-dir=.", "command line --comfy-dir: . holds the repository itself"),
    ],
)
def test_paths_that_cannot_be_meant_end_the_run_before_it_begins(
    repository: Repository, option: str, told: str
) -> None:
    result = repository.run("jobs", option)

    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*{told}", "hint: correct the path, which is relative to the repository"])


def test_a_lora_that_is_not_there_is_told_at_its_place_and_the_other_image_is_made(ready_machine: Machine) -> None:
    ready_machine.repository.edit_job("kin_elf: {", "kin_elf: {loras: [{strength: 0.5, model: ink.safetensors}], ")

    result = ready_machine.run("jobs")

    result.stdout.fnmatch_lines(
        ["*[[]model-missing[]] jobs/kins.comfyjob.yaml:6:*: ink.safetensors is not among the loras on this machine"]
    )
    assert ready_machine.repository.images_line(result) == "images: 1 generated, 1 failed"


def test_images_that_an_older_comfyui_made_are_told_and_stay(ready_machine: Machine) -> None:
    assert ready_machine.run("jobs").ret == pytest.ExitCode.OK
    ready_machine.repository.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {status: approved}")
    version = ready_machine.directory / "comfyui_version.py"
    version.write_text('__version__ = "99.0"\n', encoding="utf-8")

    result = ready_machine.run("jobs", "--comfy-check")

    assert (result.ret, ready_machine.repository.images_line(result)) == (0, "images: 2 current")
    result.stdout.fnmatch_lines(
        [
            "drift: 1 image made with what has moved on: ComfyUI * → 99.0 (*)",
            "    they are current all the same; to make them anew: the same command with --comfy-update all",
        ]
    )

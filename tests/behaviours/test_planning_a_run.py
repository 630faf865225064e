"""`--comfy-plan` says what a run would do and why, and does none of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.comfyui.machine import Machine
from tests.repository import Repository

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def unserved(made: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The repository with its two images made, and no server any more."""
    monkeypatch.setenv("COMFYGEN_URL", NOBODY)
    return made


def told(result: pytest.RunResult) -> list[str]:
    """What the plan says, without what pytest writes around it."""
    lines = result.outlines
    start = next(number for number, line in enumerate(lines) if line.startswith("plan: "))
    return lines[start : lines.index("", start)]


def as_json(result: pytest.RunResult) -> dict[str, Any]:
    """The document on standard output, where nothing else may stand."""
    document: dict[str, Any] = json.loads(result.stdout.str())
    return document


def test_what_is_missing_would_be_made_and_nothing_is(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYGEN_URL", NOBODY)

    result = repository.run("jobs", "--comfy-plan")

    assert result.ret == pytest.ExitCode.OK
    assert told(result) == [
        "plan: 2 of 2 images would be made",
        "    jobs/kins.comfyjob.yaml::kin_dwarf: the image is missing",
        "    jobs/kins.comfyjob.yaml::kin_elf: the image is missing",
        f"made by: the server at {NOBODY}",
        "models:",
        "    checkpoints/tiny.safetensors, size unknown, up to the server; for 2 images",
        "time: unknown, since nothing of this kind was made on this machine yet",
        "to make them: the same command with --comfy-update stale instead of --comfy-plan",
    ]
    assert not (repository.path / "assets").exists()


def test_where_all_is_current_there_is_nothing_to_make(unserved: Repository) -> None:
    assert told(unserved.run("jobs", "--comfy-plan")) == ["plan: nothing to make, 2 images are current"]


def test_a_change_is_told_with_old_value_and_new(unserved: Repository) -> None:
    unserved.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {steps: 3, prompt: a moon elf}")

    lines = told(unserved.run("jobs", "--comfy-plan"))

    assert lines[:3] == [
        "plan: 1 of 2 images would be made, 1 current",
        "    jobs/kins.comfyjob.yaml::kin_elf: prompt 'portrait of kin_elf' → 'a moon elf'",
        "        steps 2 → 3",
    ]


def test_what_was_made_before_says_how_long_it_takes(unserved: Repository) -> None:
    unserved.image("kin_elf").unlink()

    assert "time: about 1 s on one server, going by what this machine took before" in told(
        unserved.run("jobs", "--comfy-plan")
    )


def test_an_image_of_another_kind_is_not_counted_in(unserved: Repository) -> None:
    unserved.image("kin_elf").unlink()
    unserved.edit_job("kin_dwarf: {}", "kin_dwarf: {checkpoint: other.safetensors}")

    (time,) = (line for line in told(unserved.run("jobs", "--comfy-plan")) if line.startswith("time: "))

    assert time.endswith("; 1 of a kind not made here yet not counted")


def test_an_edited_image_would_be_refused_with_what_mends_it(unserved: Repository) -> None:
    unserved.image("kin_elf").write_bytes(b"a person's work")

    summary, problem, hint = told(unserved.run("jobs", "--comfy-plan"))

    assert summary == "plan: 1 of 2 images would be refused, 1 current"
    assert problem.startswith(
        "    [edited] jobs/kins.comfyjob.yaml:6:3: assets/kin_elf.png was changed since it was made"
    )
    assert hint.startswith("        hint: --comfy-adopt keeps it as it stands, --comfy-overwrite-edited makes it anew")


def test_what_would_be_adopted_is_told(unserved: Repository) -> None:
    unserved.edit_job("steps: 2", "steps: 3")

    assert told(unserved.run("jobs", "--comfy-plan", "--comfy-adopt")) == [
        "plan: 2 of 2 images would be adopted",
        "    jobs/kins.comfyjob.yaml::kin_dwarf: recorded as it stands",
        "    jobs/kins.comfyjob.yaml::kin_elf: recorded as it stands",
    ]


def test_what_is_made_from_a_stale_image_is_stale_too(unserved: Repository) -> None:
    unserved.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {init_image: {item: kin_dwarf}}")
    unserved.image("kin_dwarf").unlink()

    lines = told(unserved.run("jobs", "--comfy-plan"))

    assert "    jobs/kins.comfyjob.yaml::kin_dwarf: the image is missing" in lines
    assert "        kin_dwarf, which it is made from, is not current" in lines


@pytest.mark.parametrize("variables", [{}, {"CI": "1"}], ids=["desk", "CI"])
@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_it_is_told_once_and_in_ci_too(
    unserved: Repository, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], workers: tuple[str, ...]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    unserved.image("kin_elf").unlink()

    result = unserved.run("jobs", "--comfy-plan", *workers)

    assert [line for line in result.outlines if line.startswith("plan: ")] == [
        "plan: 1 of 2 images would be made, 1 current"
    ]


def test_selection_counts(unserved: Repository) -> None:
    unserved.edit_job("steps: 2", "steps: 3")

    assert told(unserved.run("-k", "kin_elf", "--comfy-plan"))[0] == "plan: 1 of 1 image would be made"


def test_python_tests_are_not_run(unserved: Repository) -> None:
    unserved.write("tests/test_rules.py", "def test_unit():\n    assert False\n")

    result = unserved.run("--comfy-plan")

    assert (result.ret, told(result)) == (0, ["plan: nothing to make, 2 images are current"])


def test_many_images_are_cut_short_unless_all_are_wanted(repository: Repository) -> None:
    items = "\n".join(f"  kin_{number}: {{}}" for number in range(60))
    repository.edit_job("  kin_dwarf: {}\n  kin_elf: {tags: [draft]}", items)

    short, long = (told(repository.run("jobs", "--comfy-plan", *more)) for more in ((), ("-v",)))

    assert "    … and 10 more; -v lists them all" in short
    assert len(long) == len(short) + 9


def test_a_file_that_cannot_be_used_fails_and_the_others_are_planned(unserved: Repository) -> None:
    unserved.write("jobs/broken.comfyjob.yaml", "comfyjob: 1\nitems: {cat: {steps: x}}\n")

    result = unserved.run("jobs", "--comfy-plan")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert told(result)[0] == "plan: nothing to make, 2 images are current"
    result.stdout.fnmatch_lines(["*[[]wrong-type[]] jobs/broken.comfyjob.yaml:2:22:*"])


def test_programs_get_one_json_document(unserved: Repository) -> None:
    unserved.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {steps: 3}")
    unserved.image("kin_dwarf").write_bytes(b"a person's work")
    unserved.write("jobs/broken.comfyjob.yaml", "comfyjob: 2\n")

    document = as_json(unserved.run("jobs", "--comfy-plan", "--comfy-json", "-n2"))

    assert [(image["item"], image["action"]) for image in document["images"]] == [
        ("jobs/kins.comfyjob.yaml::kin_dwarf", "refuse"),
        ("jobs/kins.comfyjob.yaml::kin_elf", "make"),
    ]
    assert document["images"][0]["error"]["code"] == "edited"
    assert document["images"][1]["reasons"] == ["steps 2 → 3"]
    assert document["unknown"] == 0
    assert list(document["unusable"]) == ["jobs/broken.comfyjob.yaml"]


@pytest.mark.parametrize("other", ["--comfy-check", "--comfy-sketch", "--comfy-prompt=a cat"])
def test_it_goes_with_nothing_that_asks_for_something_else(repository: Repository, other: str) -> None:
    result = repository.run("--comfy-plan", other)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--comfy-plan and *{other.partition('=')[0]}*"])


def test_an_installed_comfyui_would_be_started_and_is_not(ready_machine: Machine) -> None:
    result = ready_machine.run("jobs", "--comfy-plan")

    lines = told(result)
    (maker,) = (line for line in lines if line.startswith("made by: ComfyUI "))
    assert maker.endswith(" in tools/ComfyUI, which would be started")
    assert "    checkpoints/tiny.safetensors, 74 B, here; for 2 images" in lines
    assert ready_machine.processes() == []


def test_what_would_be_installed_and_downloaded_is_told_and_is_not(machine: Machine) -> None:
    machine.repository.edit_job("output:", "models: {tiny: {file: checkpoints/tiny.safetensors, size: 6.94 GB,")
    machine.repository.edit_job(
        "size: 6.94 GB, {dir: ../assets}",
        "size: 6.94 GB, license: MIT, url: 'https://example.org/tiny.safetensors'}}\noutput: {dir: ../assets}",
    )
    machine.repository.edit_job("checkpoint: tiny.safetensors", "checkpoint: tiny")

    lines = told(machine.run("jobs", "--comfy-plan"))

    assert any("installing to" in line and "to download" in line for line in lines)
    (model,) = (line.strip() for line in lines if line.startswith("    checkpoints/"))
    origin = "to download from https://example.org/tiny.safetensors; licence: MIT"
    assert model == f"checkpoints/tiny.safetensors, 6.9 GB, {origin}; for 2 images"
    assert lines[-1].endswith("instead of --comfy-plan, and --comfy-download")
    assert not machine.directory.exists()

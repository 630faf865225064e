"""What a run did is told to other programs: a summary in Markdown, and events as JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.repository import Repository

WRONG = "comfyjob: 1\noutput: {dir: ../other}\nitems: {a: {promt: x}}\n"


def events(repository: Repository, name: str = "events.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (repository.path / name).read_text(encoding="utf-8").splitlines()]


def ends(found: list[dict[str, Any]]) -> dict[str, str]:
    """How items ended, by their names."""
    items = [one for one in found if one["event"] == "comfygen.item.finished/1"]
    assert len(items) == len({one["item"] for one in items})
    return {one["item"].rpartition("::")[2]: one["outcome"] for one in items}


# --- events -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["-n2"]], ids=["alone", "workers"])
def test_events_have_what_junit_has(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)

    repository.run("jobs", "--comfy-json=events.jsonl", *options).assert_outcomes(passed=2)

    found = events(repository)
    assert (found[0]["event"], found[0]["update"]) == ("comfygen.run.started/1", "stale")
    assert ends(found) == {"kin_dwarf": "generated", "kin_elf": "generated"}
    assert (found[-1]["event"], found[-1]["exit_code"]) == ("comfygen.run.finished/1", 0)
    assert found[-1]["images"] == {"generated": 2}
    dwarf = next(one for one in found if one.get("item", "").endswith("kin_dwarf"))
    record = repository.record("kin_dwarf")
    assert dwarf["output"] == "assets/kin_dwarf.png"
    assert (dwarf["sha256"], dwarf["seed"]) == (record["file_sha256"], str(record["seed"]))
    assert dwarf["checkpoint"] == "tiny.safetensors"
    assert isinstance(dwarf["run_s"], float)


@pytest.mark.parametrize("options", [[], ["-n2"]], ids=["alone", "workers"])
def test_events_tell_what_failed_and_what_to_type(made: Repository, options: list[str]) -> None:
    made.image("kin_elf").unlink()
    made.write("jobs/wrong.comfyjob.yaml", WRONG)

    made.run("jobs", "--comfy-check", "--comfy-json=events.jsonl", *options)

    found = events(made)
    elf = next(one for one in found if one.get("item", "").endswith("kin_elf"))
    assert (elf["outcome"], elf["error"]) == ("missing", "missing")
    assert elf["message"].startswith("[missing] jobs/kins.comfyjob.yaml:6:")
    assert elf["command"] == 'pytest "jobs/kins.comfyjob.yaml::kin_elf" --comfy-update stale'
    wrong = [one for one in found if one["event"] == "comfygen.file.failed/1"]
    assert [one["file"] for one in wrong] == ["jobs/wrong.comfyjob.yaml"]
    assert wrong[0]["message"].startswith("[unknown-key] jobs/wrong.comfyjob.yaml:3:")
    assert found[-1]["exit_code"] == 1


def test_a_run_that_is_stopped_has_told_what_was_done(made: Repository) -> None:
    for name in ("kin_dwarf", "kin_elf"):
        made.image(name).unlink()

    result = made.run("jobs", "--comfy-check", "-x", "--comfy-json=events.jsonl")

    assert result.ret == 1
    assert ends(events(made)) == {"kin_dwarf": "missing"}
    assert events(made)[-1]["images"] == {"missing": 1}


def test_a_file_that_is_something_else_is_left_alone(made: Repository) -> None:
    before = (made.path / "jobs/kins.comfyjob.yaml").read_text(encoding="utf-8")

    result = made.run("jobs", "--comfy-json=jobs/kins.comfyjob.yaml")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*jobs/kins.comfyjob.yaml holds no events of a run, so it is left alone"])
    assert (made.path / "jobs/kins.comfyjob.yaml").read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["jobs", "--comfy-json"], "*--comfy-json goes with --comfy-doctor or --comfy-plan, or in a run with a file"),
        (["--comfy-json", "jobs"], "*--comfy-json goes with --comfy-doctor or --comfy-plan, or in a run with a file"),
        (["jobs", "--comfy-plan", "--comfy-json=x"], "*--comfy-json writes to standard output with --comfy-doctor or*"),
        (["--comfy-doctor", "--comfy-json=x"], "*--comfy-json writes to standard output with --comfy-doctor or*"),
    ],
)
def test_a_file_is_named_in_a_run_and_only_there(made: Repository, words: list[str], told: str) -> None:
    result = made.run(*words)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([told, "hint: *"])
    assert not (made.path / "x").exists()


def test_a_place_after_the_bare_word_is_a_place(made: Repository) -> None:
    result = made.run("--comfy-plan", "--comfy-json", "jobs/kins.comfyjob.yaml::kin_elf")

    document = json.loads(result.stdout.str())
    assert [one["item"] for one in document["images"]] == ["jobs/kins.comfyjob.yaml::kin_elf"]


# --- the summary ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["-n2"]], ids=["alone", "workers"])
def test_the_summary_says_what_is_not_current_and_what_to_type(
    made: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step_summary"))
    (tmp_path / "step_summary").write_text("of another step\n", encoding="utf-8")
    made.image("kin_elf").unlink()

    made.run("jobs", "--comfy-check", "--comfy-summary", *options)

    lines = (tmp_path / "step_summary").read_text(encoding="utf-8").splitlines()
    assert lines[:4] == ["of another step", "### Images", "", "1 current, 1 missing."]
    command = 'pytest "jobs/kins.comfyjob.yaml::kin_elf" --comfy-update stale'
    assert len(lines) == 8
    assert lines[7].startswith("| `jobs/kins.comfyjob.yaml::kin_elf` | missing | &#91;missing&#93; jobs/kins.comfyjob")
    assert lines[7].endswith(f"| `{command}` |")


def test_the_summary_goes_to_a_file_that_is_named(made: Repository) -> None:
    made.write("jobs/wrong.comfyjob.yaml", WRONG)

    made.run("jobs", "--comfy-summary=images.md")

    text = (made.path / "images.md").read_text(encoding="utf-8")
    assert "2 current." in text
    assert "| `jobs/wrong.comfyjob.yaml` | unusable | &#91;unknown&#45;key&#93;" in text


def test_a_plan_is_no_run_to_sum_up(made: Repository) -> None:
    assert made.run("jobs", "--comfy-plan", "--comfy-summary=images.md").ret == 0
    assert not (made.path / "images.md").exists()


def test_without_a_file_and_without_github_the_summary_is_refused(
    made: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    result = made.run("jobs", "--comfy-summary")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the variable GITHUB_STEP_SUMMARY, *is not set", "hint: *--comfy-summary=images.md"])


def test_a_place_that_was_taken_for_its_file_is_no_markdown(made: Repository) -> None:
    result = made.run("--comfy-summary", "jobs/kins.comfyjob.yaml")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*jobs/kins.comfyjob.yaml is no Markdown file*", "hint: *--comfy-summary=images.md"])


# --- the end of the terminal's report ---------------------------------------------------------------------------------


def test_the_slowest_images_are_told_with_pytests_durations(made: Repository) -> None:
    result = made.run("jobs", "--comfy-update", "all", "--durations=1")

    result.stdout.fnmatch_lines(
        ["slowest images:", "    ?.? s*: jobs/kins.comfyjob.yaml::kin_*", "images: 2 identical"]
    )
    assert "slowest images:" not in made.run("jobs", "--comfy-update", "all").outlines


def test_several_failures_are_tried_again_by_one_command(made: Repository) -> None:
    made.edit_job("steps: 2", "steps: 3, verify: {min_stddev: 127}")
    told = "to try again those that failed: the same command with --lf"

    assert told in made.run("jobs").outlines
    assert told not in made.run("jobs/kins.comfyjob.yaml::kin_elf").outlines
    assert told not in made.run("jobs", "-p", "no:cacheprovider").outlines

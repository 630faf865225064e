"""Times that pictures took, and what they say of those to come."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.outputs.durations import Durations, Forecast
from pytest_comfygen.records import Job, Timing

JOBS = """\
comfyjob: 1
defaults: {checkpoint: base.safetensors, size: 512x512, steps: 20}
items:
  small: a cat
  large: {prompt: a cat, size: 1024x1024}
  other: {prompt: a cat, checkpoint: other.safetensors}
  noise: {workflow: noise.json, prompt: null, checkpoint: null}
"""
NOISE = '{"1": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}}}'


@pytest.fixture
def jobs(tmp_path: Path) -> dict[str, Job]:
    (tmp_path / "kins.comfyjob.yaml").write_text(JOBS, encoding="utf-8")
    (tmp_path / "noise.json").write_text(NOISE, encoding="utf-8")
    return {job.name: job for job in load_job_file(tmp_path / "kins.comfyjob.yaml", tmp_path.resolve()).jobs}


@pytest.fixture
def durations(tmp_path: Path) -> Durations:
    return Durations(tmp_path / "durations.jsonl")


def test_nothing_is_known_at_first(durations: Durations, jobs: dict[str, Job]) -> None:
    assert durations.forecast(jobs.values()) == Forecast(0.0, 4)


def test_what_was_made_before_takes_as_long_again_and_its_model_is_loaded_once(
    durations: Durations, jobs: dict[str, Job]
) -> None:
    for run_s, load_s in ((9.0, 5.0), (4.0, None), (6.0, 0.0)):
        durations.note(jobs["small"], Timing(run_s=run_s, load_s=load_s))

    assert durations.forecast([jobs["small"]] * 3) == Forecast(3 * 4.0 + 5.0, 0)


def test_a_larger_picture_takes_longer_in_proportion(durations: Durations, jobs: dict[str, Job]) -> None:
    durations.note(jobs["small"], Timing(run_s=4.0))

    assert durations.forecast([jobs["large"]]) == Forecast(16.0, 0)


def test_another_checkpoint_and_a_workflow_are_kinds_of_their_own(durations: Durations, jobs: dict[str, Job]) -> None:
    durations.note(jobs["small"], Timing(run_s=4.0))
    durations.note(jobs["noise"], Timing(run_s=0.5))

    assert durations.forecast([jobs["small"], jobs["other"], jobs["noise"]]) == Forecast(4.5, 1)


def test_the_newest_count(durations: Durations, jobs: dict[str, Job]) -> None:
    for run_s in [100.0] * 50 + [2.0] * 20:
        durations.note(jobs["small"], Timing(run_s=run_s))

    assert durations.forecast([jobs["small"]]) == Forecast(2.0, 0)


def test_a_time_that_the_server_does_not_tell_is_not_kept(durations: Durations, jobs: dict[str, Job]) -> None:
    durations.note(jobs["small"], Timing())

    assert durations.forecast([jobs["small"]]).unknown == 1


def test_torn_and_foreign_lines_are_passed_over(durations: Durations, jobs: dict[str, Job], tmp_path: Path) -> None:
    durations.note(jobs["small"], Timing(run_s=4.0))
    with (tmp_path / "durations.jsonl").open("a", encoding="utf-8") as lines:
        lines.write('[]\n{"kind": 1}\n{"kind": "x", "work": "y", "run_s": 1, "load_s": 0}\n\0\n{"ki')

    assert durations.forecast([jobs["small"]]) == Forecast(4.0, 0)


def test_a_long_file_is_shortened(durations: Durations, jobs: dict[str, Job], tmp_path: Path) -> None:
    file = tmp_path / "durations.jsonl"
    file.write_text("x" * 1023 + "\n" + ("y" * 1023 + "\n") * 1100, encoding="utf-8")
    durations.note(jobs["small"], Timing(run_s=4.0))
    file.write_text("z\n" * 600_000, encoding="utf-8")

    durations.note(jobs["small"], Timing(run_s=8.0))

    assert len(file.read_text(encoding="utf-8").splitlines()) == 2000
    assert durations.forecast([jobs["small"]]) == Forecast(8.0, 0)
    assert [path.name for path in tmp_path.glob("*tmp*")] == []


def test_a_place_that_cannot_be_written_is_no_error(jobs: dict[str, Job], tmp_path: Path) -> None:
    nowhere = Durations(tmp_path / "not-there" / "durations.jsonl")

    nowhere.note(jobs["small"], Timing(run_s=4.0))

    assert nowhere.forecast([jobs["small"]]).unknown == 1


def test_the_second_pass_counts(durations: Durations, jobs: dict[str, Job], tmp_path: Path) -> None:
    text = JOBS.replace(
        "small: a cat", "small: a cat\n  hires: {prompt: a cat, hires: {size: 1024x1024, denoise: 0.5}}"
    )
    (tmp_path / "kins.comfyjob.yaml").write_text(text, encoding="utf-8")
    loaded = load_job_file(tmp_path / "kins.comfyjob.yaml", tmp_path.resolve())
    hires = next(job for job in loaded.jobs if job.name == "hires")
    durations.note(jobs["small"], Timing(run_s=2.0))

    assert durations.forecast([hires]) == Forecast(2.0 + 4.0, 0)

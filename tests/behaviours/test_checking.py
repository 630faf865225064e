"""`--comfy-check`, and any run in CI, verifies what is committed and makes, starts and writes nothing."""

from __future__ import annotations

import pytest

from tests.repository import Repository


@pytest.fixture
def made(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The repository with its two images made, and no server any more."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.run("jobs").assert_outcomes(passed=2)
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")
    return repository


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_a_repository_in_order_is_green(made: Repository, workers: list[str]) -> None:
    result = made.run("jobs", "--comfy-check", *workers)

    assert (result.ret, made.images_line(result)) == (0, "images: 2 current")


def test_a_run_in_ci_makes_nothing_and_says_why(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    made.image("kin_elf").unlink()

    result = made.run("jobs")

    assert made.images_line(result) == "images: 1 current, 1 missing"
    result.stdout.fnmatch_lines(
        [
            "comfygen: update=none (environment CI)*",
            "*[[]missing[]] jobs/kins.comfyjob.yaml:6:3: assets/kin_elf.png is missing",
            "to make what is missing or stale: the same command with --comfy-update stale",
        ]
    )


def test_a_planned_image_may_be_missing(repository: Repository) -> None:
    repository.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {status: planned}")

    result = repository.run("jobs", "--comfy-check", "-rs")

    assert repository.images_line(result) == "images: 1 planned, 1 missing"
    result.stdout.fnmatch_lines(["SKIPPED*jobs/kins.comfyjob.yaml:6: planned: assets/kin_elf.png is not made yet"])


def test_a_planned_image_is_made_when_asked(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {status: planned}")

    assert repository.images_line(repository.run("jobs")) == "images: 2 generated"


def test_a_stricter_check_is_held_against_the_image_that_stands_there(made: Repository) -> None:
    made.edit_job("steps: 2", "steps: 2, verify: {min_stddev: 127}")

    result = made.run("jobs", "--comfy-check")

    assert made.images_line(result) == "images: 2 stale"
    result.stdout.fnmatch_lines(["*assets/kin_dwarf.png is stale: check blank: found *, wanted *"])


def test_a_check_that_the_image_passes_is_recorded_by_the_next_writing_run(made: Repository) -> None:
    before = made.record("kin_dwarf")["verified"]["settings"]
    made.edit_job("steps: 2", "steps: 2, verify: {min_stddev: 2}")

    checked = made.run("jobs", "--comfy-check")
    unchanged = made.record("kin_dwarf")["verified"]["settings"]
    written = made.run("jobs")

    assert [made.images_line(one) for one in (checked, written)] == ["images: 2 current", "images: 2 current"]
    assert unchanged == before
    assert made.record("kin_dwarf")["verified"]["settings"] != before


def test_a_check_writes_nothing(made: Repository) -> None:
    before = {path: path.stat().st_mtime_ns for path in (made.path / "assets").rglob("*")}

    made.run("jobs", "--comfy-check")

    assert {path: path.stat().st_mtime_ns for path in (made.path / "assets").rglob("*")} == before

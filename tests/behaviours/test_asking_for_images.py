"""Nobody's unit-test run makes images by accident, and every way to ask for them works, alone and with `-n 2`.

Runs as in CI, so that an image that runs ends as `missing` at once and no server is needed.
"""

from __future__ import annotations

import pytest

from tests.repository import Repository

ALONE_AND_XDIST = pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])

BOTH, DWARF, ELF, NONE = "2 missing", "1 missing", "1 missing", ""

# (what is typed, the directory it is typed in, which images run, how many Python tests pass)
INVOCATIONS = [
    pytest.param([], "", NONE, 2, id="plain"),
    pytest.param(["tests"], "", NONE, 2, id="the unit tests"),
    pytest.param(["."], "", NONE, 2, id="everything by its directory"),
    pytest.param(["-m", "not slow"], "", NONE, 1, id="a negative mark"),
    pytest.param(["-k", "not slow"], "", NONE, 1, id="a negative name"),
    pytest.param(["-k", "test_unit"], "", NONE, 1, id="a unit test's name"),
    pytest.param(["-k", "unit or kin_dwarf"], "", NONE, 1, id="names of both kinds"),
    pytest.param(["-m", "slow"], "", NONE, 1, id="a unit test's mark"),
    pytest.param(["jobs"], "", BOTH, 0, id="a directory of jobs"),
    pytest.param(["jobs/"], "", BOTH, 0, id="a directory of jobs with a slash"),
    pytest.param(["jobs/kins.comfyjob.yaml"], "", BOTH, 0, id="a job file"),
    pytest.param(["jobs/kins.comfyjob.yaml::kin_elf"], "", ELF, 0, id="a node id"),
    pytest.param(["jobs", "tests"], "", BOTH, 2, id="both directories"),
    pytest.param(["jobs", "-k", "not elf"], "", DWARF, 0, id="a directory of jobs and a negative name"),
    pytest.param([], "jobs", BOTH, 0, id="inside the directory of jobs"),
    pytest.param(["../tests"], "jobs", NONE, 2, id="the unit tests from inside the directory of jobs"),
    pytest.param(["-k", "kin_dwarf"], "", DWARF, 0, id="an image's name"),
    pytest.param(["-kkin_dwarf"], "", DWARF, 0, id="an image's name without a space"),
    pytest.param(["-m", "portrait"], "", BOTH, 0, id="a tag"),
    pytest.param(["-m", "portrait and not draft"], "", DWARF, 0, id="a tag and not another"),
    pytest.param(["--comfy-check"], "", BOTH, 2, id="a verb"),
    pytest.param(["--comfy-update=none", "tests"], "", NONE, 2, id="a verb and the unit tests"),
    pytest.param(["--comfy-url=http://127.0.0.1:9"], "", NONE, 2, id="an option that is no verb"),
]


@ALONE_AND_XDIST
@pytest.mark.parametrize(("typed", "directory", "images", "tests"), INVOCATIONS)
def test_images_run_only_when_they_are_asked_for(
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    typed: list[str],
    directory: str,
    images: str,
    tests: int,
    workers: list[str],
) -> None:
    monkeypatch.setenv("CI", "1")
    monkeypatch.chdir(repository.path / directory)

    result = repository.run(*typed, *workers)

    assert repository.images_line(result) == (f"images: {images}" if images else "")
    assert result.parseoutcomes().get("passed", 0) == tests


@ALONE_AND_XDIST
@pytest.mark.parametrize("addopts", ["-k dwarf", "--comfy-check", "-m portrait", "--ff", "jobs"])
def test_what_stands_in_addopts_does_not_ask(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, addopts: str, workers: list[str]
) -> None:
    monkeypatch.setenv("CI", "1")
    repository.run("jobs")
    repository.write("pytest.ini", f"[pytest]\nmarkers = slow\naddopts = {addopts}\n")

    result = repository.run(*workers)

    assert repository.images_line(result) == ""


@ALONE_AND_XDIST
@pytest.mark.parametrize("option", ["--lf", "--ff", "--sw"])
def test_an_image_that_failed_is_taken_up_again_by_name(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, option: str, workers: list[str]
) -> None:
    monkeypatch.setenv("CI", "1")
    repository.run("jobs/kins.comfyjob.yaml::kin_elf", *(["--sw"] if option == "--sw" else []))

    result = repository.run(option, *workers)

    assert repository.images_line(result) == "images: 1 missing"


@pytest.mark.parametrize("option", ["--lf", "--ff"])
def test_a_unit_test_that_failed_takes_no_image_with_it(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("CI", "1")
    repository.write("tests/test_rules.py", "def test_unit():\n    assert False\n")
    repository.run("tests")

    result = repository.run(option)

    assert repository.images_line(result) == ""
    result.assert_outcomes(failed=1)


@ALONE_AND_XDIST
def test_the_user_is_told_what_was_left_alone_and_how_to_run_it(repository: Repository, workers: list[str]) -> None:
    result = repository.run(*workers)

    result.stdout.fnmatch_lines(
        ["comfygen: 1 job file left alone; to bring the images up to date: pytest jobs/ --comfy-update stale"]
    )


def test_a_job_file_that_is_left_alone_is_not_even_opened(repository: Repository) -> None:
    repository.write("jobs/kins.comfyjob.yaml", "this is no job file: [")

    repository.run().assert_outcomes(passed=2)


def test_collect_only_shows_every_image_to_editors(repository: Repository) -> None:
    result = repository.run("--collect-only", "-q")

    result.stdout.fnmatch_lines(["jobs/kins.comfyjob.yaml::kin_dwarf", "jobs/kins.comfyjob.yaml::kin_elf"])


def test_images_left_alone_beside_selected_unit_tests_are_counted(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "1")

    result = repository.run("-k", "unit or kin_dwarf")

    result.stdout.fnmatch_lines(["comfygen: 1 image left alone, because Python tests are selected too;*"])


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
@pytest.mark.parametrize(
    ("typed", "images"),
    [(["--comfy-check"], BOTH), (["-k", "kin_dwarf"], DWARF), (["-m", "portrait"], BOTH), ([], NONE)],
)
def test_job_files_outside_testpaths_are_found_when_they_are_asked_for(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, typed: list[str], images: str, workers: list[str]
) -> None:
    monkeypatch.setenv("CI", "1")
    repository.write("pytest.ini", "[pytest]\ntestpaths = tests\nmarkers = slow\n")

    result = repository.run(*typed, *workers)

    assert repository.images_line(result) == (f"images: {images}" if images else "")


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_a_unit_test_by_name_does_not_fail_over_a_wrong_job_file(repository: Repository, workers: list[str]) -> None:
    repository.write("jobs/wrong.comfyjob.yaml", "comfyjob: 1\nitems:\n  a: {promt: x}\n")

    result = repository.run("-k", "test_unit", *workers)

    assert result.ret == 0
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["comfygen: 1 job file left alone;*"])


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_an_image_by_name_fails_over_a_wrong_job_file_that_may_hold_it(
    repository: Repository, workers: list[str]
) -> None:
    repository.write("jobs/kins.comfyjob.yaml", "comfyjob: 1\nitems:\n  kin_dwarf: {promt: x}\n")

    result = repository.run("-k", "kin_dwarf", *workers)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*[[]unknown-key[]] jobs/kins.comfyjob.yaml:3:15: unknown key 'promt'*"])

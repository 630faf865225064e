"""A job file names a source, and a `conftest.py` of its directory or above answers with rows."""

from __future__ import annotations

import pytest

from tests.repository import Repository

JOB_FILE = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 2, prompt: "${subject}"}
from:
  - {source: kins, options: {last: 2}, name: "kin_${id}", keys: [seed]}
"""
HOOK = """\
def pytest_comfygen_source(name, options):
    if name == "kins":
        return ({"id": id, "subject": f"kin {id}", "seed": id} for id in range(1, options["last"] + 1))
"""


@pytest.fixture
def story(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The small repository with its kins out of a hook."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.write("jobs/conftest.py", HOOK)
    repository.write("jobs/kins.comfyjob.yaml", JOB_FILE)
    return repository


def ids(repository: Repository, *arguments: str) -> list[str]:
    """What is collected, by the names of images."""
    lines = repository.run(*arguments, "--collect-only", "-q").outlines
    return [line.partition("::")[2] for line in lines if "::" in line]


def test_rows_become_images_and_a_changed_row_makes_its_own_image_anew(story: Repository) -> None:
    assert story.images_line(story.run("jobs")) == "images: 2 generated"
    assert story.record("kin_2")["prompt"] == "kin 2"

    story.write("jobs/conftest.py", HOOK.replace('f"kin {id}"', '"an orc" if id == 2 else "kin 1"'))

    checked = story.run("jobs", "--comfy-check")
    checked.stdout.fnmatch_lines(["*[[]stale[]] jobs/kins.comfyjob.yaml:5:14: assets/kin_2.png is stale*"])
    assert story.images_line(story.run("jobs")) == "images: 1 generated, 1 current"


def test_two_workers_collect_the_same(story: Repository) -> None:
    assert story.images_line(story.run("jobs", "-n2")) == "images: 2 generated"


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["jobs"], ["kin_1", "kin_2"]),
        (["jobs/kins.comfyjob.yaml::kin_2"], ["kin_2"]),
        (["-k", "kin_1"], ["kin_1"]),
    ],
)
def test_images_are_selected_as_others_are(story: Repository, arguments: list[str], names: list[str]) -> None:
    assert ids(story, *arguments) == names


@pytest.mark.parametrize(("place", "answers"), [("conftest.py", True), ("jobs/deep/conftest.py", False)])
def test_the_files_of_the_job_files_directory_and_above_count(story: Repository, place: str, *, answers: bool) -> None:
    (story.path / "jobs" / "conftest.py").unlink()
    story.write(place, HOOK)
    story.write("jobs/deep/other.comfyjob.yaml", "comfyjob: 1\ndefaults: {checkpoint: a.ckpt}\nitems: {a: b}\n")

    assert sorted(ids(story, "jobs")) == ["a", *(["kin_1", "kin_2"] if answers else [])]


def test_a_name_that_nobody_knows_is_told_at_its_place_and_other_files_run(story: Repository) -> None:
    story.write("jobs/wrong.comfyjob.yaml", JOB_FILE.replace("source: kins", "source: kinds"))

    result = story.run("jobs", "-n2")

    place = "jobs/wrong.comfyjob.yaml:5:14"
    result.stdout.fnmatch_lines([f"*[[]unknown-source[]] {place}: nobody has rows for the source 'kinds'"])
    result.stdout.fnmatch_lines(["*asked, and none knows it: jobs/conftest.py"])
    assert story.images_line(result) == "images: 2 generated"


def test_an_exception_is_shown_from_the_hook_on(story: Repository) -> None:
    story.write(
        "jobs/conftest.py", "def pytest_comfygen_source(name):\n    yield {}\n    raise ValueError('no chapter')\n"
    )

    result = story.run("jobs")

    shown = result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            "jobs?conftest.py:3: in pytest_comfygen_source",
            "E   ValueError: no chapter",
            "E   pytest_comfygen_source was asked for the source 'kins' at jobs/kins.comfyjob.yaml:5:14",
        ]
    )
    assert "pytest_comfygen/" in story.run("jobs", "--full-trace").stdout.str()
    assert "pytest_comfygen/" not in shown
    assert "pluggy" not in shown.partition("ERRORS")[2]


def test_a_hook_can_skip_its_job_file(story: Repository) -> None:
    story.write(
        "jobs/conftest.py", "import pytest\ndef pytest_comfygen_source():\n    pytest.skip('no database here')\n"
    )

    result = story.run("jobs", "-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*no database here"])


def test_the_doctor_notes_that_it_does_not_ask(story: Repository) -> None:
    story.write("jobs/conftest.py", "def pytest_comfygen_source():\n    raise AssertionError('asked')\n")

    result = story.run("--comfy-doctor", "jobs")

    result.stdout.fnmatch_lines(["note *jobs/kins.comfyjob.yaml:5:14: the rows of the source 'kins' come from *"])
    assert "AssertionError" not in result.stdout.str()


@pytest.mark.parametrize("together", [True, False], ids=["both are run", "only one is run"])
def test_an_image_of_rows_is_not_taken_over_by_another_job_file(story: Repository, *, together: bool) -> None:
    story.run("jobs").assert_outcomes(passed=2)
    story.write("more/other.comfyjob.yaml", JOB_FILE.partition("from:")[0] + "items: {kin_1: a cat}\n")

    result = story.run("more", *(["jobs"] if together else []))

    told = (
        "*[[]output-collision[]]*"
        if together
        else "*[[]owned-by-another[]]*assets/kin_1.png belongs to jobs/kins.comfyjob.yaml*"
    )
    result.stdout.fnmatch_lines([told])


def test_the_image_of_a_row_that_is_gone_is_pruned_and_no_other(story: Repository) -> None:
    story.run("jobs").assert_outcomes(passed=2)
    story.edit_job("last: 2", "last: 1")

    result = story.run("--comfy-prune")

    assert story.images_line(result) == "images: 1 pruned"
    assert (story.image("kin_1").exists(), story.image("kin_2").exists()) == (True, False)


def test_nothing_is_pruned_when_a_source_cannot_be_asked(story: Repository) -> None:
    story.run("jobs").assert_outcomes(passed=2)
    story.write("more/other.comfyjob.yaml", JOB_FILE.partition("from:")[0] + "items: {kin_cat: a cat}\n")

    result = story.run("more", "--comfy-prune")

    result.stdout.fnmatch_lines(["*[[]source-unasked[]] jobs/kins.comfyjob.yaml:5:14: *"])
    assert story.image("kin_1").exists()
    assert story.image("kin_2").exists()

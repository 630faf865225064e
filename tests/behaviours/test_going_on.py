"""An interrupted `--comfy-update all` goes on with `--comfy-resume` where it was."""

from __future__ import annotations

import pytest

from tests.repository import PLAIN, Repository

ITEMS = "  kin_dwarf: {}\n  kin_elf: {tags: [draft]}"
MORE = "\n".join(f"  kin_{number}: {{}}" for number in range(4))
STOP_AT_THE_THIRD = """\
import pytest

made = []

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    made.append(item.name)
    if len(made) == 3:
        raise KeyboardInterrupt
"""


@pytest.fixture
def four(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with four images, all made, and a server."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.edit_job(ITEMS, MORE)
    repository.run("jobs").assert_outcomes(passed=4)
    return repository


def interrupt(repository: Repository, *arguments: str) -> pytest.RunResult:
    """Have a run stopped by Ctrl-C when it has made two images."""
    repository.write("conftest.py", STOP_AT_THE_THIRD)
    result = repository.pytester.runpytest_subprocess(*PLAIN, *arguments)
    (repository.path / "conftest.py").unlink()
    return result


def test_what_was_made_again_is_not_made_once_more(four: Repository) -> None:
    stopped = interrupt(four, "jobs", "--comfy-update", "all")

    resumed = four.run("jobs", "--comfy-resume")

    assert four.images_line(stopped) == "images: 2 identical"
    assert "to go on with what is not made again yet: the same command, with --comfy-resume instead of" in "\n".join(
        stopped.outlines
    )
    assert four.images_line(resumed) == "images: 2 current, 2 identical"


def test_it_can_be_interrupted_again(four: Repository) -> None:
    interrupt(four, "jobs", "--comfy-update", "all")
    again = interrupt(four, "jobs", "--comfy-resume")

    assert four.images_line(again) == "images: 2 current"
    assert "to go on with what is not made again yet: the same command" in again.outlines
    assert four.images_line(four.run("jobs", "--comfy-resume", "-n2")) == "images: 2 current, 2 identical"


def test_a_run_that_came_to_its_end_cannot_be_gone_on_with(four: Repository) -> None:
    four.run("jobs", "--comfy-update", "all")

    result = four.run("jobs", "--comfy-resume")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--comfy-resume: no --comfy-update all was interrupted here*"])


def test_another_run_that_makes_all_begins_anew(four: Repository) -> None:
    interrupt(four, "jobs", "--comfy-update", "all")

    assert four.images_line(four.run("jobs", "--comfy-update", "all")) == "images: 4 identical"
    assert four.run("jobs", "--comfy-resume").ret == pytest.ExitCode.USAGE_ERROR


def test_a_job_that_changed_meanwhile_is_made(four: Repository) -> None:
    interrupt(four, "jobs", "--comfy-update", "all")
    four.edit_job("steps: 2", "steps: 3")

    assert four.images_line(four.run("jobs", "--comfy-resume")) == "images: 4 generated"


def test_what_failed_is_tried_again(four: Repository) -> None:
    four.image("kin_1").write_bytes(b"a person's work")

    failed = four.run("jobs", "--comfy-update", "all")
    resumed = four.run("jobs", "--comfy-resume", "--comfy-overwrite-edited")

    assert four.images_line(failed) == "images: 3 identical, 1 edited"
    assert four.images_line(resumed) == "images: 1 generated, 3 current"


def test_a_plan_tells_what_is_left(four: Repository) -> None:
    interrupt(four, "jobs", "--comfy-update", "all")

    four.run("jobs", "--comfy-plan", "--comfy-resume").stdout.fnmatch_lines(
        ["plan: 2 of 4 images would be made, 2 current"]
    )


@pytest.mark.parametrize(
    "between",
    [
        ("jobs", "--comfy-resume", "--comfy-plan"),
        ("jobs", "--comfy-resume", "--collect-only"),
        ("jobs", "--comfy-update", "all", "--comfy-plan"),
        ("jobs", "--comfy-resume", "-k", "kin_3"),
        ("tests", "--comfy-update", "all"),
        ("other", "--comfy-update", "all"),
    ],
    ids=["plan", "list", "another plan", "a part", "unit tests", "another file"],
)
def test_what_was_made_is_not_forgotten_by_a_run_that_makes_nothing_of_the_rest(
    four: Repository, between: tuple[str, ...]
) -> None:
    four.write(
        "other/cats.comfyjob.yaml", "comfyjob: 1\nitems: {kin_cat: {prompt: a cat, checkpoint: tiny.safetensors}}\n"
    )
    interrupt(four, "jobs", "--comfy-update", "all")

    four.run(*between)

    made = "1 identical" if "kin_3" in between else "2 identical"
    current = "3 current" if "kin_3" in between else "2 current"
    assert four.images_line(four.run("jobs", "--comfy-resume")) == f"images: {current}, {made}"

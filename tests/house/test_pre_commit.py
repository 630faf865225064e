"""The hook that pre-commit finds in this repository does what its page says."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import yaml

from tests.repository import Repository

ROOT = Path(__file__).parents[2]


def hook() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (only,) = found
    assert isinstance(only, dict)
    return only


def test_it_has_its_name_and_takes_no_files() -> None:
    assert (hook()["id"], hook()["pass_filenames"], hook()["language"]) == ("comfygen-check", False, "system")


def test_its_command_checks_images_and_runs_no_unit_test(made: Repository) -> None:
    program, *words = shlex.split(hook()["entry"])
    assert program == "pytest"

    well = made.run(*words)
    made.image("kin_elf").unlink()
    wrong = made.run(*words)

    assert (well.ret, made.images_line(well)) == (0, "images: 2 current")
    well.assert_outcomes(passed=2, deselected=2)
    assert (wrong.ret, made.images_line(wrong)) == (1, "images: 1 current, 1 missing")


def test_its_command_finds_images_that_no_job_names(made: Repository) -> None:
    made.edit_job("  kin_elf: {tags: [draft]}\n", "")

    assert made.images_line(made.run(*shlex.split(hook()["entry"])[1:])) == "images: 1 current, 1 orphan"


def test_the_page_shows_the_same_command() -> None:
    page = (ROOT / "docs" / "how-to" / "run-in-ci.md").read_text(encoding="utf-8")

    assert page.count(hook()["entry"]) == 2

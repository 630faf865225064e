"""When a run asks for images: the pieces. `tests/behaviours/test_asking_for_images.py` has the table of invocations."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.plugin.asked import Asked, is_job_file
from pytest_comfygen.plugin.expressions import is_positive


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("kin_smith", True),
        ("portrait and not draft", True),
        ("a or b", True),
        ("(a or b) and not c", True),
        ('kind(name="x y")', True),
        ("not not a", True),
        ("not slow", False),
        ("not (a or b)", False),
        ("not(a)", False),
        ("a or not b", False),
        ("", False),
        ("a and", False),
        ("a b", False),
    ],
)
def test_an_expression_is_positive_when_it_is_false_for_an_item_without_name_and_mark(
    expression: str,
    expected: bool,  # noqa: FBT001  # a table
) -> None:
    assert is_positive(expression) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kins.comfyjob.yaml", True),
        ("kins.comfyjob.yml", True),
        ("kins.comfyjob.json", True),
        ("kins.yaml", False),
        ("comfyjob.yaml", False),
        ("kins.comfyjob.yaml.bak", False),
    ],
)
def test_a_job_file_is_known_by_its_name(name: str, expected: bool) -> None:  # noqa: FBT001  # a table
    assert is_job_file(name) is expected


def test_a_file_below_a_typed_directory_is_wanted_and_its_neighbour_is_not() -> None:
    asked = Asked(paths=("/repo/jobs",))

    assert asked.wants_file(Path("/repo/jobs/deep/a.comfyjob.yaml"), "jobs/deep/a.comfyjob.yaml")
    assert not asked.wants_file(Path("/repo/jobs2/a.comfyjob.yaml"), "jobs2/a.comfyjob.yaml")


def test_a_remembered_item_opens_its_file_and_runs_alone() -> None:
    asked = Asked(remembered=("jobs/a.comfyjob.yaml::x",))
    path = Path("/repo/jobs/a.comfyjob.yaml")

    assert asked.wants_file(path, "jobs/a.comfyjob.yaml")
    assert asked.wants_item(path, "jobs/a.comfyjob.yaml::x", alone=False)
    assert not asked.wants_item(path, "jobs/a.comfyjob.yaml::y", alone=True)

from __future__ import annotations

import pytest

from tests.repository import Repository


@pytest.fixture
def repository(pytester: pytest.Pytester) -> Repository:
    return Repository(pytester)


def test_a_tag_of_every_image_and_a_tag_of_one_both_select(repository: Repository) -> None:
    everybody = repository.run("jobs", "--collect-only", "-q", "-m", "portrait")
    drafts = repository.run("jobs", "--collect-only", "-q", "-m", "portrait and draft")

    assert everybody.outlines[:2] == ["jobs/kins.comfyjob.yaml::kin_dwarf", "jobs/kins.comfyjob.yaml::kin_elf"]
    assert [line for line in drafts.outlines if "::" in line] == ["jobs/kins.comfyjob.yaml::kin_elf"]

from __future__ import annotations

import gc

import pytest

from tests.repository import Repository


@pytest.fixture
def repository(pytester: pytest.Pytester) -> Repository:
    return Repository(pytester)


def test_python_looks_for_garbage_again_after_collecting(repository: Repository) -> None:
    repository.run("jobs", "--collect-only").assert_outcomes()

    assert gc.isenabled()


def test_what_somebody_froze_stays_frozen(repository: Repository) -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        repository.run("jobs", "--collect-only")
        assert gc.get_freeze_count() == pytest.approx(frozen, rel=0.1)
    finally:
        gc.unfreeze()


def test_a_tag_of_every_image_and_a_tag_of_one_both_select(repository: Repository) -> None:
    everybody = repository.run("jobs", "--collect-only", "-q", "-m", "portrait")
    drafts = repository.run("jobs", "--collect-only", "-q", "-m", "portrait and draft")

    assert everybody.outlines[:2] == ["jobs/kins.comfyjob.yaml::kin_dwarf", "jobs/kins.comfyjob.yaml::kin_elf"]
    assert [line for line in drafts.outlines if "::" in line] == ["jobs/kins.comfyjob.yaml::kin_elf"]

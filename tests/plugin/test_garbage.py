from __future__ import annotations

import gc

import pytest

from tests.repository import Repository

MANY = 1000
TELLS = """\
import gc
def pytest_runtest_logreport():
    told.append(gc.get_freeze_count())
told = []
def pytest_terminal_summary(terminalreporter):
    terminalreporter.line(f"frozen: {any(told)}")
"""


@pytest.fixture
def repository(pytester: pytest.Pytester) -> Repository:
    return Repository(pytester)


@pytest.fixture
def many(repository: Repository) -> Repository:
    """Nothing but images, of which none is there, and one of a thousand runs."""
    items = "\n".join(f"  kin_{number:04}: {{status: planned}}" for number in range(MANY))
    head = "comfyjob: 1\ndefaults: {prompt: a kin, checkpoint: tiny.safetensors}\nitems:\n"
    repository.write("jobs/kins.comfyjob.yaml", head + items)
    repository.write("conftest.py", TELLS)
    return repository


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


def test_thousands_of_images_are_not_looked_through_for_garbage(many: Repository) -> None:
    result = many.run("jobs", "-k", "kin_0001", "--comfy-check")

    result.stdout.fnmatch_lines(["frozen: True"])
    assert gc.get_freeze_count() == 0


def test_beside_python_tests_everything_is_looked_through(many: Repository) -> None:
    many.write("test_one.py", "def test_one(): pass")

    result = many.run("jobs", "test_one.py", "-k", "kin_0001 or one", "--comfy-check")

    result.stdout.fnmatch_lines(["frozen: False"])

"""What failed is told to those who waited for it, and to nobody else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pytest_comfygen.engine.failure import failure_shared
from pytest_comfygen.errors import EnvironmentBroken, InstallFailed, MachineError, TokenMissing

KINDS = (EnvironmentBroken, InstallFailed)
BEFORE, AFTER = -60, 60
DONE = "it was tried"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "failure.json"


def fail(file: Path | None, error: MachineError) -> None:
    with pytest.raises(type(error)), failure_shared(file, 0, KINDS, "eels"):
        raise error


def attempt(file: Path | None, asked_s: int, about: str = "eels") -> str:
    with failure_shared(file, time.time() + asked_s, KINDS, about):
        return DONE


def test_who_waited_fails_in_the_same_words(file: Path) -> None:
    fail(file, EnvironmentBroken("it does not start", details=("a line",), hint="do this"))

    with pytest.raises(EnvironmentBroken) as caught:
        attempt(file, BEFORE)
    told = caught.value
    assert (told.message, told.details, told.hint) == ("it does not start", ("a line",), "do this")


def test_who_asks_afterwards_tries_again(file: Path) -> None:
    fail(file, EnvironmentBroken("it does not start"))

    assert attempt(file, AFTER) == DONE


def test_who_asks_for_something_else_tries(file: Path) -> None:
    fail(file, EnvironmentBroken("it does not start"))

    assert attempt(file, BEFORE, about="snakes") == DONE


def test_what_may_be_another_for_another_process_is_not_shared(file: Path) -> None:
    fail(file, TokenMissing("there is no token"))

    assert not file.exists()


def test_where_nobody_waits_nothing_is_written(tmp_path: Path) -> None:
    fail(None, EnvironmentBroken("it does not start"))

    assert (attempt(None, BEFORE), list(tmp_path.iterdir())) == (DONE, [])


def test_a_success_forgets_the_failure(file: Path) -> None:
    fail(file, EnvironmentBroken("it does not start"))
    attempt(file, AFTER)

    assert not file.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"kind": 1}',
        '{"kind": "Path", "message": "", "details": [], "hint": null, "about": "eels"}',
        '{"kind": "Where", "message": "", "details": [], "hint": null, "about": "eels"}',
    ],
)
def test_a_damaged_note_says_nothing(file: Path, text: str) -> None:
    file.write_text(text)

    assert attempt(file, BEFORE) == DONE

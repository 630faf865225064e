"""An installation that failed is told to those who waited for it, and to nobody else."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_comfygen.engine.install.failure import failure_noted, raise_known_failure
from pytest_comfygen.engine.install.wish import InstallWish
from pytest_comfygen.errors import EnvironmentBroken


@pytest.fixture
def wish(tmp_path: Path) -> InstallWish:
    return InstallWish(directory=tmp_path, repo="r", python=tmp_path)


def fail(file: Path, wish: InstallWish) -> None:
    with pytest.raises(EnvironmentBroken), failure_noted(file, wish):
        raise EnvironmentBroken("it does not start", details=("a line",), hint="do this")


def test_who_waited_fails_in_the_same_words(tmp_path: Path, wish: InstallWish) -> None:
    fail(tmp_path / "failure.json", wish)

    with pytest.raises(EnvironmentBroken) as caught:
        raise_known_failure(tmp_path / "failure.json", wish, time.time() - 60)
    told = caught.value
    assert (told.message, told.details, told.hint) == ("it does not start", ("a line",), "do this")


def test_who_asks_afterwards_tries_again(tmp_path: Path, wish: InstallWish) -> None:
    fail(tmp_path / "failure.json", wish)

    raise_known_failure(tmp_path / "failure.json", wish, time.time() + 60)


def test_who_asks_for_something_else_tries(tmp_path: Path, wish: InstallWish) -> None:
    fail(tmp_path / "failure.json", wish)

    raise_known_failure(tmp_path / "failure.json", replace(wish, extra_requirements=("eels",)), time.time() - 60)


def test_a_success_forgets_the_failure(tmp_path: Path, wish: InstallWish) -> None:
    fail(tmp_path / "failure.json", wish)
    with failure_noted(tmp_path / "failure.json", wish):
        pass

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": 1}'])
def test_a_damaged_note_says_nothing(tmp_path: Path, wish: InstallWish, text: str) -> None:
    (tmp_path / "failure.json").write_text(text)

    raise_known_failure(tmp_path / "failure.json", wish, 0)

"""The notes of a run go with it; those of others go when they have been silent for a day."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_comfygen.flows.gallery import Notebook
from pytest_comfygen.records.gallery import Ending

RUN, OTHER = "0123456789abcdef", "fedcba9876543210"
NOW = 1_000_000.0


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    directory = tmp_path / ".comfygen" / "gallery"
    directory.mkdir(parents=True)
    return directory


def open_notebook(notes: Path, run: str) -> Notebook:
    notebook = Notebook(notes, run, "alone", lambda: notes)
    notebook.note_selection([])
    return notebook


def age(path: Path, hours: float) -> None:
    os.utime(path, (NOW - hours * 3600, NOW - hours * 3600))


@pytest.mark.parametrize(("noted_hours_ago", "is_left"), [(1, True), (23, True), (25, False)])
def test_a_run_that_still_notes_is_alive_however_old(notes: Path, noted_hours_ago: float, *, is_left: bool) -> None:
    open_notebook(notes, OTHER).note_ending(Ending(id="a", outcome="generated"))
    age(notes / OTHER / "selection.jsonl", 40)
    age(notes / OTHER / "ended-alone.jsonl", noted_hours_ago)
    age(notes / OTHER, 40)

    open_notebook(notes, RUN).remove(NOW)

    assert [path.name for path in notes.iterdir()] == [OTHER] * is_left


def test_what_no_run_is_named_after_is_left_alone(notes: Path) -> None:
    (notes / "thesis").mkdir()
    age(notes / "thesis", 40)

    open_notebook(notes, RUN).remove(NOW)

    assert [path.name for path in notes.iterdir()] == ["thesis"]


def test_notes_behind_a_link_are_left_alone(notes: Path) -> None:
    (notes / OTHER).mkdir()
    age(notes / OTHER, 40)
    victim = notes.rename(notes.parent.parent / "victim")
    notes.symlink_to(victim)

    Notebook(notes, RUN, "alone", lambda: notes).remove(NOW)

    assert (victim / OTHER).is_dir()

"""Notes of what is being written, found by whoever comes after a crash."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_comfygen.outputs.pending import Note, Pending, is_alive


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "pending"


def pending(directory: Path, *, alive: bool = False, now: float = 0) -> Pending:
    return Pending(directory, lambda: now, lambda pid: alive)  # noqa: ARG005  # the signature is is_alive's


def test_where_there_is_no_directory_there_are_no_notes(directory: Path) -> None:
    assert pending(directory).is_empty()
    assert pending(directory).abandoned("assets/dwarf.png") == []
    assert not directory.exists()


def test_a_file_in_the_directorys_place_holds_no_notes(directory: Path) -> None:
    directory.write_text("")
    assert pending(directory).is_empty()


def test_a_note_tells_by_its_name_whose_it_is(directory: Path) -> None:
    note = pending(directory).announce("assets/dwarf.png")
    assert re.fullmatch(rf"[0-9a-f]{{32}}\.{os.getpid()}-[0-9a-f]{{8}}\.json", note.path.name)
    assert (note.intent(), note.pid) == ("", os.getpid())


def test_a_kept_intent_is_read_back(directory: Path) -> None:
    note = pending(directory).announce("assets/dwarf.png")
    note.intend('{"item": "größer"}')
    assert pending(directory).abandoned("assets/dwarf.png") == [note]
    assert note.intent() == '{"item": "größer"}'


def test_a_dropped_note_is_gone(directory: Path) -> None:
    ours = pending(directory)
    note = ours.announce("assets/dwarf.png")
    note.drop()
    note.drop()
    assert (note.intent(), ours.abandoned("assets/dwarf.png")) == ("", [])


@pytest.mark.parametrize(
    ("pid", "alive", "age_s", "expected"),
    [
        (1, True, 0, False),
        (1, True, 60, False),
        (1, True, 61, True),
        (1, False, 0, True),
        (os.getpid(), True, 0, True),
    ],
    ids=["being written", "being written slowly", "too old", "its writer is dead", "left by this process"],
)
def test_a_note_is_abandoned_when_nobody_can_be_writing(
    directory: Path,
    pid: int,
    alive: bool,  # noqa: FBT001  # a column of the table
    age_s: int,
    expected: bool,  # noqa: FBT001  # a column of the table
) -> None:
    made = pending(directory).announce("assets/dwarf.png")
    token = f"{pid}-c0ffee00"
    path = made.path.rename(made.path.with_name(f"{made.path.name[:32]}.{token}.json"))
    later = pending(directory, alive=alive, now=path.stat().st_mtime + age_s)
    assert ([Note(path, token, pid)] if expected else []) == later.abandoned("assets/dwarf.png")


def test_a_process_that_runs_is_alive() -> None:
    assert is_alive(os.getpid()) is (os.name != "nt")


@pytest.mark.skipif(os.name == "nt", reason="asking there would end the process")
def test_a_process_that_ended_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-S", "-E", "-c", ""])
    child.wait()
    assert is_alive(child.pid) is False
    assert is_alive(10**10) is False

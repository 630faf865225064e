"""What one process notes, another reads."""

from __future__ import annotations

from pytest_comfygen.outputs.gallery import endings_of, entries_of, line_of
from pytest_comfygen.records import Finding
from pytest_comfygen.records.gallery import Ending, Entry

ENTRY = Entry(
    id="jobs/kins.comfyjob.yaml::kin_dwarf",
    name="kin_dwarf",
    root="/game",
    output="assets/kin_dwarf.png",
    where="jobs/kins.comfyjob.yaml:5:3",
    tags=("portrait", "hero"),
    prompt="a dwarf,\nwith “quotes” \u2028 and </script>",
    parameters=(("steps", "30"), ("cfg", "6.5")),
)
ENDING = Ending(
    id=ENTRY.id,
    outcome="generated",
    reasons=("steps 20 → 30",),
    findings=(Finding("too-dark", "warning", "12", "at least 20"),),
    seed="18446744073709551615",
    run_s=1.5,
)


def test_notes_come_back_as_they_were() -> None:
    assert entries_of([line_of(ENTRY)]) == {ENTRY.id: ENTRY}
    assert endings_of([line_of(ENDING)]) == {ENDING.id: ENDING}


def test_a_note_is_one_line_whatever_it_holds() -> None:
    assert [line_of(note).count("\n") for note in (ENTRY, ENDING)] == [1, 1]


def test_of_an_item_that_ran_again_the_last_time_counts() -> None:
    before = Ending(id=ENDING.id, outcome="failed", error="no server")

    assert endings_of([line_of(before), line_of(ENDING)]) == {ENDING.id: ENDING}


def test_a_line_that_was_cut_is_passed_over() -> None:
    assert endings_of([line_of(ENDING), line_of(ENDING)[:40]]) == {ENDING.id: ENDING}

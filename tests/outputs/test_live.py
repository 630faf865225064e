"""The live line is worded from what is known: which of how many, how far, how fast, how long the rest takes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_comfygen.outputs.live import Batch, fitted
from pytest_comfygen.records import Event

JOB = "jobs/kins.comfyjob.yaml::"
FORESEEN = Event(kind="foreseen", value=20)


def step(value: int, of: int = 30, job: str = "kin_troll", text: str = "KSampler") -> Event:
    return Event(kind="progress", job=f"{JOB}{job}", value=value, maximum=of, text=text)


def begun(job: str) -> Event:
    return Event(kind="started", job=f"{JOB}{job}")


def batch(*events: Event | tuple[Event, float]) -> Batch:
    made = Batch()
    for event in events:
        made.heed(*(event if isinstance(event, tuple) else (event, 0.0)))
    return made


@pytest.mark.parametrize(
    ("events", "line"),
    [
        ([], ""),
        ([FORESEEN], ""),
        ([FORESEEN, begun("kin_troll")], "[1/20] kin_troll begins"),
        ([begun("kin_troll")], "[1] kin_troll begins"),
        ([Event(kind="queued", job=f"{JOB}kin_elf")], "[1] kin_elf waiting"),
        ([Event(kind="queued", job=f"{JOB}kin_elf", value=3)], "[1] kin_elf waiting, 3 ahead"),
        ([FORESEEN, step(12)], "[1/20] kin_troll 12/30 steps"),
        ([(step(1), 0.0), (step(8), 5.0)], "[1] kin_troll 8/30 steps, 1.4 it/s"),
        ([(step(1), 0.0), (step(3), 5.0)], "[1] kin_troll 3/30 steps, 2.5 s/it"),
        ([(step(1), 0.0), (step(9), 4.0), (step(1, 12), 5.0)], "[1] kin_troll 1/12 steps"),
        ([step(3, 9, text="ImageUpscaleWithModel")], "[1] kin_troll 3/9 ImageUpscaleWithModel"),
        ([step(30), Event(kind="fetched", job=f"{JOB}kin_troll")], "[1] kin_troll is checked"),
        ([begun("kin_troll"), begun("kin_elf"), begun("kin_orc")], "[1] kin_troll begins, 2 more at work"),
        ([Event(kind="notice", job=f"{JOB}kin_troll", text="once more")], ""),
        ([begun("kin\x1b[2J")], "[1] kin\\x1b[2J begins"),
        ([begun("k" * 50)], f"[1] {'k' * 39}… begins"),
        ([Event(kind="progress", subject="a model", text="hashing", value=1, maximum=4)], "a model: hashing 25%"),
        ([Event(kind="progress", subject="a model", text="hashing"), Event(kind="notice", text="done")], ""),
        ([FORESEEN, Event(kind="foreseen", value=18), begun("kin_elf")], "[1/20] kin_elf begins"),
        ([FORESEEN, Event(kind="foreseen", subject="b", value=2), begun("kin_elf")], "[1/22] kin_elf begins"),
    ],
)
def test_what_is_known_is_told(events: Sequence[Event | tuple[Event, float]], line: str) -> None:
    assert batch(*events).line(5.0) == line


def test_before_the_first_picture_the_rest_is_told_by_what_this_machine_took_before() -> None:
    foreseen = Event(kind="foreseen", value=20, per_s=0.1)

    assert batch(foreseen, (begun("kin_troll"), 100.0)).line(140.0) == "[1/20] kin_troll begins, about 3 min left"


def test_the_rest_is_told_by_the_pace_of_this_run_without_the_first_wait() -> None:
    made = batch(FORESEEN, begun("a"))
    for at, (name, following) in zip((60.0, 70.0, 80.0), (("a", "b"), ("b", "c"), ("c", "d")), strict=True):
        made.end(f"{JOB}{name}", at, was_made=True)
        made.heed(begun(following), at)

    assert made.line(85.0) == "[4/20] d begins, about 3 min left"
    assert made.line(300.0) == "[4/20] d begins"  # it takes longer than all before


def test_after_one_picture_its_time_is_all_that_is_known() -> None:
    made = batch(FORESEEN, (begun("a"), 10.0))
    made.end(f"{JOB}a", 40.0, was_made=True)
    made.heed(begun("b"), 40.0)

    assert made.line(40.0) == "[2/20] b begins, about 10 min left"


def test_what_a_worker_told_late_of_an_item_that_ended_is_not_told() -> None:
    made = batch(FORESEEN, begun("a"))
    made.end(f"{JOB}a", 1.0, was_made=True)
    made.heed(step(30, job="a"), 2.0)

    assert made.line(2.0) == ""


def test_an_item_that_there_was_nothing_to_make_for_is_not_counted() -> None:
    made = batch(FORESEEN)
    made.end(f"{JOB}a", 1.0, was_made=False)
    made.heed(begun("b"), 2.0)

    assert made.line(2.0) == "[1/20] b begins"


def test_an_item_is_the_same_from_another_root() -> None:
    made = batch(begun("a"))
    made.end("game/jobs/kins.comfyjob.yaml::a", 1.0, was_made=True)

    assert made.line(1.0) == ""


def test_what_is_silent_for_long_is_not_told_any_more() -> None:
    aside = batch(Event(kind="progress", subject="a model", text="hashing"))

    assert (aside.line(14.0), aside.line(16.0)) == ("a model: hashing", "")


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("kin_troll", 9, "kin_troll"),
        ("kin_troll", 8, "kin_tro…"),
        ("矮人矮人", 8, "矮人矮人"),
        ("矮人矮人", 7, "矮人矮…"),
        ("矮人矮人", 6, "矮人…"),
        ("e\u0301" * 4, 4, "e\u0301" * 4),
        ("kin", 1, "…"),
        ("kin", 0, ""),
    ],
)
def test_a_line_fits_into_the_terminal(text: str, columns: int, shown: str) -> None:
    assert fitted(text, columns) == shown

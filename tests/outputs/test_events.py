"""Events as JSON lines: replaced where they are events, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_comfygen.errors import WriteFailed
from pytest_comfygen.outputs.events import EventFile, file_failed, item_finished, run_finished, run_started
from pytest_comfygen.records.ended import Ended

STARTED = run_started(at="2026-01-02T03:04:05.000+00:00", comfygen="1.2", update="stale", sketch=False)


def test_what_is_not_known_is_left_out() -> None:
    ended = Ended(item="a::b", outcome="generated", seed="7", run_s=1.5)

    expected = {"event": "comfygen.item.finished/1", "item": "a::b", "outcome": "generated", "seed": "7", "run_s": 1.5}
    assert item_finished(ended) == expected


def test_a_run_counts_its_images() -> None:
    event = run_finished(at="now", exit_code=1, outcomes=["stale", "current", "stale"])

    assert event["images"] == {"current": 1, "stale": 2}


def test_each_event_is_a_line_and_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "events.jsonl"
    file = EventFile(path, "events.jsonl")
    for event in (STARTED, file_failed("a.comfyjob.yaml", "no\nyes — 矮")):
        file.note(event)

    lines = path.read_text(encoding="ascii").splitlines()
    file.close()
    assert [json.loads(line) for line in lines] == [STARTED, file_failed("a.comfyjob.yaml", "no\nyes — 矮")]


@pytest.mark.parametrize("before", ["", json.dumps(STARTED) + "\nmore\n"], ids=["empty", "of another run"])
def test_events_of_another_run_are_replaced(tmp_path: Path, before: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(before, encoding="utf-8")
    file = EventFile(path, "events.jsonl")
    file.note(STARTED)
    file.close()

    assert path.read_text(encoding="utf-8") == json.dumps(STARTED) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [("comfyjob: 1\n", "holds no events of a run"), ('{"event": "other"}\n', "holds no events"), (None, "a directory")],
)
def test_nothing_else_is_replaced(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "thing"
    path.mkdir() if text is None else path.write_text(text, encoding="utf-8")

    with pytest.raises(WriteFailed, match=message):
        EventFile(path, "thing")
    assert text is None or path.read_text(encoding="utf-8") == text

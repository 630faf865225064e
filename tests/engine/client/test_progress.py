from __future__ import annotations

import json

import pytest

from pytest_comfygen.engine.client.follow import LoadTime
from pytest_comfygen.engine.client.progress import Hint, Hints, read_hint

CLASSES = {"4": "CheckpointLoaderSimple", "5": "LoraLoader", "3": "KSampler"}


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("status", {"status": {}, "sid": "s"}, Hint("connected", 7)),
        ("status", {"status": {}}, None),
        ("execution_start", {"prompt_id": "x", "timestamp": 1}, Hint("started", 7, "x")),
        ("execution_cached", {"prompt_id": "x", "nodes": []}, Hint("alive", 7, "x")),
        ("executing", {"prompt_id": "x", "node": "3"}, Hint("node", 7, "x", "3")),
        ("executing", {"prompt_id": "x", "node": None}, Hint("done", 7, "x")),
        ("executing", {"node": "3"}, None),
        ("progress", {"prompt_id": "x", "node": "3", "value": 2, "max": 20}, Hint("progress", 7, "x", "3", 2, 20)),
        ("progress", {"prompt_id": "x", "node": "3", "value": 2}, None),
        ("progress_state", {"prompt_id": "x", "nodes": {}}, Hint("alive", 7, "x")),
        ("executed", {"prompt_id": "x", "node": "9", "output": None}, Hint("alive", 7, "x", "9")),
        ("execution_success", {"prompt_id": "x"}, Hint("ending", 7, "x")),
        ("execution_error", {"prompt_id": "x", "node_id": "3"}, Hint("ending", 7, "x")),
        ("execution_interrupted", {"prompt_id": "x"}, Hint("ending", 7, "x")),
        ("crystools.monitor", {"cpu": 3}, None),
        ("executing", None, None),
        ("executing", [], None),
    ],
)
def test_a_message_is_a_hint_or_nothing(kind: str, data: object, expected: Hint | None) -> None:
    assert expected == read_hint(json.dumps({"type": kind, "data": data}), 7)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000])
def test_what_is_no_message_is_nothing(text: str) -> None:
    assert read_hint(text, 7) is None


def hint(kind: str, at: float, node: str = "") -> Hint:
    return Hint(kind, at, "x", node)  # type: ignore[arg-type]  # a table's text


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        ([hint("started", 1), hint("node", 2, "4"), hint("node", 5, "3"), hint("done", 9)], 3),
        ([hint("started", 1), hint("node", 2, "4"), hint("node", 5, "5"), hint("node", 6, "3")], 4),
        ([hint("started", 1), hint("node", 2, "3"), hint("done", 9)], 0),
        ([hint("started", 1), hint("node", 2, "4"), hint("alive", 4), hint("done", 9)], 7),
        ([hint("node", 2, "4"), hint("node", 5, "3")], None),
        ([], None),
    ],
)
def test_load_time_is_from_a_loaders_beginning_to_the_next_nodes(hints: list[Hint], expected: float | None) -> None:
    load = LoadTime()
    for each in hints:
        load.heed(each, CLASSES)
    assert expected == load.total_s


def test_without_a_socket_the_next_hint_is_not_waited_for() -> None:
    hints = Hints("http://127.0.0.1:1", "c", authorization=None, clock=lambda: 0.0)
    assert hints.next(60) is None
    hints.close()

from __future__ import annotations

from typing import Any

import pytest

from pytest_comfygen.engine.client import answers
from pytest_comfygen.engine.client.transport import Answer
from pytest_comfygen.errors import BadResponse, NotComfyUI, ServerFailed
from pytest_comfygen.records import ServerInfo

SYSTEM = {"os": "posix", "comfyui_version": "0.3.64"}


def answer(body: bytes, status: int = 200, content_type: str = "application/json") -> Answer:
    return Answer("http://host", "GET /queue", status, content_type, body)


def test_a_document_is_any_json() -> None:
    assert answers.document(answer(b'{"a": [1, null]}', content_type="text/plain")) == {"a": [1, None]}


@pytest.mark.parametrize(
    ("given", "kind", "told"),
    [
        (answer(b"{"), BadResponse, "http://host answers GET /queue with JSON that is broken or nested too deep"),
        (answer(b"\xff\xfe"), BadResponse, "broken"),
        (answer(b"hello", content_type=""), NotComfyUI, "as ComfyUI does not (no content type): hello"),
        (answer(b"", content_type="text/html"), NotComfyUI, "(text/html): nothing"),
        (answer(b"no", 404), NotComfyUI, "http://host answers GET /queue with 404: no"),
        (answer(b"", 403), ServerFailed, "http://host answers GET /queue with 403: no reason given"),
        (answer(b"gone", 410), ServerFailed, "with 410: gone"),
    ],
)
def test_what_is_no_document_is_told(given: Answer, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind) as caught:
        answers.document(given)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("document", "device", "is_sketch"),
    [
        ({"system": SYSTEM, "devices": [{"name": "cuda:0 RTX", "type": "cuda"}, {"name": "b"}]}, "cuda:0 RTX", False),
        ({"system": SYSTEM, "devices": [{"type": "cpu"}]}, "cpu", False),
        ({"system": SYSTEM, "devices": []}, "", False),
        ({"system": SYSTEM, "devices": [3]}, "", False),
        ({"system": SYSTEM}, "", False),
        ({"system": {**SYSTEM, "comfygen_sketch": True}}, "", True),
        ({"system": {**SYSTEM, "comfygen_sketch": "yes"}}, "", False),
    ],
)
def test_a_server_is_known_by_its_version(document: Any, device: str, *, is_sketch: bool) -> None:
    expected = ServerInfo(url="http://host", version="0.3.64", device=device, sketch=is_sketch)
    assert expected == answers.server_info("http://host", document)


@pytest.mark.parametrize("document", [None, [], {}, {"system": 1}, {"system": {}}, {"system": {"comfyui_version": 3}}])
def test_what_names_no_version_is_not_comfyui(document: object) -> None:
    with pytest.raises(NotComfyUI, match="http://host answers GET /system_stats without naming a ComfyUI version"):
        answers.server_info("http://host", document)


def test_waiting_jobs_are_put_in_the_order_in_which_they_will_run() -> None:
    document = {
        "queue_running": [[0, "r", {}, {}, []]],
        "queue_pending": [
            [3, "c", {}, {}, []],
            [7, "e"],
            [5, "d", {}, {}, [], "newer servers add it"],
            [-1, "front"],
        ],
    }
    assert answers.Queue(("r",), ("front", "c", "d", "e")) == answers.queue(document)


def test_a_queue_knows_what_is_in_it() -> None:
    queue = answers.Queue(("a",), ("b",))
    assert [name in queue for name in "abc"] == [True, True, False]


def test_a_job_that_is_not_over_has_no_history() -> None:
    assert answers.history({}, "x") is None


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "GET /history: the answer is a list, not an object"),
        ({"x": []}, "GET /history: x is a list, not an object"),
        ({"x": {"outputs": {}}}, "GET /history: x.status is nothing, not an object"),
        ({"x": {"status": {}, "outputs": True}}, "GET /history: x.outputs is true or false, not an object"),
    ],
)
def test_a_history_of_another_shape_is_told_with_its_path(document: object, told: str) -> None:
    with pytest.raises(BadResponse) as caught:
        answers.history(document, "x")
    assert f"the server's answer is not as documented: {told}" == str(caught.value)

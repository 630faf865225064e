from __future__ import annotations

from typing import Any

import pytest

from pytest_comfygen.engine.client import outcome
from pytest_comfygen.errors import BadResponse, ComfygenError, ExecutionFailed, Interrupted, OutOfMemory
from pytest_comfygen.records import RemoteImage


def entry(status: str = "success", outputs: Any = None, messages: Any = ()) -> dict[str, Any]:
    return {"status": {"status_str": status, "messages": list(messages)}, "outputs": outputs or {}}


def failed(**data: Any) -> dict[str, Any]:
    return entry("error", messages=[["execution_error", {"node_id": "3", "node_type": "KSampler", **data}]])


def error_of(history: dict[str, Any]) -> ComfygenError:
    with pytest.raises(ComfygenError) as caught:
        outcome.images(history, "x")
    return caught.value


def test_a_file_is_named_by_what_history_says_and_unknown_keys_are_passed_over() -> None:
    file = {"filename": "a.png", "subfolder": "s", "type": "output", "id": 7}
    assert (RemoteImage("9", "a.png", "s", "output"),) == outcome.images(entry(outputs={"9": {"images": [file]}}), "x")


def test_what_a_file_leaves_out_is_what_view_takes_for_granted() -> None:
    expected = (RemoteImage("9", "a.png", "", "output"),)
    assert expected == outcome.images(entry(outputs={"9": {"images": [{"filename": "a.png"}]}}), "x")


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ({"9": []}, "x.outputs.9 is a list, not an object"),
        ({"9": {"images": [{"filename": 3}]}}, "x.outputs.9.images[0].filename is a number, not a text"),
        ({"9": {"images": [{"filename": "a", "type": None}]}}, "x.outputs.9.images[0].type is nothing, not a text"),
    ],
)
def test_outputs_of_another_shape_are_told_with_their_path(outputs: Any, told: str) -> None:
    error = error_of(entry(outputs=outputs))
    assert type(error) is BadResponse
    assert told in str(error)


@pytest.mark.parametrize(
    ("exception_type", "message"),
    [
        ("torch.OutOfMemoryError", "Allocation on device"),
        ("torch.cuda.OutOfMemoryError", ""),
        ("builtins.MemoryError", ""),
        ("builtins.RuntimeError", "DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
        ("builtins.RuntimeError", "CUDA error: out of memory"),
    ],
)
def test_running_out_of_memory_is_told_apart(exception_type: str, message: str) -> None:
    assert type(error_of(failed(exception_type=exception_type, exception_message=message))) is OutOfMemory


@pytest.mark.parametrize(
    ("data", "message", "details"),
    [
        (
            {"exception_type": "a.b.SafetensorError", "exception_message": "header too large\n"},
            "node 3 (KSampler) failed with SafetensorError: header too large",
            (),
        ),
        (
            {"exception_type": "builtins.EOFError", "exception_message": ""},
            "node 3 (KSampler) failed with EOFError",
            (),
        ),
        (
            {"exception_type": "ValueError", "exception_message": "one\ntwo\n" + "more\n" * 20},
            "node 3 (KSampler) failed with ValueError: one",
            ("two", "more", "more", "more", "more"),
        ),
        ({}, "node 3 (KSampler) failed with an exception", ()),
        ({"traceback": 3, "node_id": None}, "node None (KSampler) failed with an exception", ()),
    ],
)
def test_a_failed_node_is_told_in_a_line_and_some_details(
    data: dict[str, Any], message: str, details: tuple[str, ...]
) -> None:
    error = error_of(failed(**data))
    assert (ExecutionFailed, message, details) == (type(error), error.message, error.details)


def test_an_interruption_is_told_apart_from_an_error_though_its_status_is_the_same() -> None:
    messages = [["execution_interrupted", {"node_id": "3", "node_type": "KSampler"}]]
    assert type(error_of(entry("error", messages=messages))) is Interrupted


@pytest.mark.parametrize("status", ["error", "weird"])
def test_an_end_without_a_reason_is_a_bad_response(status: str) -> None:
    error = error_of(entry(status))
    assert type(error) is BadResponse
    assert f"x ends {status!r} for no reason" in str(error)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(1000, 3500, 2.5), (1000, 900, 0.0), (None, 900, None), (1000, "soon", None)],
)
def test_the_time_of_a_run_is_the_servers_own(start: object, end: object, expected: float | None) -> None:
    messages = [["execution_start", {"timestamp": start}], ["execution_success", {"timestamp": end}]]
    assert expected == outcome.run_s(entry(messages=messages), "x")

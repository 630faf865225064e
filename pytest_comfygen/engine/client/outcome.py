"""What a finished job's history entry says: its pictures, its times, or why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_comfygen.engine.client.answers import a_list, a_text, an_object
from pytest_comfygen.errors import BadResponse, ExecutionFailed, Interrupted, NoOutput, OutOfMemory
from pytest_comfygen.records import RemoteImage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_comfygen.errors import ComfygenError
    from pytest_comfygen.records import History

__all__ = ["images", "run_s"]

MESSAGE_LINES = 6
TRACEBACK_FRAMES = 2


def images(entry: History, prompt_id: str) -> tuple[RemoteImage, ...]:
    """The files that the job left: those of type `output`, or else the `temp` ones of previews.

    :raises ExecutionFailed, OutOfMemory, Interrupted, NoOutput: when there are none.
    :raises BadResponse: when the entry is not of the documented shape.
    """
    status = a_text(entry["status"].get("status_str"), f"GET /history: {prompt_id}.status.status_str")
    if status != "success":
        raise _failure(status, _messages(entry, prompt_id), prompt_id)
    files = tuple(_files(entry["outputs"], f"GET /history: {prompt_id}.outputs"))
    for wanted in ("output", "temp"):
        if found := tuple(file for file in files if file.type == wanted):
            return found
    raise NoOutput("ComfyUI reports success and names no picture", hint="does the graph end in a node that saves?")


def _files(outputs: Mapping[str, object], path: str) -> Iterator[RemoteImage]:
    """Each entry with a `filename` in any list of any node: custom nodes name their lists as they like."""
    for node, values in sorted(outputs.items()):
        for key, entries in an_object(values, f"{path}.{node}").items():
            for index, file in enumerate(entries if isinstance(entries, list) else ()):
                if isinstance(file, dict) and "filename" in file:
                    yield _file(node, file, f"{path}.{node}.{key}[{index}]")


def _file(node: str, file: Mapping[str, object], path: str) -> RemoteImage:
    return RemoteImage(
        node=node,
        filename=a_text(file["filename"], f"{path}.filename"),
        subfolder=a_text(file.get("subfolder", ""), f"{path}.subfolder"),
        type=a_text(file.get("type", "output"), f"{path}.type"),
    )


def run_s(entry: History, prompt_id: str) -> float | None:
    """Seconds from the job's first to its last message, by the server's own clock; None when it does not tell."""
    messages = _messages(entry, prompt_id)
    times = [messages.get(kind, {}).get("timestamp") for kind in ("execution_start", "execution_success")]
    start, end = (time if isinstance(time, int | float) else None for time in times)
    return None if start is None or end is None else max(0.0, (end - start) / 1000)


def _messages(entry: History, prompt_id: str) -> dict[str, Mapping[str, Any]]:
    """The job's messages by kind. Source: ComfyUI execution.py, `status_messages`."""
    path = f"GET /history: {prompt_id}.status.messages"
    found = {}
    for index, message in enumerate(a_list(entry["status"].get("messages", []), path)):
        kind, data = (*a_list(message, f"{path}[{index}]"), None, None)[:2]
        found[a_text(kind, f"{path}[{index}][0]")] = an_object(data, f"{path}[{index}][1]")
    return found


def _failure(status: str, messages: Mapping[str, Mapping[str, Any]], prompt_id: str) -> ComfygenError:
    if (data := messages.get("execution_interrupted")) is not None:
        return Interrupted(f"somebody else interrupted the job at {_node(data)}", hint="run it again")
    if (data := messages.get("execution_error")) is not None:
        return _execution_error(data)
    return BadResponse(
        f"the server's answer is not as documented: GET /history: {prompt_id} ends {status!r} for no reason"
    )


def _execution_error(data: Mapping[str, Any]) -> ExecutionFailed:
    """Node, exception and the end of the traceback; never `current_inputs`, which may hold other people's secrets."""
    exception = str(data.get("exception_type") or "an exception")
    first, *rest = str(data.get("exception_message") or "").strip().splitlines()[:MESSAGE_LINES] or [""]
    head = f"{_node(data)} failed with {exception.rpartition('.')[2]}{': ' if first else ''}{first}"
    kind = OutOfMemory if _is_out_of_memory(exception, first) else ExecutionFailed
    return kind(head, details=(*rest, *_frames(data.get("traceback"))))


def _frames(traceback: object) -> list[str]:
    lines = traceback if isinstance(traceback, list) else []
    return [line for frame in lines[-TRACEBACK_FRAMES:] for line in str(frame).rstrip().splitlines()]


def _is_out_of_memory(exception: str, message: str) -> bool:
    """Whether memory ran out. Source: torch's OutOfMemoryError and the text of its CPU allocator."""
    words = ("out of memory", "not enough memory", "can't allocate memory", "allocation on device")
    return exception.endswith(("OutOfMemoryError", "MemoryError")) or any(w in message.lower() for w in words)


def _node(data: Mapping[str, Any]) -> str:
    return f"node {data.get('node_id', '?')} ({data.get('node_type', '?')})"

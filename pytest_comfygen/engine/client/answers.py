"""ComfyUI's answers, read with suspicion: JSON in, records out, and the path to what is not as documented."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from pytest_comfygen.engine.client.transport import GIVE_ADDRESS, first_line
from pytest_comfygen.errors import BadResponse, NotComfyUI, ServerFailed
from pytest_comfygen.records import ServerInfo

if TYPE_CHECKING:
    from pytest_comfygen.engine.client.transport import Answer
    from pytest_comfygen.errors import ComfygenError
    from pytest_comfygen.records import History, ObjectInfo

__all__ = ["Queue", "document", "history", "object_info", "queue", "refusal", "server_info"]

REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)


@dataclass(frozen=True, slots=True)
class Queue:
    """The ids of the jobs in a server's queue.

    :param pending: in the order in which they will run.
    """

    running: tuple[str, ...]
    pending: tuple[str, ...]

    def __contains__(self, prompt_id: object) -> bool:
        return prompt_id in self.running or prompt_id in self.pending


def document(answer: Answer) -> object:
    """The JSON of an answer with status 200.

    :raises BadResponse: for JSON that is broken.
    :raises NotComfyUI, ServerFailed: for everything else.
    """
    if answer.status != HTTPStatus.OK:
        raise refusal(answer)
    try:
        return cast("object", json.loads(answer.body))
    except (ValueError, RecursionError):
        raise _no_json(answer) from None


def _no_json(answer: Answer) -> ComfygenError:
    if "json" in answer.content_type:
        return BadResponse(f"{answer.url} answers {answer.route} with JSON that is broken or nested too deep")
    kind = answer.content_type or "no content type"
    said = first_line(answer.body) or "nothing"
    return NotComfyUI(f"{answer.url} answers {answer.route} as ComfyUI does not ({kind}): {said}", hint=GIVE_ADDRESS)


def refusal(answer: Answer) -> ComfygenError:
    """What a status other than 200 means on a route that ComfyUI has."""
    said = first_line(answer.body) or "no reason given"
    message = f"{answer.url} answers {answer.route} with {answer.status}: {said}"
    if answer.status == HTTPStatus.NOT_FOUND:
        return NotComfyUI(message, hint=GIVE_ADDRESS)
    hint = "give the header that it wants by COMFYGEN_AUTH" if answer.status in REFUSED else None
    return ServerFailed(message, hint=hint)


def server_info(url: str, answer: object) -> ServerInfo:
    """GET /system_stats. Only ComfyUI states a `comfyui_version` there.

    :raises NotComfyUI: when it does not.
    """
    system = answer.get("system") if isinstance(answer, dict) else None
    version = system.get("comfyui_version") if isinstance(system, dict) else None
    if not isinstance(answer, dict) or not isinstance(system, dict) or not isinstance(version, str):
        raise NotComfyUI(f"{url} answers GET /system_stats without naming a ComfyUI version", hint=GIVE_ADDRESS)
    return ServerInfo(
        url=url, version=version, device=_device(answer.get("devices")), sketch=system.get("comfygen_sketch") is True
    )


def _device(devices: object) -> str:
    """The first device's name, which is for people only: a shape of its own is no reason to fail."""
    first = devices[0] if isinstance(devices, list) and devices else None
    return str(first.get("name") or first.get("type") or "") if isinstance(first, dict) else ""


def object_info(answer: object) -> ObjectInfo:
    """GET /object_info: node class to its description."""
    path = "GET /object_info: "
    return {name: an_object(node, f"{path}{name}") for name, node in an_object(answer, path + "the answer").items()}


def queue(answer: object) -> Queue:
    """GET /queue. The server lists the waiting jobs as its heap holds them, so they are put in order here."""
    path = "GET /queue: "
    whole = an_object(answer, path + "the answer")
    running = _queued(whole.get("queue_running"), path + "queue_running")
    pending = _queued(whole.get("queue_pending"), path + "queue_pending")
    return Queue(tuple(name for _, name in running), tuple(name for _, name in sorted(pending)))


def _queued(items: object, path: str) -> list[tuple[float, str]]:
    """(number, prompt id) of each job. An item may have more parts than these; newer servers add some."""
    found = []
    for index, item in enumerate(a_list(items, path)):
        parts = a_list(item, f"{path}[{index}]")
        number, prompt_id = (*parts, None, None)[:2]
        if not isinstance(number, int | float):
            raise _unlike(number, f"{path}[{index}][0]", "a number")
        found.append((number, a_text(prompt_id, f"{path}[{index}][1]")))
    return found


def history(answer: object, prompt_id: str) -> History | None:
    """GET /history/{id}: the finished job, or None while it is unknown, waiting or running."""
    path = "GET /history: "
    entry = an_object(answer, path + "the answer").get(prompt_id)
    if entry is None:
        return None
    path += prompt_id
    an_object(an_object(entry, path).get("status"), f"{path}.status")
    an_object(an_object(entry, path).get("outputs"), f"{path}.outputs")
    return an_object(entry, path)


# --- shapes: the value, or the path to what stands there instead ------------------------------------------------------


def an_object(value: object, path: str) -> Mapping[str, Any]:
    """`value`, if it is a JSON object."""
    if not isinstance(value, dict):
        raise _unlike(value, path, "an object")
    return value


def a_list(value: object, path: str) -> list[object]:
    """`value`, if it is a JSON array."""
    if not isinstance(value, list):
        raise _unlike(value, path, "a list")
    return value


def a_text(value: object, path: str) -> str:
    """`value`, if it is a JSON string."""
    if not isinstance(value, str):
        raise _unlike(value, path, "a text")
    return value


_JSON_NAMES = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}


def _unlike(value: object, path: str, wanted: str) -> BadResponse:
    found = _JSON_NAMES.get(type(value), "a number")
    return BadResponse(f"the server's answer is not as documented: {path} is {found}, not {wanted}")

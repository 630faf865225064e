"""Why ComfyUI refuses a graph, in words: node, class, input, the value it got and what it would take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pytest_comfygen.errors import GraphRejected, ModelMissing, NodeMissing, ValueRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_comfygen.errors import JobError
    from pytest_comfygen.records import ObjectInfo

__all__ = ["needs_choices", "partial", "rejection"]

MOST_LINES = 10
MOST_CHOICES = 8
LONGEST_VALUE = 80
WEIGHTS = (".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl", ".gguf")
_NO_FILE = re.compile(r"Invalid \w+ file: ")
VALUE_TYPES = ("value_not_in_list", "value_smaller_than_min", "value_bigger_than_max", "invalid_input_type")


@dataclass(frozen=True, slots=True)
class _Complaint:
    """One error of one node. Source: ComfyUI execution.py, `validate_inputs`."""

    node: str
    class_type: str
    type: str
    message: str
    details: str
    input: str
    config: object
    received: object

    @property
    def is_about_model(self) -> bool:
        """Whether a weights file is what is missing: by its suffix, or because a loader asks for a name."""
        by_suffix = isinstance(self.received, str) and self.received.lower().endswith(WEIGHTS)
        by_loader = "Loader" in self.class_type and self.input.endswith("_name")
        return self.type == "value_not_in_list" and (by_suffix or by_loader)

    @property
    def is_about_upload(self) -> bool:
        """Whether a picture, sound or video is what is missing. Source: ComfyUI nodes.py, LoadImage."""
        return self.type == "custom_validation_failed" and _NO_FILE.search(self.details) is not None


def rejection(answer: object, choices: ObjectInfo | None = None) -> JobError:
    """The error for the document of a 400 answer to POST /prompt.

    :param choices: /object_info, for lists that are too long for the server to repeat; see `needs_choices`.
    """
    complaints = _complaints(answer)
    if not complaints:
        return _whole_graph(_mapping(_mapping(answer).get("error")))
    kind = _kind(complaints)
    hint = _hint(kind, complaints)
    first, *others = _lines(complaints, choices or {})
    return kind(first, hint=hint, details=tuple(others))


def partial(answer: object) -> JobError | None:
    """The error for an accepted graph of which the server would leave out a part; None when it takes it whole."""
    complaints = _complaints(answer)
    if not complaints:
        return None
    first, *others = _lines(complaints, {})
    return GraphRejected(f"ComfyUI would run only a part of the graph: {first}", details=tuple(others))


def needs_choices(answer: object) -> bool:
    """Whether a value is not among many, which the server then does not list (more than 20 in 0.3.64)."""
    return any(c.type == "value_not_in_list" and not _options(c.config) for c in _complaints(answer))


def _kind(complaints: list[_Complaint]) -> type[JobError]:
    """The class that fits all complaints: a fault in the graph's making outweighs a value."""
    if any(complaint.type not in VALUE_TYPES for complaint in complaints):
        return GraphRejected
    return ModelMissing if any(complaint.is_about_model for complaint in complaints) else ValueRefused


def _hint(kind: type[JobError], complaints: list[_Complaint]) -> str | None:
    if kind is ModelMissing:
        return "add the file to the server's models, or name another one"
    absent = next((one for one in complaints if one.is_about_upload), None)
    if absent is None:
        return None
    return f"give it a file of the repository: `set: {{{absent.class_type}.{absent.input}: {{file: PATH}}}}`"


def _whole_graph(error: Mapping[str, Any]) -> JobError:
    """A refusal that names no node, or only in its text: `invalid_prompt`, `missing_node_type`, `prompt_no_outputs`."""
    message, details = str(error.get("message") or ""), str(error.get("details") or "")
    extra = _mapping(error.get("extra_info"))
    told = re.search(r"node (.+) does not exist", message)
    class_type = extra.get("class_type") or (told and told[1])
    if error.get("type") == "missing_node_type" or told:
        node = str(extra.get("node_id") or details.partition("#")[2].strip("' ") or "?")
        hint = "install the custom node that brings it, update ComfyUI, or correct the workflow"
        return NodeMissing(f"node {node}: the server has no node class {class_type or message!r}", hint=hint)
    words = ": ".join(filter(None, (message, details.strip()))) or str(error.get("type") or "no reason given")
    return GraphRejected(f"ComfyUI refuses the graph: {_short(words, 400)}")


# --- one line a complaint ---------------------------------------------------------------------------------------------


def _lines(complaints: list[_Complaint], choices: ObjectInfo) -> list[str]:
    lines = [_line(complaint, choices) for complaint in complaints[:MOST_LINES]]
    left = len(complaints) - len(lines)
    return [*lines, f"and {left} more"] if left else lines


def _line(complaint: _Complaint, choices: ObjectInfo) -> str:
    place = f"node {complaint.node} ({complaint.class_type})"
    name = f" {complaint.input}" if complaint.input else ""
    return f"{place}{name}: {_verdict(complaint, choices)}"


def _verdict(complaint: _Complaint, choices: ObjectInfo) -> str:
    """What is wrong with one input, and what would be right."""
    value = _short(repr(complaint.received))
    match complaint.type:
        case "value_not_in_list":
            options = _options(complaint.config) or _listed(choices, complaint.class_type, complaint.input)
            return f"{value} is not in the server's list{_offer(str(complaint.received), options)}"
        case "value_smaller_than_min":
            return f"{value} is less than {_limit(complaint.config, 'min')}"
        case "value_bigger_than_max":
            return f"{value} is more than {_limit(complaint.config, 'max')}"
        case "invalid_input_type":
            return f"{value} is not of type {_type_name(complaint.config)}"
        case "required_input_missing":
            return "the input is missing"
        case _:
            return _short(": ".join(filter(None, (complaint.message, complaint.details))) or complaint.type, 300)


def _offer(value: str, options: list[str]) -> str:
    """Near matches first; the whole list when it is short."""
    if not options:
        return ", which is empty or not told"
    near = get_close_matches(value, options, n=3, cutoff=0.6)
    meant = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    shown = ", ".join(_short(repr(option)) for option in options[:MOST_CHOICES])
    more = f" and {len(options) - MOST_CHOICES} more" if len(options) > MOST_CHOICES else ""
    return f"{meant} It has {shown}{more}" if meant else f": it has {shown}{more}"


def _options(config: object) -> list[str]:
    """The choices of a combo input, in both forms: `[["a", "b"], {}]` and `["COMBO", {"options": ["a", "b"]}]`."""
    first, second = (*config, None, None)[:2] if isinstance(config, list) else (None, None)
    options = first if isinstance(first, list) else _mapping(second).get("options")
    return [str(option) for option in options] if isinstance(options, list) else []


def _listed(choices: ObjectInfo, class_type: str, name: str) -> list[str]:
    inputs = _mapping(_mapping(choices.get(class_type)).get("input"))
    return next(filter(None, (_options(_mapping(inputs.get(g)).get(name)) for g in ("required", "optional"))), [])


def _limit(config: object, key: str) -> object:
    """The `min` or `max` of a number's configuration."""
    second = config[1] if isinstance(config, list) and len(config) > 1 else None
    return _mapping(second).get(key, "allowed")


def _type_name(config: object) -> str:
    first = config[0] if isinstance(config, list) and config else config
    return first if isinstance(first, str) else "another kind"


def _short(text: str, limit: int = LONGEST_VALUE) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


# --- the server's document --------------------------------------------------------------------------------------------


def _complaints(answer: object) -> list[_Complaint]:
    """All errors of all nodes. What has another shape is passed over: it is an explanation that is being read."""
    return list(_read(_mapping(_mapping(answer).get("node_errors"))))


def _read(node_errors: Mapping[str, Any]) -> Iterator[_Complaint]:
    for node, faults in node_errors.items():
        errors = _mapping(faults).get("errors")
        for error in map(_mapping, errors if isinstance(errors, list) else ()):
            extra = _mapping(error.get("extra_info"))
            yield _Complaint(
                node=node,
                class_type=str(_mapping(faults).get("class_type") or "?"),
                type=str(error.get("type") or ""),
                message=str(error.get("message") or ""),
                details=str(error.get("details") or ""),
                input=str(extra.get("input_name") or ""),
                config=extra.get("input_config"),
                received=extra.get("received_value"),
            )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

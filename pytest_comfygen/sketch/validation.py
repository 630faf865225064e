"""Which prompts are refused, and how ComfyUI says so.

Types, messages and details are a part of the protocol, so they are ComfyUI's to the letter.
Source: ComfyUI 0.3.64 execution.py, and its answers.
"""

from __future__ import annotations

import copy
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pytest_comfygen.sketch.catalogue import Catalogue
    from pytest_comfygen.sketch.node_class import Input, NodeClass

Graph: TypeAlias = "dict[str, dict[str, Any]]"
Problem: TypeAlias = "dict[str, Any]"

_SHOWN_CHOICES = 20
_CONVERSIONS: Mapping[str, Callable[[Any], object]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out for one prompt.

    :param error: why nothing of it can run; None when something can.
    :param graph: the prompt with its values converted to their inputs' types.
    :param outputs: ids of the output nodes that can run.
    :param node_errors: what is wrong with single nodes, also when other outputs can run.
    """

    error: Problem | None
    graph: Graph = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    node_errors: dict[str, Problem] = field(default_factory=dict)


def validate(prompt: Graph, catalogue: Catalogue, targets: Collection[str] | None = None) -> Verdict:
    """Judge a prompt.

    :param targets: the only outputs wanted; None for all.
    :raises Exception: the prompt is not even shaped like one; ComfyUI answers that with status 500.
    """
    nodes = {node_id: prompt[node_id] for node_id in prompt}  # an empty list is an empty prompt, too
    for node_id, node in nodes.items():
        if (refusal := _unknown_class(node_id, node, catalogue)) is not None:
            return Verdict(refusal)
    wanted = [
        node_id
        for node_id, node in nodes.items()
        if catalogue[node["class_type"]].output_node and (targets is None or node_id in targets)
    ]
    if not wanted:
        return Verdict(_problem("prompt_no_outputs", "Prompt has no outputs", ""))
    return _Judge(copy.deepcopy(nodes), catalogue).judge(wanted)


def _unknown_class(node_id: str, node: Mapping[str, Any], catalogue: Catalogue) -> Problem | None:
    if "class_type" not in node:
        message = "Cannot execute because a node is missing the class_type property."
    elif node["class_type"] not in catalogue:
        message = f"Cannot execute because node {node['class_type']} does not exist."
    else:
        return None
    return _problem("invalid_prompt", message, f"Node ID '#{node_id}'")


def _problem(kind: str, message: str, details: str, **extra_info: object) -> Problem:
    return {"type": kind, "message": message, "details": details, "extra_info": extra_info}


class _Judge:
    """Judges the nodes of one graph, each of them once.

    :param graph: its own copy, whose values are converted in place.
    """

    def __init__(self, graph: Graph, catalogue: Catalogue) -> None:
        self._graph = graph
        self._catalogue = catalogue
        self._problems: dict[str, list[Problem]] = {}
        self._valid: dict[str, bool] = {}

    def judge(self, outputs: list[str]) -> Verdict:
        good: list[str] = []
        details: list[str] = []
        node_errors: dict[str, Problem] = {}
        for output in outputs:
            if self._judge_output(output):
                good.append(output)
                continue
            details += [f"{problem['message']}: {problem['details']}" for problem in self._problems[output]]
            self._collect(node_errors, output)
        error = None
        if not good:
            message = "Prompt outputs failed validation"
            error = _problem("prompt_outputs_failed_validation", message, "\n".join(details))
        return Verdict(error, self._graph, good, node_errors)

    def _judge_output(self, output: str) -> bool:
        try:
            return self._judge_node(output)
        except Exception as error:  # noqa: BLE001  # a malformed node is an answer here, of whatever class
            extra = {"exception_type": type_name(error), "traceback": traceback.format_tb(error.__traceback__)}
            message = "Exception when validating node"
            self._settle(output, [_problem("exception_during_validation", message, str(error), **extra)])
            return False

    def _collect(self, node_errors: dict[str, Problem], output: str) -> None:
        """Add all faulty nodes known by now; ComfyUI counts those of earlier outputs to a later one, too."""
        for node_id, problems in self._problems.items():
            if not self._valid[node_id] and problems:
                class_type = self._graph[node_id]["class_type"]
                entry = {"errors": problems, "dependent_outputs": [], "class_type": class_type}
                node_errors.setdefault(node_id, entry)["dependent_outputs"].append(output)

    def _settle(self, node_id: str, problems: list[Problem], *, valid: bool = False) -> None:
        self._problems[node_id] = problems
        self._valid[node_id] = valid

    def _judge_node(self, node_id: str) -> bool:
        """Whether the node and all that it depends on can run."""
        if node_id in self._valid:
            return self._valid[node_id]
        given = self._graph[node_id]["inputs"]
        problems: list[Problem] = []
        sources_valid = True
        node_class = self._catalogue[self._graph[node_id]["class_type"]]
        for name, spec in node_class.known.items():
            if name not in given and name in node_class.optional:
                continue
            if name not in given:
                problems.append(_problem("required_input_missing", "Required input is missing", name, input_name=name))
            elif isinstance(given[name], list):
                problem = self._link_problem(name, spec, given[name])
                if problem is not None:
                    problems.append(problem)
                else:
                    sources_valid &= self._judge_source(name, spec, given[name])
            else:
                problems += self._convert(name, spec, given, checked=name in node_class.checks)
        problems += _own_checks(node_class, given)
        self._settle(node_id, problems, valid=sources_valid and not problems)
        return self._valid[node_id]

    def _link_problem(self, name: str, spec: Input, link: list[Any]) -> Problem | None:
        about: dict[str, object] = {"input_name": name, "input_config": _config(spec)}
        if len(link) != 2:  # noqa: PLR2004  # a link is a node id and a slot
            message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            return _problem("bad_linked_input", message, name, **about, received_value=link)
        received = self._catalogue[self._graph[link[0]]["class_type"]].outputs[link[1]]
        if received == spec[0]:
            return None
        message = "Return type mismatch between linked nodes"
        details = f"{name}, received_type({received}) mismatch input_type({spec[0]})"
        return _problem("return_type_mismatch", message, details, **about, received_type=received, linked_node=link)

    def _judge_source(self, name: str, spec: Input, link: list[Any]) -> bool:
        try:
            return self._judge_node(link[0])
        except Exception as error:  # noqa: BLE001  # as in _judge_output
            extra = {
                "input_name": name,
                "input_config": _config(spec),
                "exception_message": str(error),
                "exception_type": type_name(error),
                "traceback": traceback.format_tb(error.__traceback__),
                "linked_node": link,
            }
            message = "Exception when validating inner node"
            self._settle(link[0], [_problem("exception_during_inner_validation", message, str(error), **extra)])
            return False

    def _convert(self, name: str, spec: Input, given: dict[str, Any], *, checked: bool) -> list[Problem]:
        """Convert a literal to its input's type, and say what is wrong with it.

        :param checked: the node looks at the value itself.
        """
        value = given[name]
        if isinstance(value, dict) and "__value__" in value:  # how a list is told from a link
            value = value["__value__"]
        try:
            value = _converted(str(spec[0]), value)
        except Exception as error:  # noqa: BLE001  # as in _judge_output
            about = {"input_name": name, "input_config": _config(spec), "received_value": value}
            message = f"Failed to convert an input value to a {spec[0]} value"
            details = f"{name}, {value}, {error}"
            return [_problem("invalid_input_type", message, details, **about, exception_message=str(error))]
        given[name] = value
        problem = None if checked else _value_problem(name, spec, value)
        return [problem] if problem else []


def _own_checks(node_class: NodeClass, given: Mapping[str, Any]) -> list[Problem]:
    """What a node finds wrong with values that it looks at itself; links it cannot look at."""
    message = "Custom validation failed for node"
    return [
        _problem("custom_validation_failed", message, f"{name} - {wrong}", input_name=name)
        for name, check in node_class.checks.items()
        if name in given and not isinstance(given[name], list) and (wrong := check(given[name]))
    ]


def _value_problem(name: str, spec: Input, value: Any) -> Problem | None:  # noqa: ANN401  # any JSON value
    choices, limits = _config(spec)
    about: dict[str, object] = {"input_name": name, "input_config": (choices, limits), "received_value": value}
    if "min" in limits and value < limits["min"]:
        message = f"Value {value} smaller than min of {limits['min']}"
        return _problem("value_smaller_than_min", message, name, **about)
    if "max" in limits and value > limits["max"]:
        message = f"Value {value} bigger than max of {limits['max']}"
        return _problem("value_bigger_than_max", message, name, **about)
    if not isinstance(choices, list) or value in choices:
        return None
    shown = str(choices)
    if len(choices) > _SHOWN_CHOICES:
        about["input_config"] = None
        shown = f"(list of length {len(choices)})"
    return _problem("value_not_in_list", "Value not in list", f"{name}: '{value}' not in {shown}", **about)


def _config(spec: Input) -> tuple[str | list[str], Mapping[str, Any]]:
    return spec[0], spec[1] if len(spec) > 1 else {}


def type_name(error: BaseException) -> str:
    """The error's class as ComfyUI writes it: with its module, unless it is a built-in."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _converted(kind: str, value: Any) -> object:  # noqa: ANN401  # any JSON value
    """A literal as its input's type; types that are not literals leave it alone."""
    return _CONVERSIONS[kind](value) if kind in _CONVERSIONS else value

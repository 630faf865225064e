"""Workflow files in ComfyUI's API format, and the addresses of `set:` in them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any

from pytest_comfygen.errors import JobFileError, SecretFound, SetTarget, WorkflowInvalid, WorkflowMissing
from pytest_comfygen.language.load import Row, Table, Value, read_document
from pytest_comfygen.language.template import fill, sole_name
from pytest_comfygen.records import Graph, Scalar, SetValue, WorkflowRecipe, relative

__all__ = [
    "Workflow",
    "address",
    "canonical_sha256",
    "essence_sha256",
    "input_values",
    "read_workflow",
    "set_values",
    "values_of",
]

MAX_CANDIDATES = 12

_NUMBERED = re.compile(r"(?P<kind>.+)#(?P<number>[1-9][0-9]{0,5})")
_EXPORT = "in ComfyUI's menu choose File, then Export (API), and use that file"


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow file's content."""

    file: Path
    graph: Graph


def read_workflow(path: Path, root: Path) -> Workflow:
    """The workflow in a file.

    :param path: absolute, inside `root`.
    :raises JobFileError: workflow-missing, workflow-invalid, secret; only the last has a place, in the workflow file.
    """
    shown = relative(path, root)
    if path.suffix != ".json":
        raise WorkflowInvalid(f"{shown} is no .json file", hint=_EXPORT)
    if not path.exists():
        raise WorkflowMissing(f"the workflow file {shown} does not exist", hint=_sibling_hint(path))
    try:
        nodes = read_document(path, shown).root
    except SecretFound:
        raise
    except JobFileError as error:
        raise WorkflowInvalid(f"{shown} cannot be read as a workflow: {error}", hint=error.hint) from None
    graph = _graph(nodes, shown)
    return Workflow(path, graph)


def essence_sha256(graph: Graph, addressed: Collection[tuple[str, str]]) -> str:
    """Of what a workflow file contributes to a picture: without titles, and without the inputs that `set:` replaces.

    So an editor that draws a new seed at each export makes no image stale.
    """
    bare = {
        node: {
            "class_type": spec["class_type"],
            "inputs": {name: value for name, value in spec["inputs"].items() if _counts(node, name, addressed)},
        }
        for node, spec in graph.items()
    }
    return canonical_sha256(bare)


def _counts(node: str, name: str, addressed: Collection[tuple[str, str]]) -> bool:
    return name != "filename_prefix" and (node, name) not in addressed


def canonical_sha256(graph: Graph) -> str:
    """The sha256 of a graph's canonical JSON: sorted keys, no white space, so the file's layout does not matter."""
    canonical = json.dumps(graph, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()


def address(graph: Graph, target: str) -> tuple[str, str]:
    """The node id and input that a key of `set:` names, such as `KSampler.seed` or `CLIPTextEncode#2.text`.

    The key is split at the last dot that leaves a node on the left, since inputs may have dots in their names.

    :raises JobFileError: set-target.
    """
    name, nodes = _split(graph, target)
    if len(nodes) != 1:
        choices = [f"`{_unique_name(graph, node)}`" for node in nodes[:MAX_CANDIDATES]]
        raise SetTarget(f"{len(nodes)} nodes are called {name!r}", hint=f"write one of {', '.join(choices)}")
    node, wanted = nodes[0], target[len(name) + 1 :]
    inputs = graph[node]["inputs"]
    if wanted not in inputs:
        near = get_close_matches(wanted, inputs, n=1)
        hint = f"did you mean `{name}.{near[0]}`?" if near else f"its inputs: {', '.join(inputs) or 'none'}"
        raise SetTarget(f"node {node} ({graph[node]['class_type']}) has no input {wanted[:60]!r}", hint=hint)
    if wanted == "filename_prefix":
        hint = "remove it: `output:` says where the image goes"
        raise SetTarget("the file name on the server is not the job's to choose", hint=hint)
    return node, wanted


def set_values(recipe: WorkflowRecipe, seed: int) -> dict[str, Scalar]:
    """Each entry of `set:` with its final value, in the file's order.

    A value that is one `${name}` and nothing else keeps the type of what it names.
    """
    return values_of(recipe.sets, recipe.variables, seed)


def values_of(sets: Iterable[SetValue], variables: Mapping[str, Scalar], seed: int) -> dict[str, Scalar]:
    """As `set_values`, for a recipe that is in the making."""
    known = {**variables, "seed": seed}
    return {entry.target: _filled(entry.value, known) for entry in sets}


def input_values(graph: Graph, replaced: Collection[tuple[str, str]]) -> Iterator[object]:
    """Every value that stands in the inputs of a workflow file, also inside of lists and mappings.

    :param replaced: the inputs that `set:` gives other values, by node and name.
    """
    for node, body in graph.items():
        for name, value in body["inputs"].items():
            if (node, name) not in replaced:
                yield from _leaves(value)


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, (Mapping, list)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(part)
    else:
        yield value


def _filled(value: Scalar, variables: Mapping[str, Scalar]) -> Scalar:
    if not isinstance(value, str):
        return value
    name = sole_name(value)
    return variables[name] if name is not None and name in variables else fill(value, variables)


def _graph(nodes: Value, shown: str) -> Graph:
    if not isinstance(nodes, Table) or not nodes:
        raise WorkflowInvalid(f"{shown} holds no nodes", hint=_EXPORT)
    if isinstance(nodes.get("nodes"), Row):
        raise WorkflowInvalid(f"{shown} is a workflow as ComfyUI's page saves it, not in API format", hint=_EXPORT)
    for node, body in nodes.items():
        if wrong := _wrong_node(body):
            raise WorkflowInvalid(f"{shown}: {node[:60]!r} {wrong}", hint=_EXPORT)
    graph: dict[str, Any] = dict(nodes)
    return graph


def _wrong_node(body: Value) -> str | None:
    if not isinstance(body, Table):
        return "is no node"
    if not isinstance(body.get("class_type"), str):
        return "is a node without `class_type`"
    return None if isinstance(body.get("inputs"), Table) else "is a node without `inputs`"


def _sibling_hint(path: Path) -> str:
    siblings = sorted(sibling.name for sibling in path.parent.glob("*.json")) if path.parent.is_dir() else []
    near = get_close_matches(path.name, siblings, n=1)
    return f"did you mean {near[0]}?" if near else "the path is relative to the job file"


def _split(graph: Graph, target: str) -> tuple[str, list[str]]:
    """The node's name in `target` and the ids of the nodes that have it."""
    name, dot, _ = target.rpartition(".")
    while dot:
        if nodes := _nodes_called(graph, name):
            return name, nodes
        name, dot, _ = name.rpartition(".")
    if "." not in target:
        raise SetTarget(f"{target[:60]!r} names no input", hint="write `node.input`, such as `KSampler.seed`")
    raise SetTarget(f"no node of the workflow fits {target[:60]!r}", hint=_candidates(graph, target))


def _nodes_called(graph: Graph, name: str) -> list[str]:
    """By id, else by class and number, else by class or title."""
    if name in graph:
        return [name]
    numbered = _NUMBERED.fullmatch(name)
    if numbered and (nodes := _of_class(graph, numbered["kind"])):
        return nodes[int(numbered["number"]) - 1 :][:1]
    return sorted((node for node in graph if name in {graph[node]["class_type"], _title(graph, node)}), key=_order)


def _of_class(graph: Graph, kind: str) -> list[str]:
    return sorted((node for node in graph if graph[node]["class_type"] == kind), key=_order)


def _order(node: str) -> list[tuple[int, int, str]]:
    """By number; the parts of a subgraph's ids, such as `12:3`, one after the other."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in node.split(":")]


def _title(graph: Graph, node: str) -> str | None:
    meta = graph[node].get("_meta")
    title = meta.get("title") if isinstance(meta, Mapping) else None
    return title if isinstance(title, str) else None


def _unique_name(graph: Graph, node: str) -> str:
    kind = graph[node]["class_type"]
    same = _of_class(graph, kind)
    return str(kind) if len(same) == 1 else f"{kind}#{same.index(node) + 1}"


def _candidates(graph: Graph, target: str) -> str:
    """The nodes that may be meant, near matches first."""
    classes: dict[str, list[str]] = defaultdict(list)
    for node in sorted(graph, key=_order):
        classes[graph[node]["class_type"]].append(node)
    names = [
        kind if len(nodes) == 1 else f"{kind}#{number}"
        for kind, nodes in classes.items()
        for number in range(1, len(nodes) + 1)
    ]
    titles = {title for node in graph if (title := _title(graph, node)) and title not in classes}
    name, _, wanted = target.rpartition(".")
    near = get_close_matches(name, [*names, *classes, *sorted(titles), *graph], n=1)
    if near:
        return f"did you mean `{near[0]}.{wanted}`?"
    more = f" and {len(names) - MAX_CANDIDATES} more" if len(names) > MAX_CANDIDATES else ""
    return f"its nodes: {', '.join(names[:MAX_CANDIDATES])}{more}"

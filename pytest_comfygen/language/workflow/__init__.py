"""Workflow files, and the addresses of `set:` in them.

A workflow comes in API format, which is what ComfyUI runs, or as ComfyUI's page saves it. The second becomes the first
only when a server is known, because its file does not say which input a value is for: until then `set:` addresses its
nodes, and after that their inputs.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any

from pytest_comfygen.errors import JobFileError, OutputNode, SecretFound, SetTarget, WorkflowInvalid, WorkflowMissing
from pytest_comfygen.language.load import Table, Value, checked, parse, read_document
from pytest_comfygen.language.naming import sibling_hint
from pytest_comfygen.language.template import fill, sole_name
from pytest_comfygen.language.workflow.page import is_page
from pytest_comfygen.records import Graph, InputImage, Job, ObjectInfo, Scalar, SetValue, WorkflowRecipe, relative

__all__ = [
    "Workflow",
    "address",
    "canonical_sha256",
    "essence_sha256",
    "for_server",
    "input_values",
    "node_named",
    "read_workflow",
    "set_values",
    "to_api_graph",
    "unique_name",
    "values_of",
]

MAX_CANDIDATES = 12

_SUFFIXES = frozenset({".json", ".png", ".webp"})

_NUMBERED = re.compile(r"(?P<kind>.+)#(?P<number>[1-9][0-9]{0,5})")
_EXPORT = "in ComfyUI's menu choose File, then Save or Export (API), and use that file"


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow file's content.

    :param graph: in API format; of a workflow as the page saves it, its nodes without their inputs.
    :param page: the workflow as the page saves it, when it is one.
    """

    file: Path
    graph: Graph
    page: Mapping[str, Any] | None = None


def read_workflow(path: Path, root: Path) -> Workflow:
    """The workflow in a file.

    :param path: absolute, inside `root`.
    :raises JobFileError: workflow-missing, workflow-invalid, secret; only the last has a place, in the workflow file.
    """
    shown = relative(path, root)
    if path.suffix not in _SUFFIXES:
        raise WorkflowInvalid(f"{shown} is no .json, .png or .webp file", hint=_EXPORT)
    if not path.exists():
        raise WorkflowMissing(f"the workflow file {shown} does not exist", hint=sibling_hint(path, "the job file"))
    try:
        nodes = _document(path, shown)
    except (SecretFound, WorkflowInvalid):
        raise
    except JobFileError as error:
        raise WorkflowInvalid(f"{shown} cannot be read as a workflow: {error}", hint=error.hint) from None
    if isinstance(nodes, Table) and is_page(nodes):
        from pytest_comfygen.language.workflow.page.outline import outline  # noqa: PLC0415  # few job files need it

        try:
            graph = outline(nodes)
        except WorkflowInvalid as error:
            raise WorkflowInvalid(f"{shown}: {error.message}", hint=_EXPORT) from None
        if not graph:
            raise WorkflowInvalid(f"{shown} holds no nodes that ComfyUI would run", hint=_EXPORT)
        return Workflow(path, graph, nodes)
    return Workflow(path, _graph(nodes, shown))


def to_api_graph(workflow: Mapping[str, Any], object_info: ObjectInfo) -> Graph:
    """The graph that ComfyUI runs for a workflow, new and free to change.

    What the page would choose at random, a word of `{a|b}` in a prompt, is the first choice here.

    :param workflow: as the page saves it; one in API format is given back as it is.
    :param object_info: the server's answer to `/object_info`.
    :raises WorkflowInvalid: the page could not load it either.
    """
    if is_page(workflow):
        from pytest_comfygen.language.workflow.page.convert import convert  # noqa: PLC0415  # few job files need it

        return convert(workflow, object_info)
    return {node: {**body, "inputs": dict(body["inputs"])} for node, body in workflow.items()}


def for_server(job: Job, object_info: ObjectInfo) -> Job:
    """The job with its workflow as the graph that this server runs; a job that has one already stays as it is.

    :raises JobFileError: workflow-invalid, set-target (a node or input is not in the graph), at the key's place.
    """
    recipe = job.recipe
    if not isinstance(recipe, WorkflowRecipe) or recipe.page is None:
        return job
    try:
        graph = to_api_graph(recipe.page, object_info)
    except WorkflowInvalid as error:
        raise error.at(job.place("workflow")) from None
    for entry in recipe.sets:
        if graph[entry.node]["class_type"] in object_info:  # else the check of the graph tells of the class
            try:
                _check_input(graph, entry.node, entry.input, entry.target[: -len(entry.input) - 1])
            except SetTarget as error:
                raise error.at(entry.where) from None
    return replace(job, recipe=replace(recipe, graph=graph, page=None))


def essence_sha256(graph: Graph, addressed: Collection[tuple[str, str]], page: Mapping[str, Any] | None = None) -> str:
    """Of what a workflow file contributes to a picture: without titles, and without the inputs that `set:` replaces.

    So an editor that draws a new seed at each export makes no image stale.

    :param page: the workflow as the page saves it, when it is one.
    """
    if page is not None:
        from pytest_comfygen.language.workflow.page.outline import essence_of  # noqa: PLC0415  # few job files need it

        return canonical_sha256(essence_of(page, addressed))
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


def canonical_sha256(graph: Mapping[str, Any]) -> str:
    """The sha256 of a graph's canonical JSON: sorted keys, no white space, so the file's layout does not matter."""
    canonical = json.dumps(graph, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()


def address(graph: Graph, target: str, page: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """The node id and input that a key of `set:` names, such as `KSampler.seed` or `CLIPTextEncode#2.text`.

    The key is split at the last dot that leaves a node on the left, since inputs may have dots in their names.

    :param page: the workflow as the page saves it, when it is one; then only the node is looked for.
    :raises JobFileError: set-target.
    """
    try:
        name, nodes = _split(graph, target)
    except SetTarget as error:
        if page is not None and (why := _idle(page, target)):
            raise SetTarget(why, hint=error.hint) from None
        raise
    if len(nodes) != 1:
        choices = [f"`{unique_name(graph, node)}`" for node in nodes[:MAX_CANDIDATES]]
        raise SetTarget(f"{len(nodes)} nodes are called {name!r}", hint=f"write one of {', '.join(choices)}")
    node, wanted = nodes[0], target[len(name) + 1 :]
    if page is None or wanted == "filename_prefix":
        _check_input(graph, node, wanted, name)
    return node, wanted


def node_named(graph: Graph, name: str) -> str:
    """The id of the node that `output_node:` names.

    :raises JobFileError: output-node.
    """
    nodes = _nodes_called(graph, name)
    if not nodes:
        raise OutputNode(f"no node of the workflow is called {name[:60]!r}", hint=_candidates(graph, name, ""))
    if len(nodes) > 1:
        choices = [f"`{unique_name(graph, node)}`" for node in nodes[:MAX_CANDIDATES]]
        raise OutputNode(f"{len(nodes)} nodes are called {name[:60]!r}", hint=f"write one of {', '.join(choices)}")
    return nodes[0]


def _check_input(graph: Graph, node: str, wanted: str, name: str) -> None:
    """Refuse an input that a node does not have.

    :param name: of the node, as it was written.
    """
    if wanted == "filename_prefix":
        hint = "remove it: `output:` says where the image goes"
        raise SetTarget("the file name on the server is not the job's to choose", hint=hint)
    inputs = graph[node]["inputs"]
    if wanted not in inputs:
        near = get_close_matches(wanted, inputs, n=1)
        hint = f"did you mean `{name}.{near[0]}`?" if near else f"its inputs: {', '.join(inputs) or 'none'}"
        raise SetTarget(f"node {node} ({graph[node]['class_type']}) has no input {wanted[:60]!r}", hint=hint)


def set_values(recipe: WorkflowRecipe, seed: int) -> dict[str, Scalar]:
    """Each entry of `set:` with its final value, in the file's order; without those that are files.

    A value that is one `${name}` and nothing else keeps the type of what it names.
    """
    return values_of(recipe.sets, recipe.variables, seed)


def values_of(sets: Iterable[SetValue], variables: Mapping[str, Scalar], seed: int) -> dict[str, Scalar]:
    """As `set_values`, for a recipe that is in the making."""
    known = {**variables, "seed": seed}
    return {one.target: _filled(one.value, known) for one in sets if not isinstance(one.value, InputImage)}


def input_values(
    graph: Graph, replaced: Collection[tuple[str, str]], page: Mapping[str, Any] | None = None
) -> Iterator[object]:
    """Every value that stands in the inputs of a workflow file, also inside of lists and mappings.

    :param replaced: the inputs that `set:` gives other values, by node and name.
    :param page: the workflow as the page saves it, when it is one; then replaced values are among them.
    """
    if page is not None:
        from pytest_comfygen.language.workflow.page.outline import page_values  # noqa: PLC0415  # few job files need it

        for value in page_values(page):
            yield from _leaves(value)
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


def _document(path: Path, shown: str) -> Value:
    """What a file holds, or what ComfyUI wrote into a picture."""
    if path.suffix == ".json":
        return read_document(path, shown).root
    from pytest_comfygen.language.workflow.picture import embedded  # noqa: PLC0415  # few job files need it

    name, text = embedded(path, shown)
    inside = f"{shown} ({name}).json"
    return parse(checked(text, inside), inside).root


def _idle(page: Mapping[str, Any], target: str) -> str | None:
    """Why the node that a key of `set:` means cannot be addressed."""
    from pytest_comfygen.language.workflow.page.outline import idle_nodes  # noqa: PLC0415  # few job files need it

    idle = idle_nodes(page)
    name, dot, _ = target.rpartition(".")
    while dot:
        if name in idle:
            return idle[name]
        name, dot, _ = name.rpartition(".")
    return None


def _graph(nodes: Value, shown: str) -> Graph:
    if not isinstance(nodes, Table) or not nodes:
        raise WorkflowInvalid(f"{shown} holds no nodes", hint=_EXPORT)
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


def unique_name(graph: Graph, node: str) -> str:
    """What `set:` may call a node: its class, with its number when it is not the only one."""
    kind = graph[node]["class_type"]
    same = _of_class(graph, kind)
    return str(kind) if len(same) == 1 else f"{kind}#{same.index(node) + 1}"


def _candidates(graph: Graph, target: str, separator: str = ".") -> str:
    """The nodes that may be meant, near matches first.

    :param separator: between node and input; empty when `target` is a node.
    """
    classes: dict[str, list[str]] = defaultdict(list)
    for node in sorted(graph, key=_order):
        classes[graph[node]["class_type"]].append(node)
    names = [
        kind if len(nodes) == 1 else f"{kind}#{number}"
        for kind, nodes in classes.items()
        for number in range(1, len(nodes) + 1)
    ]
    titles = {title for node in graph if (title := _title(graph, node)) and title not in classes}
    name, _, wanted = target.rpartition(separator) if separator else (target, "", "")
    near = get_close_matches(name, [*names, *classes, *sorted(titles), *graph], n=1)
    if near:
        return f"did you mean `{near[0]}{separator}{wanted}`?"
    more = f" and {len(names) - MAX_CANDIDATES} more" if len(names) > MAX_CANDIDATES else ""
    return f"its nodes: {', '.join(names[:MAX_CANDIDATES])}{more}"

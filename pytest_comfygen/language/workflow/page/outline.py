"""What a saved workflow says before a server is known: its nodes, and what it contributes to a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_comfygen.language.workflow.page.document import (
    BYPASSED,
    MUTED,
    NOTES,
    PRIMITIVE,
    PageGraph,
    PageNode,
    read_graph,
    read_page,
)
from pytest_comfygen.language.workflow.page.groups import group_named
from pytest_comfygen.language.workflow.page.parts import Part, Place, parts_of
from pytest_comfygen.records import Graph

__all__ = ["essence_of", "idle_nodes", "outline", "page_values"]

_SEEDS = frozenset({"seed", "noise_seed"})
_CONTROLS = frozenset({"fixed", "increment", "decrement", "randomize", "increment-wrap"})
_SILENT = {MUTED: "is muted", BYPASSED: "is bypassed"}


def outline(workflow: Mapping[str, Any]) -> Graph:
    """The nodes that ComfyUI would be told of, as in API format but without inputs, which only a server knows.

    :raises WorkflowInvalid: it is no workflow, or the page could not load it.
    """
    return {
        part.id: {"class_type": part.node.kind, "inputs": {}, "_meta": {"title": part.node.title}}
        for part in parts_of(read_page(workflow))
        if part.is_sent
    }


def idle_nodes(workflow: Mapping[str, Any]) -> dict[str, str]:
    """Why nodes cannot be addressed that the page shows, by their id, class or title."""
    found: dict[str, str] = {}
    for part in parts_of(read_page(workflow)):
        if not part.is_sent and part.node.kind not in NOTES:
            for name in (part.id, part.node.kind, part.node.title):
                if name:
                    found.setdefault(name, f"node {part.id} {_why(part)}")
    return found


def page_values(workflow: Mapping[str, Any]) -> Iterator[object]:
    """Everything that stands in a field of a node that is not muted."""
    page = read_page(workflow)
    for graph in (page.root, *page.subgraphs.values(), *map(read_graph, page.groups.values())):
        for node in graph.nodes.values():
            if node.mode != MUTED and node.kind not in NOTES:
                yield from node.values.values() if isinstance(node.values, Mapping) else node.values


def essence_of(workflow: Mapping[str, Any], addressed: Collection[tuple[str, str]]) -> dict[str, Any]:
    """What a workflow contributes to a picture, for its hash.

    That is nothing of where and how it is drawn, no note, no title, no link's number, nothing of muted nodes, and no
    value that `set:` replaces, as far as the file tells which it is.

    :param addressed: the inputs that `set:` gives other values, by node and name.
    """
    page = read_page(workflow)
    parts = list(parts_of(page))
    replaced = _replaced(parts, addressed)
    used = {part.node.kind for part in parts}
    graphs = {"": page.root} | {kind: graph for kind, graph in page.subgraphs.items() if kind in used}
    found: dict[str, Any] = {name: _graph_essence(graph, replaced) for name, graph in graphs.items()}
    groups = {kind: _group_essence(group) for kind in used if (group := group_named(page, kind)) is not None}
    return found | ({"groups": groups} if groups else {})


def _why(part: Part) -> str:
    if part.node.mode in _SILENT:
        return _SILENT[part.node.mode]
    if part.inside is not None:
        return f"is a subgraph; address a node in it, such as `{part.id}:1`"
    if part.node.kind == PRIMITIVE:
        return "is a primitive, which ComfyUI never sees; address the inputs that it fills"
    return "only passes a link on"


def _replaced(parts: Iterable[Part], addressed: Collection[tuple[str, str]]) -> dict[int, set[str]]:
    """The names that every instance of a node has replaced, by the node's identity: a subgraph's are shared."""
    names: defaultdict[int, list[set[str]]] = defaultdict(list)
    by_id: defaultdict[str, set[str]] = defaultdict(set)
    for node, name in addressed:
        by_id[node].add(name)
    for part in parts:
        inside = _replaced_inside(part.inside, by_id) if part.inside else set()
        names[id(part.node)].append(by_id.get(part.id, set()) | inside)
    return {node: set.intersection(*several) for node, several in names.items()}


def _replaced_inside(place: Place, by_id: Mapping[str, set[str]]) -> set[str]:
    """The inputs of a subgraph's instance that lead to nothing but replaced inputs."""
    ends = {
        slot.link: (place.id_of(node.id), slot.name)
        for node in place.graph.nodes.values()
        for slot in node.inputs
        if slot.link is not None
    }
    led = {slot.name: [ends[link] for link in slot.links if link in ends] for slot in place.graph.inputs}
    return {name for name, found in led.items() if found and all(two in by_id.get(one, ()) for one, two in found)}


def _graph_essence(graph: PageGraph, replaced: Mapping[int, set[str]]) -> dict[str, Any]:
    nodes = {
        number: _node_essence(_without_idle_value(node, graph, replaced), graph, replaced.get(id(node), set()))
        for number, node in graph.nodes.items()
        if node.kind not in NOTES and node.mode != MUTED
    }
    ends = [_end(graph, link) for slot in graph.outputs for link in slot.links[:1]]
    return {"nodes": nodes} | ({"inputs": [slot.name for slot in graph.inputs], "ends": ends} if ends else {})


def _without_idle_value(node: PageNode, graph: PageGraph, replaced: Mapping[int, set[str]]) -> PageNode:
    """A primitive with its value alone, or without it when nothing but replaced inputs would get it."""
    if node.kind != PRIMITIVE or isinstance(node.values, Mapping):
        return node
    filled = [
        slot.name in replaced.get(id(target), ())
        for target in graph.nodes.values()
        for slot in target.inputs
        if slot.link is not None and (link := graph.links.get(slot.link)) and link.origin == node.id
    ]
    return replace(node, values=() if filled and all(filled) else node.values[:1])


def _group_essence(group: Mapping[str, Any]) -> dict[str, Any]:
    """Of an old group node; what its instances show is counted from all of this."""
    nodes = read_graph({"nodes": group["nodes"]}).nodes.values()
    links = [one[:4] for one in group["links"]]
    kept = {key: group[key] for key in ("external", "config") if group[key]}
    return {
        "nodes": [_node_essence(node, PageGraph(nodes={}, links={}), set()) for node in nodes],
        "links": links,
    } | kept


def _node_essence(node: PageNode, graph: PageGraph, replaced: set[str]) -> dict[str, Any]:
    links = {slot.name: _end(graph, slot.link) for slot in node.inputs if slot.link is not None}
    proxies = node.properties.get("proxyWidgets")
    return (
        {"class": node.kind, "inputs": {name: end for name, end in links.items() if end}}
        | ({"mode": node.mode} if node.mode else {})
        | ({"values": values} if (values := _values(node, replaced)) else {})
        | ({"proxies": proxies} if proxies else {})
    )


def _end(graph: PageGraph, number: str) -> list[Any] | None:
    link = graph.links.get(number)
    return [link.origin, link.origin_slot] if link else None


def _values(node: PageNode, replaced: set[str]) -> Any:  # noqa: ANN401  # as in the file
    if not node.runs:
        return None
    dropped = replaced | {"filename_prefix"}
    if isinstance(node.values, Mapping):
        return {name: value for name, value in node.values.items() if name not in dropped}
    names = _names(node, node.values)
    if names is None:
        return _without_seed(node.values) if replaced & _SEEDS else list(node.values)
    return [[name, value] for name, value in zip(names, node.values, strict=True) if name and name not in dropped]


def _names(node: PageNode, values: Sequence[Any]) -> list[str] | None:
    """The field of each value; empty for those that say how a seed changes. None when the file does not tell.

    Since page 1.16 a node lists the sockets of all its fields, unless it was saved with a picture.
    """
    listed = [slot.widget for slot in node.inputs if slot.widget is not None]
    if node.kind == "SaveImage" and not listed:
        listed = ["filename_prefix"]
    names: list[str] = []
    for name in listed:
        names.append(name)
        following = values[len(names)] if len(names) < len(values) else None
        if name in _SEEDS and _is_control(following):
            names.append("")
    return names if len(names) == len(values) else None


def _without_seed(values: Sequence[Any]) -> list[Any]:
    """Without the numbers before a word that says how they change, and that word."""
    seeds = {at for at, value in enumerate(values[:-1]) if isinstance(value, int) and _is_control(values[at + 1])}
    return [value for at, value in enumerate(values) if at not in seeds and at - 1 not in seeds]


def _is_control(value: object) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and value in _CONTROLS)

"""A workflow as ComfyUI's page saves it: its graphs, nodes and links, without where anything is drawn.

There are two ways of writing a link, `[id, origin, slot, target, slot, type]` and a mapping, and a graph may hold
instances of others, its subgraphs. Source: ComfyUI_frontend, the workflow schemas 0.4 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_comfygen.errors import WorkflowInvalid
from pytest_comfygen.language.workflow.page import is_page

__all__ = [
    "BYPASSED",
    "MUTED",
    "NOTES",
    "PRIMITIVE",
    "REROUTES",
    "VIRTUAL",
    "Link",
    "Page",
    "PageGraph",
    "PageNode",
    "Slot",
    "read_page",
]

MUTED = 2
BYPASSED = 4

PRIMITIVE = "PrimitiveNode"
NOTES = frozenset({"Note", "MarkdownNote", "Label (rgthree)"})
REROUTES = frozenset({"Reroute", "Reroute (rgthree)"})
# Nodes that exist on the page only: they pass values or links on, or say something to people.
VIRTUAL = NOTES | REROUTES | {PRIMITIVE, "SetNode", "GetNode"}

# Classes that ComfyUI renamed, by the name that older files have.
_RENAMED = {
    "T2IAdapterLoader": "ControlNetLoader",
    "ConditioningAverage ": "ConditioningAverage",
    "SDV_img2vid_Conditioning": "SVD_img2vid_Conditioning",
}
_INPUT_ID, _OUTPUT_ID = "-10", "-20"
_LINK_PARTS = 5


@dataclass(frozen=True, slots=True)
class Slot:
    """A place on a node where a link may end or, for a subgraph, begin.

    :param link: the link that ends here.
    :param widget: the field that the link takes the place of.
    :param links: of a subgraph's own slots, the links inside that begin or end there.
    """

    name: str
    type: str
    link: str | None = None
    widget: str | None = None
    label: str | None = None
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A connection from one node's output to another's input; nodes by id, slots by number."""

    origin: str
    origin_slot: int
    target: str
    target_slot: int
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageNode:
    """A node as it was saved.

    :param kind: its class, or the id of a subgraph.
    :param mode: whether it runs; see `MUTED`, `BYPASSED`.
    :param outputs: the types of its outputs.
    :param values: what stands in its fields, by position, or by name where a custom node saves it so.
    """

    id: str
    kind: str
    mode: int = 0
    title: str | None = None
    inputs: tuple[Slot, ...] = ()
    outputs: tuple[str, ...] = ()
    values: Sequence[Any] | Mapping[str, Any] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Whether ComfyUI would be told of it."""
        return self.mode not in {MUTED, BYPASSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageGraph:
    """The nodes of the whole workflow or of one subgraph, by id, and the links between them.

    :param inputs: of a subgraph, the slots that its instances have; links from them begin at `entry`.
    :param outputs: as `inputs`; links to them end at `exit`.
    """

    nodes: Mapping[str, PageNode]
    links: Mapping[str, Link]
    name: str = ""
    inputs: tuple[Slot, ...] = ()
    outputs: tuple[Slot, ...] = ()
    entry: str = _INPUT_ID
    exit: str = _OUTPUT_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole workflow.

    :param subgraphs: by the id that their instances have for a class.
    :param groups: the group nodes of older versions, by name, as they were saved.
    """

    root: PageGraph
    subgraphs: Mapping[str, PageGraph]
    groups: Mapping[str, Mapping[str, Any]]


def read_page(workflow: Mapping[str, Any]) -> Page:
    """The graphs of a saved workflow.

    :raises WorkflowInvalid: it is none, or not one that the page could load.
    """
    if not is_page(workflow):
        raise WorkflowInvalid("the workflow has no list of nodes")
    return Page(
        root=read_graph(workflow),
        subgraphs={_text(one.get("id")): read_graph(one) for one in _subgraphs(workflow)},
        groups={name: _group(one) for name, one in _table(_table(workflow.get("extra")).get("groupNodes")).items()},
    )


def read_graph(saved: Mapping[str, Any]) -> PageGraph:
    """The graph in a workflow or in a subgraph's definition."""
    nodes = [_node(one) for one in _rows(saved.get("nodes"))]
    return PageGraph(
        nodes={node.id: node for node in nodes},
        links=dict(_links(saved.get("links"))),
        name=_text(saved.get("name")),
        inputs=tuple(_slot(one) for one in _rows(saved.get("inputs"))),
        outputs=tuple(_slot(one) for one in _rows(saved.get("outputs"))),
        entry=_text(_table(saved.get("inputNode")).get("id", _INPUT_ID)),
        exit=_text(_table(saved.get("outputNode")).get("id", _OUTPUT_ID)),
    )


def _group(saved: object) -> dict[str, Any]:
    """A group as the page reads it: its nodes, which have their position for an id, and the links between those."""
    body = _table(saved)
    return {
        "nodes": [{**node, "id": number} for number, node in enumerate(_rows(body.get("nodes")))],
        "links": [one for one in _lists(body.get("links")) if _are_numbers(one[: _LINK_PARTS - 1])],
        "external": [one[:2] for one in _lists(body.get("external")) if _are_numbers(one[:2])],
        "config": _table(body.get("config")),
    }


def _are_numbers(ends: list[Any]) -> bool:
    return len(ends) > 1 and all(isinstance(one, int) for one in ends)


def _lists(saved: object) -> list[list[Any]]:
    return [one for one in _list(saved) if isinstance(one, list)]


def _subgraphs(holder: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The definitions in a workflow, and those that they hold themselves."""
    for one in _rows(_table(holder.get("definitions")).get("subgraphs")):
        yield one
        yield from _subgraphs(one)


def _node(saved: Mapping[str, Any]) -> PageNode:
    kind, mode = saved.get("type"), saved.get("mode")
    if "id" not in saved or not isinstance(kind, str):
        raise WorkflowInvalid("the workflow has a node without `id` or `type`")
    values = saved.get("widgets_values_named") or saved.get("widgets_values")
    return PageNode(
        id=_text(saved["id"]),
        kind=_RENAMED.get(kind, kind),
        mode=mode if isinstance(mode, int) else 0,
        title=saved["title"] if isinstance(saved.get("title"), str) and saved["title"] else None,
        inputs=tuple(_slot(one) for one in _rows(saved.get("inputs"))),
        outputs=tuple(_type(one.get("type")) for one in _rows(saved.get("outputs"))),
        values=values if isinstance(values, (Mapping, list)) else (),
        properties=_table(saved.get("properties")),
    )


def _slot(saved: Mapping[str, Any]) -> Slot:
    link, widget, label = saved.get("link"), _table(saved.get("widget")).get("name"), saved.get("label")
    return Slot(
        name=_text(saved.get("name")),
        type=_type(saved.get("type")),
        link=None if link is None else _text(link),
        widget=widget if isinstance(widget, str) else None,
        label=label if isinstance(label, str) else None,
        links=tuple(_text(one) for one in _list(saved.get("linkIds"))),
    )


def _links(saved: object) -> Iterator[tuple[str, Link]]:
    for one in _list(saved):
        if isinstance(one, Mapping):
            ends = [one.get(key) for key in ("origin_id", "origin_slot", "target_id", "target_slot")]
            number, kind = one.get("id"), one.get("type")
        elif isinstance(one, list) and len(one) >= _LINK_PARTS:
            number, ends, kind = one[0], one[1:5], one[5] if len(one) > _LINK_PARTS else "*"
        else:
            continue
        origin, origin_slot, target, target_slot = ends
        yield _text(number), Link(_text(origin), _number(origin_slot), _text(target), _number(target_slot), _type(kind))


def _type(saved: object) -> str:
    """A slot's type; a list of choices is a combo, and older files write numbers for any type."""
    if isinstance(saved, list):
        return "COMBO"
    return saved if isinstance(saved, str) else "*"


def _number(saved: object) -> int:
    return saved if isinstance(saved, int) else int(saved) if isinstance(saved, str) and saved.isdecimal() else -1


def _text(saved: object) -> str:
    return saved if isinstance(saved, str) else str(saved) if isinstance(saved, (int, float)) else ""


def _list(saved: object) -> list[Any]:
    return saved if isinstance(saved, list) else []


def _table(saved: object) -> Mapping[str, Any]:
    return saved if isinstance(saved, Mapping) else {}


def _rows(saved: object) -> list[Mapping[str, Any]]:
    return [one for one in _list(saved) if isinstance(one, Mapping)]

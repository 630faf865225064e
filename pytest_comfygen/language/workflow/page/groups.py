"""Group nodes, which ComfyUI had before subgraphs: each instance is opened like a subgraph of its own.

A group's instance shows every field and every open socket of the nodes in it, one node after the other; nothing in the
file says which is which, so both are counted here as the page counts them.
Source: ComfyUI_frontend, extensions/core/groupNode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_comfygen.language.workflow.page.document import PRIMITIVE, Link, Page, PageGraph, PageNode, Slot, read_graph
from pytest_comfygen.language.workflow.page.fields import Field, Input, fields_of, filled, inputs_of
from pytest_comfygen.records import ObjectInfo

__all__ = ["group_named", "numbered", "opened"]

_PREFIX = "workflow"
_LINK_PARTS = 4
_TYPE = 5


def group_named(page: Page, kind: str) -> Mapping[str, Any] | None:
    """The group that a node is an instance of, by its class: `workflow>Name`, and `workflow/Name` in older files."""
    name = kind[len(_PREFIX) + 1 :]
    return page.groups.get(name) if kind.startswith((f"{_PREFIX}>", f"{_PREFIX}/")) else None


def opened(group: Mapping[str, Any], instance: PageNode, object_info: ObjectInfo) -> PageGraph:
    """The graph of a group, with the values and links of one instance."""
    return _Group(group, object_info).graph(instance)


def numbered(group: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The saved nodes of a group, each with its position for an id, as its links have it."""
    return [{**node, "id": number} for number, node in enumerate(group.get("nodes") or ())]


@dataclass(slots=True)
class _Names:
    """The names of an instance's inputs: a name that was taken gets the node's title before it, then a number."""

    seen: dict[str, int] = field(default_factory=dict)

    def take(self, node: PageNode, custom: Mapping[str, Any], name: str) -> str:
        label = next((slot.label for slot in node.inputs if slot.name == name), None)
        key = found = custom.get("name") or label or name
        if (node.kind == PRIMITIVE and node.title) or found in self.seen:
            prefix = f"{node.title or node.kind} "
            key = found = f"{prefix}{name}"
            if found in self.seen:
                found = f"{prefix}{self.seen[found]} {name}"
        self.seen[key] = self.seen.get(key, 1) + 1
        return found


class _Group:
    """A group's nodes and links, and what of them its instances show."""

    def __init__(self, saved: Mapping[str, Any], object_info: ObjectInfo) -> None:
        self._nodes = list(read_graph({"nodes": numbered(saved)}).nodes.values())
        self._info = object_info
        self._config = saved.get("config") or {}
        self._inner = [one for one in saved.get("links") or () if len(one) >= _LINK_PARTS and one[0] is not None]
        self._outside = {(one[0], one[1]) for one in saved.get("external") or ()}
        self._links: dict[str, Link] = {}
        self._slots: list[Slot] = []

    def graph(self, instance: PageNode) -> PageGraph:
        """The nodes with the instance's values, linked with each other and with the instance's own slots."""
        shown = [self._shown(node) for node in self._nodes]
        values = iter(instance.values if not isinstance(instance.values, Mapping) else ())
        nodes = [self._with_values(node, fields, values) for node, fields in zip(self._nodes, shown, strict=True)]
        nodes = [self._with_inner_links(node) for node in nodes]
        nodes = self._with_outer_links(nodes)
        return PageGraph(
            nodes={node.id: node for node in nodes},
            inputs=tuple(self._slots),
            outputs=tuple(self._outputs(nodes)),
            links=self._links,
        )

    def _inputs(self, node: PageNode) -> list[Input]:
        if node.kind == PRIMITIVE:
            kinds = [one[_TYPE] for one in self._inner if str(one[0]) == node.id and len(one) > _TYPE]
            kind = "COMBO" if kinds and isinstance(kinds[0], list) else str(kinds[0]) if kinds else ""
            return [Input("value", kind, {"control_after_generate": kind != "FLOAT"})] if kind else []
        return inputs_of(self._info.get(node.kind, {}))

    # --- fields -----------------------------------------------------------------------------------------------------

    def _shown(self, node: PageNode) -> list[Field]:
        """The fields of a node that an instance shows: not those that had become sockets, nor what belongs to them."""
        converted = {slot.name for slot in node.inputs if slot.widget == slot.name}
        found, is_shown = [], True
        for one in fields_of(node.kind, self._inputs(node)):
            if one.source is not None or one.name == "upload":
                is_shown = one.name not in converted
            if is_shown and one.saved:
                found.append(one)
        return found

    def _with_values(self, node: PageNode, shown: list[Field], values: Iterator[Any]) -> PageNode:
        """A node with its own values, and the instance's in their place where it shows them."""
        own = {one.name: one.value for one in filled(node.kind, self._inputs(node), node.values) if one.source}
        return replace(node, values=own | {one.name: value for one, value in zip(shown, values, strict=False)})

    # --- links ------------------------------------------------------------------------------------------------------

    def _with_inner_links(self, node: PageNode) -> PageNode:
        """A node with the links from the other nodes of the group, and no others."""
        sockets = [Slot(one.name, one.type) for one in self._inputs(node) if not one.is_field]
        slots = {slot.name: replace(slot, link=None) for slot in (*sockets, *node.inputs)}
        order = [slot.name for slot in node.inputs] or [slot.name for slot in sockets]
        for origin, out, target, into, *_ in self._inner:
            if str(target) == node.id and into < len(order):
                link = self._link(Link(str(origin), out, node.id, into, "*"))
                slots[order[into]] = replace(slots[order[into]], link=link)
        return replace(node, inputs=tuple(slots.values()))

    def _with_outer_links(self, nodes: list[PageNode]) -> list[PageNode]:
        """The nodes with a link from a slot of the instance to each open socket; those of fields come last."""
        names = _Names()
        taken: dict[tuple[str, str], str] = {}
        for node in nodes:
            for one in self._shown(node):
                if one.source is not None:
                    names.take(node, self._custom(node, one.name), one.name)
            self._open(node, [slot for slot in node.inputs if slot.widget is None], names, taken)
        for node in nodes:
            self._open(node, [slot for slot in node.inputs if slot.widget is not None], names, taken)
        return [
            replace(
                node,
                inputs=tuple(replace(one, link=taken.get((node.id, one.name), one.link)) for one in node.inputs),
            )
            for node in nodes
        ]

    def _open(self, node: PageNode, slots: list[Slot], names: _Names, taken: dict[tuple[str, str], str]) -> None:
        for number, slot in enumerate(slots):
            if slot.link is not None:
                continue
            custom = self._custom(node, slot.name)
            name = names.take(node, custom, slot.name or slot.type)
            if custom.get("visible") is not False:
                link = self._link(Link("-10", len(self._slots), node.id, number, slot.type))
                taken[node.id, slot.name] = link
                self._slots.append(Slot(name, slot.type, links=(link,)))

    def _outputs(self, nodes: list[PageNode]) -> Iterator[Slot]:
        """The outputs that an instance shows: those that the group itself does not use, or not alone."""
        used = {(one[0], one[1]) for one in self._inner}
        for number, node in enumerate(nodes):
            config = ((self._config.get(str(number)) or {}).get("output")) or {}
            kinds = self._info.get(node.kind, {}).get("output") or node.outputs
            for slot, kind in enumerate(kinds):
                key = (number, slot)
                visible = (config.get(str(slot)) or {}).get("visible", key not in used or key in self._outside)
                if visible:
                    yield Slot("", str(kind), links=(self._link(Link(node.id, slot, "-20", 0, "*")),))

    def _custom(self, node: PageNode, name: str) -> Mapping[str, Any]:
        found = (((self._config.get(node.id) or {}).get("input")) or {}).get(name)
        return found if isinstance(found, Mapping) else {}

    def _link(self, link: Link) -> str:
        number = str(len(self._links))
        self._links[number] = link
        return number

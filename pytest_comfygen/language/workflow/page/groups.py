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

__all__ = ["group_named", "opened"]

_PREFIX = "workflow"
_TYPE = 5


def group_named(page: Page, kind: str) -> Mapping[str, Any] | None:
    """The group that a node is an instance of, by its class: `workflow>Name`, and `workflow/Name` in older files."""
    name = kind[len(_PREFIX) + 1 :]
    return page.groups.get(name) if kind.startswith((f"{_PREFIX}>", f"{_PREFIX}/")) else None


def opened(group: Mapping[str, Any], instance: PageNode, object_info: ObjectInfo) -> PageGraph:
    """The graph of a group, with the values and links of one instance."""
    return _Group(group, object_info).graph(instance)


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
        self._nodes = list(read_graph(saved).nodes.values())
        self._info = object_info
        self._config = saved["config"]
        self._inner = saved["links"]
        self._outside = {(one[0], one[1]) for one in saved["external"]}
        self._links: dict[str, Link] = {}
        self._slots: list[Slot] = []

    def graph(self, instance: PageNode) -> PageGraph:
        """The nodes with the instance's values, linked with each other and with the instance's own slots."""
        values = iter(instance.values if not isinstance(instance.values, Mapping) else ())
        linked = [self._with_inner_links(node) for node in self._nodes]
        first = [{one.name: next(values, one.value) for one in self._shown(node)} for node in linked]
        last = [{one.name: next(values, one.value) for one in self._converted(node)} for node in linked]
        filled_in = zip(linked, first, last, strict=True)
        nodes = self._with_outer_links([self._with_values(node, one | other) for node, one, other in filled_in])
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
        """The fields of a node that an instance shows among the others': those that had not become sockets."""
        converted = {slot.name for slot in node.inputs if slot.widget == slot.name}
        return [one for owner, one in self._owned(node) if owner not in converted]

    def _converted(self, node: PageNode) -> list[Field]:
        """The fields of a node that had become sockets and got no link in the group; an instance shows them last."""
        open_ones = {slot.name for slot in node.inputs if slot.widget == slot.name and slot.link is None}
        return [one for owner, one in self._owned(node) if owner in open_ones]

    def _owned(self, node: PageNode) -> Iterator[tuple[str, Field]]:
        """The fields of a node that are saved, each with the name of the one that it belongs to."""
        owner = ""
        for one in fields_of(node.kind, self._inputs(node)):
            owner = one.name if one.source is not None or one.name == "upload" else owner
            if one.saved:
                yield owner, one

    def _with_values(self, node: PageNode, given: Mapping[str, Any]) -> PageNode:
        """A node with its own values, and the instance's in place of those that it shows."""
        own = {one.name: one.value for one in filled(node.kind, self._inputs(node), node.values) if one.source}
        return replace(node, values={**own, **given})

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
                    names.take(node, self._custom(node, "input", one.name), one.name)
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
            custom = self._custom(node, "input", slot.name)
            name = names.take(node, custom, slot.name or slot.type)
            if custom.get("visible") is not False:
                link = self._link(Link("-10", len(self._slots), node.id, number, slot.type))
                taken[node.id, slot.name] = link
                self._slots.append(Slot(name, slot.type, links=(link,)))

    def _outputs(self, nodes: list[PageNode]) -> Iterator[Slot]:
        """The outputs that an instance shows: those that the group itself does not use, or not alone."""
        used = {(one[0], one[1]) for one in self._inner}
        for number, node in enumerate(nodes):
            kinds = self._info.get(node.kind, {}).get("output") or node.outputs
            for slot, kind in enumerate(kinds):
                key = (number, slot)
                custom = self._custom(node, "output", str(slot))
                if custom.get("visible", key not in used or key in self._outside):
                    yield Slot("", str(kind), links=(self._link(Link(node.id, slot, "-20", 0, "*")),))

    def _custom(self, node: PageNode, *path: str) -> Mapping[str, Any]:
        """What somebody changed in a group about one of its nodes' inputs or outputs."""
        found: Mapping[str, Any] = self._config
        for step in (node.id, *path):
            inner = found.get(step)
            if not isinstance(inner, Mapping):
                return {}
            found = inner
        return found

    def _link(self, link: Link) -> str:
        number = str(len(self._links))
        self._links[number] = link
        return number

"""The nodes of a saved workflow as the page has them once it is loaded: with all that their classes declare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from pytest_comfygen.language.workflow.page.document import PageNode, Slot
from pytest_comfygen.language.workflow.page.fields import Field, Input, filled, inputs_of
from pytest_comfygen.language.workflow.page.parts import Part
from pytest_comfygen.records import ObjectInfo

__all__ = ["Live", "live_nodes"]

_GROWING = "COMFY_AUTOGROW"
_LAST_PROXY_PART = 2


@dataclass(frozen=True, slots=True)
class Live:
    """A node with the inputs, outputs and fields that its class gives it.

    :param outputs: types.
    :param hosted: for an instance of a subgraph, the values that it gives to its own inputs, by name.
    """

    part: Part
    inputs: tuple[Slot, ...]
    outputs: tuple[str, ...]
    fields: tuple[Field, ...] = ()
    hosted: Mapping[str, Any] | None = None

    def field(self, name: str | None) -> Field | None:
        """The field of this name."""
        return next((one for one in self.fields if one.name == name), None)


def live_nodes(parts: Iterable[Part], object_info: ObjectInfo) -> dict[str, Live]:
    """The nodes by the id that they have when ComfyUI runs them.

    :param parts: outer ones before inner ones.
    """
    found: dict[str, Live] = {}
    given: dict[tuple[str, str], Any] = {}
    for part in parts:
        if part.inside is None:
            live = _of_class(part, object_info.get(part.node.kind))
            fields = (replace(one, value=given.get((part.id, one.name), one.value)) for one in live.fields)
            found[part.id] = replace(live, fields=tuple(fields))
        else:
            found[part.id] = _instance(part, given)
    return found


def _of_class(part: Part, about: Mapping[str, Any] | None) -> Live:
    node = part.node
    if about is None:
        return Live(part, node.inputs, node.outputs)
    inputs = inputs_of(about)
    fields = filled(node.kind, inputs, node.values)
    declared = about.get("output") or ()
    outputs = zip_longest(["COMBO" if isinstance(kind, list) else str(kind) for kind in declared], node.outputs)
    return Live(
        part,
        tuple(_slots(node, inputs, fields)),
        tuple(known if known is not None else saved for known, saved in outputs),
        tuple(fields),
    )


def _slots(node: PageNode, inputs: Sequence[Input], fields: Sequence[Field]) -> Iterator[Slot]:
    """The class's sockets, its fields' sockets, and what the node has besides, each with its saved link."""
    saved = {slot.name: slot for slot in node.inputs}
    sockets = [Slot(one.name, one.type) for one in inputs if not one.is_field and not one.type.startswith(_GROWING)]
    sources = [one.source for one in fields if one.source is not None]
    declared = [*sockets, *(Slot(one.name, one.type, widget=one.name) for one in sources)]
    for slot in declared:
        yield replace(slot, link=saved[slot.name].link) if slot.name in saved else slot
    names = {slot.name for slot in declared}
    shown = {one.name for one in fields}
    growing = tuple(f"{one.name}." for one in inputs if one.type.startswith(_GROWING))
    for slot in node.inputs:
        # An input for a field that the class no longer has is dropped with its link.
        if slot.name not in names and (slot.widget is None or slot.widget in shown or slot.name.startswith(growing)):
            yield slot


# --- instances of subgraphs -----------------------------------------------------------------------------------------


def _instance(part: Part, given: dict[tuple[str, str], Any]) -> Live:
    """An instance, with the slots of its subgraph; what it gives to fields further in is put down in `given`."""
    node, inside = part.node, part.inside
    assert inside is not None  # noqa: S101  # only instances come here
    saved = {slot.name: slot for slot in node.inputs}
    inputs = [replace(slot, link=saved[slot.name].link if slot.name in saved else None) for slot in inside.graph.inputs]
    hosted = {name: given[part.id, name] for name in (slot.name for slot in inputs) if (part.id, name) in given}
    for source, name, value in _proxied(node):
        target = _slot_for(part, source, name)
        if target is not None:
            hosted.setdefault(target, value)
        else:
            given.setdefault((inside.id_of(source), name), value)
    outputs = tuple(slot.type for slot in inside.graph.outputs)
    return Live(part, tuple(inputs), outputs, hosted=hosted)


def _proxied(node: PageNode) -> Iterator[tuple[str, str, Any]]:
    """The values of fields further in that an instance shows, each with the node and the field's name."""
    proxies = node.properties.get("proxyWidgets")
    values = node.values if not isinstance(node.values, Mapping) else ()
    for proxy, value in zip(proxies if isinstance(proxies, list) else (), values, strict=False):
        if isinstance(proxy, list) and len(proxy) >= _LAST_PROXY_PART and value is not None:
            yield str(proxy[0]), str(proxy[1]), value


def _slot_for(part: Part, source: str, name: str) -> str | None:
    """The input of an instance that leads to a field further in."""
    inside = part.inside
    assert inside is not None  # noqa: S101  # as in `_instance`
    if source == "-1":
        return name
    for slot in inside.graph.inputs:
        for number in slot.links:
            link = inside.graph.links.get(number)
            target = inside.graph.nodes.get(link.target) if link else None
            if link is None or target is None or link.target != source:
                continue
            if any(one.link == number and name in {one.widget, one.name} for one in target.inputs):
                return slot.name
    return None

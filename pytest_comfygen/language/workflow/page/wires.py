"""Where a node's input comes from, through subgraphs, reroutes, bypassed nodes and primitives.

Source: ComfyUI_frontend, ExecutableNodeDTO.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_comfygen.errors import WorkflowInvalid
from pytest_comfygen.language.workflow.page.document import BYPASSED, MUTED, PRIMITIVE, REROUTES, Link
from pytest_comfygen.language.workflow.page.live import Live
from pytest_comfygen.language.workflow.page.parts import Place

__all__ = ["FixedValue", "Source", "Wires"]

_ANY = frozenset({"*", ""})


@dataclass(frozen=True, slots=True)
class Source:
    """The output of a node that runs."""

    node: str
    slot: int


@dataclass(frozen=True, slots=True)
class FixedValue:
    """A value, from a primitive or from a subgraph's instance."""

    value: Any


class Wires:
    """The links of a workflow."""

    def __init__(self, live: Mapping[str, Live]) -> None:
        """:param live: every node, by the id that it has when ComfyUI runs it."""
        self._live = live
        self._hosted: dict[str, dict[str, FixedValue]] = {}

    def into(self, node: Live, number: int) -> Source | FixedValue | None:
        """What an input gets; None when nothing that runs leads to it.

        :raises WorkflowInvalid: the links run in a circle.
        """
        return self._into(node, number, None, set())

    def _into(
        self, node: Live, number: int, kind: str | None, seen: set[tuple[str, str, int]]
    ) -> Source | FixedValue | None:
        _mark(seen, (node.part.id, "in", number))
        slot, place = node.inputs[number], node.part.place
        link = place.graph.links.get(slot.link) if slot.link is not None else None
        if link is None:
            return None
        if place.instance is not None and place.around is not None and link.origin == place.graph.entry:
            return self._from_instance(self._live[place.around.id_of(place.instance.id)], link.origin_slot, seen)
        origin = self._live.get(place.id_of(link.origin))
        return self._out_of(origin, link.origin_slot, kind or slot.type, seen) if origin else None

    def _from_instance(
        self, instance: Live, number: int, seen: set[tuple[str, str, int]]
    ) -> Source | FixedValue | None:
        if not 0 <= number < len(instance.inputs):
            return None
        slot = instance.inputs[number]
        if slot.link is not None and slot.link in instance.part.place.graph.links:
            return self._into(instance, number, None, seen)
        return self.hosted(instance).get(slot.name)

    def _out_of(
        self, node: Live, number: int, kind: str, seen: set[tuple[str, str, int]]
    ) -> Source | FixedValue | None:
        _mark(seen, (node.part.id, "out", number))
        part = node.part
        if part.node.kind == PRIMITIVE:
            return _primitive(part.node.values)
        if part.is_sent:
            return Source(part.id, number)
        if part.inside is not None and part.node.runs:
            return self._out_of_instance(part.inside, number, kind, seen)
        passed = self._passed(node, number, kind)
        if passed is None:
            return None
        behind, slot = passed
        return self._into(behind, slot, None if part.node.mode == BYPASSED else kind, seen)

    def _passed(self, node: Live, number: int, kind: str) -> tuple[Live, int] | None:
        """The node and input whose link an output passes on."""
        saved = node.part.node
        if saved.mode == MUTED:
            return None
        if saved.mode == BYPASSED:
            through = _bypass(node, number, kind)
        elif saved.kind == "GetNode":
            setter = self._setter(node.part.place, saved.values)
            return (setter, 0) if setter and setter.inputs else None
        else:
            through = number if saved.kind in REROUTES and 0 <= number < len(node.inputs) else None
        return None if through is None else (node, through)

    def _out_of_instance(
        self, inside: Place, number: int, kind: str, seen: set[tuple[str, str, int]]
    ) -> Source | FixedValue | None:
        link = _leaving(inside, number)
        if link is None:
            return None
        if link.origin == inside.graph.entry and inside.around is not None and inside.instance is not None:
            return self._from_instance(self._live[inside.around.id_of(inside.instance.id)], link.origin_slot, seen)
        origin = self._live.get(inside.id_of(link.origin))
        return self._out_of(origin, link.origin_slot, kind, seen) if origin else None

    def _setter(self, place: Place | None, values: Any) -> Live | None:  # noqa: ANN401  # as in `PageNode`
        """The SetNode that has a GetNode's name, in its own graph or in one around it."""
        while place is not None:
            for node in place.graph.nodes.values():
                if node.kind == "SetNode" and list(node.values)[:1] == list(values)[:1]:
                    return self._live[place.id_of(node.id)]
            place = place.around
        return None

    # --- what instances give --------------------------------------------------------------------------------------

    def hosted(self, instance: Live) -> dict[str, FixedValue]:
        """The values of the inputs of an instance that lead to fields: its own, else the field's."""
        number = instance.part.id
        if number not in self._hosted:
            self._hosted[number] = self._found_hosted(instance)
        return self._hosted[number]

    def _found_hosted(self, instance: Live) -> dict[str, FixedValue]:
        node, given = instance.part.node, dict(instance.hosted or {})
        leading = {slot.name: value for slot, value in self._leading(instance)}
        if isinstance(node.values, Mapping):
            given |= {name: value for name, value in node.values.items() if name in leading}
        elif not node.properties.get("proxyWidgets"):
            given |= {
                name: value for name, value in zip(leading, node.values, strict=False) if value is not None
            } | given
        return {name: FixedValue(given.get(name, value)) for name, value in leading.items()}

    def _leading(self, instance: Live) -> Iterator[tuple[Any, Any]]:
        """The inputs of an instance that lead to fields, each with the value of the first such field."""
        inside = instance.part.inside
        assert inside is not None  # noqa: S101  # only instances come here
        for slot in instance.inputs:
            for number in slot.links:
                found = self._field_at(inside, number)
                if found is not None:
                    yield slot, found.value
                    break

    def _field_at(self, place: Place, number: str) -> FixedValue | None:
        """What stands in the field that a link from a subgraph's own input leads to."""
        link = place.graph.links.get(number)
        target = self._live.get(place.id_of(link.target)) if link else None
        slot = next((one for one in target.inputs if one.link == number), None) if target else None
        if target is None or slot is None:
            return None
        if target.part.inside is not None:
            return self.hosted(target).get(slot.name)
        field = target.field(slot.widget)
        return FixedValue(field.value) if field else None


def _mark(seen: set[tuple[str, str, int]], step: tuple[str, str, int]) -> None:
    if step in seen:
        raise WorkflowInvalid(f"the links of the workflow run in a circle at node {step[0]}")
    seen.add(step)


def _primitive(values: Any) -> FixedValue | None:  # noqa: ANN401  # as in `PageNode`
    if isinstance(values, Mapping):
        return FixedValue(values["value"]) if "value" in values else None
    return FixedValue(values[0]) if values else None


def _leaving(inside: Place, number: int) -> Link | None:
    """The link that ends at an output of a subgraph."""
    graph = inside.graph
    if not 0 <= number < len(graph.outputs):
        return None
    links = (graph.links.get(one) for one in graph.outputs[number].links)
    return next((link for link in links if link is not None), None)


def _bypass(node: Live, number: int, kind: str) -> int | None:
    """The input that takes the place of a bypassed node's output: of the same number, else of the same type."""
    inputs = node.inputs
    if kind in _ANY:
        return (number if 0 <= number < len(inputs) else 0) if inputs else None
    out = node.outputs[number] if 0 <= number < len(node.outputs) else "*"
    if 0 <= number < len(inputs) and _fits(inputs[number].type, out) and _fits(inputs[number].type, kind):
        return number
    exact = (at for at, slot in enumerate(inputs) if slot.type == kind)
    loose = (at for at, slot in enumerate(inputs) if _fits(slot.type, out) and _fits(slot.type, kind))
    return next(exact, next(loose, None))


def _fits(one: str, other: str) -> bool:
    """Whether two types may be linked; a type may be a list with commas."""
    if one in _ANY or other in _ANY:
        return True
    return not set(one.lower().split(",")).isdisjoint(other.lower().split(","))

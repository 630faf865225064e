"""A workflow as ComfyUI's page saves it becomes the graph that the page would send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_comfygen.errors import WorkflowInvalid
from pytest_comfygen.language.workflow.page.document import read_page
from pytest_comfygen.language.workflow.page.fields import values_in
from pytest_comfygen.language.workflow.page.live import Live, live_nodes
from pytest_comfygen.language.workflow.page.parts import parts_of
from pytest_comfygen.language.workflow.page.wires import FixedValue, Wires
from pytest_comfygen.records import Graph, ObjectInfo

__all__ = ["convert"]


def convert(workflow: Mapping[str, Any], object_info: ObjectInfo) -> Graph:
    """The graph in API format of a saved workflow, new and free to change.

    A class that the server does not have is kept with its links, so that a check of the graph can name it.

    :param workflow: a workflow as the page saves it.
    :param object_info: the server's answer to `/object_info`.
    :raises WorkflowInvalid: it is no workflow, or the page could not load it.
    """
    try:
        return _graph(workflow, object_info)
    except RecursionError:
        raise WorkflowInvalid("the workflow has hundreds of reroutes or subgraphs one behind the other") from None


def _graph(workflow: Mapping[str, Any], object_info: ObjectInfo) -> Graph:
    live = live_nodes(parts_of(read_page(workflow), object_info), object_info)
    wires = Wires(live)
    graph: dict[str, dict[str, Any]] = {
        number: {
            "class_type": node.part.node.kind,
            "inputs": _inputs(node, wires),
            "_meta": {"title": _title(node, object_info)},
        }
        for number, node in live.items()
        if node.part.is_sent
    }
    return {number: {**body, "inputs": _without_cut_links(body["inputs"], graph)} for number, body in graph.items()}


def _inputs(node: Live, wires: Wires) -> dict[str, Any]:
    inputs = values_in(node.fields)
    for number, slot in enumerate(node.inputs):
        source = wires.into(node, number)
        if isinstance(source, FixedValue):
            if slot.widget is not None:  # a value can only stand in a field
                inputs[slot.name] = {"__value__": source.value} if isinstance(source.value, list) else source.value
        elif source is not None:
            inputs[slot.name] = [source.node, source.slot]
    return inputs


def _title(node: Live, object_info: ObjectInfo) -> str:
    kind = node.part.node.kind
    return node.part.node.title or object_info.get(kind, {}).get("display_name") or kind


def _without_cut_links(inputs: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    """The inputs without links to what does not run."""
    return {name: value for name, value in inputs.items() if not isinstance(value, list) or value[0] in graph}

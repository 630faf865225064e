"""In which order the nodes of a prompt run, and which of their results may be used again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_comfygen.sketch.validation import Graph


class Agenda:
    """The nodes that an output needs, in ComfyUI's order: what leads to an output soon goes first.

    Source: ComfyUI 0.3.64 comfy_execution/graph.py, which says that people like to see a picture early.

    :param is_output: whether a node is an output node.
    :param is_cached: whether a node's result is there already, so that neither it nor its sources need to run.
    """

    def __init__(self, graph: Graph, is_output: Callable[[str], bool], is_cached: Callable[[str], bool]) -> None:
        self._graph = graph
        self._is_output = is_output
        self._is_cached = is_cached
        self._waits_for: dict[str, set[str]] = {}
        self._feeds: dict[str, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._waits_for)

    def add(self, output: str) -> None:
        """Put a node and all that it needs on the agenda."""
        stack = [output]
        while stack:
            node_id = stack.pop()
            if node_id in self._waits_for:
                continue
            sources = [source for source, _ in links(self._graph, node_id) if not self._is_cached(source)]
            self._waits_for[node_id] = set(sources)
            self._feeds.setdefault(node_id, set())
            for source in sources:
                self._feeds.setdefault(source, set()).add(node_id)
            stack += sources

    def next(self) -> str:
        """The node to run now."""
        ready = [node_id for node_id, sources in self._waits_for.items() if not sources]
        for distance in range(3):
            for node_id in ready:
                if self._reaches_output(node_id, distance):
                    return node_id
        return ready[0]

    def _reaches_output(self, node_id: str, distance: int) -> bool:
        if distance == 0:
            return self._is_output(node_id)
        return any(self._reaches_output(fed, distance - 1) for fed in self._feeds[node_id])

    def done(self, node_id: str) -> None:
        """Take a node off the agenda, which frees those that wait for it."""
        del self._waits_for[node_id]
        for fed in self._feeds.pop(node_id):
            self._waits_for[fed].discard(node_id)


def links(graph: Graph, node_id: str) -> Iterator[tuple[str, int]]:
    """The (node id, slot) pairs that a node's inputs link to, where that node exists."""
    for value in graph[node_id].get("inputs", {}).values():
        if is_link(value) and value[0] in graph:
            yield value[0], value[1]


def is_link(value: object) -> bool:
    """Whether an input's value is a link, `["4", 0]`."""
    match value:
        case [str(), int() | float()]:
            return True
    return False


def signature(graph: Graph, node_id: str) -> str:
    """What a node's result depends on: its class and inputs and those of all it is made from, but no node ids."""
    order: dict[str, int] = {}
    _number_ancestors(graph, node_id, order)
    nodes = [node_id, *(ancestor for ancestor in order if ancestor != node_id)]
    return json.dumps([_own_signature(graph, each, order) for each in nodes])


def _number_ancestors(graph: Graph, node_id: str, order: dict[str, int]) -> None:
    stack = [node_id]
    while stack:
        inputs = graph[stack.pop()].get("inputs", {})
        for _, value in sorted(inputs.items(), reverse=True):
            if is_link(value) and value[0] in graph and value[0] not in order:
                order[value[0]] = len(order)
                stack.append(value[0])


def _own_signature(graph: Graph, node_id: str, order: dict[str, int]) -> list[Any]:
    node = graph[node_id]
    inputs: list[Any] = []
    for name, value in sorted(node.get("inputs", {}).items()):
        linked = is_link(value) and value[0] in order
        inputs.append([name, "link", order[value[0]], value[1]] if linked else [name, "value", value])
    return [node["class_type"], inputs]

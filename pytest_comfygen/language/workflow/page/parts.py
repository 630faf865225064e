"""The nodes of a saved workflow that ComfyUI would run, subgraphs opened, with the ids that they then have.

This needs no server: it is what `set:` and `output_node:` address while a run is planned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pytest_comfygen.errors import WorkflowInvalid
from pytest_comfygen.language.workflow.page.document import VIRTUAL, Page, PageGraph, PageNode
from pytest_comfygen.language.workflow.page.groups import group_named, opened
from pytest_comfygen.records import ObjectInfo

__all__ = ["Part", "Place", "parts_of"]

MAX_PARTS = 20_000
MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Place:
    """A graph where it is used: the whole workflow, or one instance of a subgraph.

    :param path: the ids of the instances around it, outermost first.
    :param around: the place of the instance; None for the whole workflow.
    :param instance: the node that stands for this graph there.
    """

    graph: PageGraph
    path: tuple[str, ...] = ()
    around: Place | None = None
    instance: PageNode | None = None

    def id_of(self, node: str) -> str:
        """The id that a node of this graph has when ComfyUI runs it, such as `12:3`."""
        return ":".join((*self.path, node))


@dataclass(frozen=True, slots=True)
class Part:
    """A node at its place.

    :param inside: for an instance of a subgraph, the place that it opens.
    """

    place: Place
    node: PageNode
    inside: Place | None = None

    @property
    def id(self) -> str:
        """Its id when ComfyUI runs it."""
        return self.place.id_of(self.node.id)

    @property
    def is_sent(self) -> bool:
        """Whether ComfyUI is told of it."""
        return self.inside is None and self.node.runs and self.node.kind not in VIRTUAL


def parts_of(page: Page, object_info: ObjectInfo | None = None) -> Iterator[Part]:
    """Every node of a workflow, also those that do not run; an instance comes before what is in it.

    :param object_info: of a server; without it, links and values inside of old group nodes are not known.
    :raises WorkflowInvalid: a subgraph holds itself, or there are more nodes than anybody draws.
    """
    for number, part in enumerate(_parts(page, Place(page.root), (), object_info or {})):
        if number >= MAX_PARTS:
            raise WorkflowInvalid(f"the workflow has more than {MAX_PARTS:,} nodes, its subgraphs opened")
        yield part


def _parts(page: Page, place: Place, kinds: tuple[str, ...], object_info: ObjectInfo) -> Iterator[Part]:
    for node in place.graph.nodes.values():
        graph = page.subgraphs.get(node.kind)
        if graph is None and (group := group_named(page, node.kind)) is not None:
            graph, node = opened(group, node, object_info), replace(node, values=())  # noqa: PLW2901  # they are inside now
        if graph is None:
            yield Part(place, node)
            continue
        if node.kind in kinds:
            raise WorkflowInvalid(f"the subgraph {graph.name or node.kind!r} holds itself")
        if len(kinds) >= MAX_DEPTH:
            raise WorkflowInvalid(f"the workflow has more than {MAX_DEPTH} subgraphs one in the other")
        inside = Place(graph, (*place.path, node.id), place, node)
        yield Part(place, node, inside)
        if node.runs:
            yield from _parts(page, inside, (*kinds, node.kind), object_info)

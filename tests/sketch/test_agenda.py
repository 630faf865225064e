from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_comfygen.sketch.agenda import Agenda, is_link, signature

if TYPE_CHECKING:
    from pytest_comfygen.sketch.validation import Graph


def node(class_type: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


PICTURE: Graph = {
    "4": node("Checkpoint"),
    "6": node("Encode", clip=["4", 1]),
    "7": node("Encode", clip=["4", 1]),
    "5": node("Latent"),
    "3": node("Sampler", model=["4", 0], positive=["6", 0], negative=["7", 0], latent=["5", 0]),
    "8": node("Decode", samples=["3", 0], vae=["4", 2]),
    "9": node("Save", images=["8", 0]),
}


def order(graph: Graph, outputs: list[str], cached: frozenset[str] = frozenset()) -> list[str]:
    agenda = Agenda(graph, lambda node_id: graph[node_id]["class_type"] == "Save", cached.__contains__)
    for output in outputs:
        agenda.add(output)
    ran = []
    while agenda:
        ran.append(agenda.next())
        agenda.done(ran[-1])
    return ran


def test_nodes_run_in_the_order_that_a_running_comfyui_was_seen_to_use() -> None:
    assert order(PICTURE, ["9"]) == ["4", "5", "7", "6", "3", "8", "9"]


def test_sources_of_cached_nodes_do_not_run() -> None:
    assert order(PICTURE, ["9"], frozenset({"4", "5", "6", "7"})) == ["3", "8", "9"]


def test_what_no_output_needs_does_not_run() -> None:
    assert order({**PICTURE, "2": node("Sampler", model=["4", 0])}, ["9"]) == order(PICTURE, ["9"])


def test_an_output_that_is_ready_goes_before_other_work() -> None:
    graph: Graph = {**PICTURE, "20": node("Image"), "21": node("Save", images=["20", 0])}
    assert order(graph, ["9", "21"])[:2] == ["20", "21"]


def test_an_input_that_is_linked_to_nothing_does_not_hold_up_its_node() -> None:
    assert order({"9": node("Save", unknown=["99", 0])}, ["9"]) == ["9"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(["4", 0], True), (["4", 1.0], True), ([4, 0], False), (["4", "0"], False), (["4"], False), ("40", False)],
)
def test_a_link_is_a_node_id_and_a_slot(value: object, expected: bool) -> None:  # noqa: FBT001  # a parameter of the table
    assert is_link(value) is expected


def test_a_signature_does_not_depend_on_node_ids_or_on_the_order_of_inputs() -> None:
    graph: Graph = {"a": node("Image", width=1, height=2), "b": node("Save", images=["a", 0], prefix="x")}
    renamed: Graph = {"2": node("Save", prefix="x", images=["1", 0]), "1": node("Image", height=2, width=1)}
    assert signature(graph, "b") == signature(renamed, "2")


@pytest.mark.parametrize(
    "change",
    [
        {"a": node("Image", width=2)},
        {"a": node("Photo", width=1)},
        {"b": node("Save", images=["a", 1])},
        {"b": node("Save", images=["a", 0], prefix="x")},
    ],
)
def test_a_signature_depends_on_everything_upstream(change: Graph) -> None:
    graph: Graph = {"a": node("Image", width=1), "b": node("Save", images=["a", 0])}
    assert signature({**graph, **change}, "b") != signature(graph, "b")


def test_a_cycle_and_a_node_without_inputs_have_signatures() -> None:
    graph: Graph = {"a": node("A", x=["b", 0]), "b": node("B", x=["a", 0]), "c": {"class_type": "C"}}
    assert len({signature(graph, node_id) for node_id in graph}) == 3

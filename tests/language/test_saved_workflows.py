"""A workflow as ComfyUI's page saves it becomes the graph that the page exports."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_comfygen.errors import SetTarget, WorkflowInvalid
from pytest_comfygen.language.check import check_graph
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.language.graph import build_graph
from pytest_comfygen.language.workflow import (
    address,
    essence_sha256,
    for_server,
    input_values,
    node_named,
    to_api_graph,
)
from pytest_comfygen.language.workflow.page.fields import chosen
from pytest_comfygen.language.workflow.page.outline import outline
from pytest_comfygen.records import Job, WorkflowRecipe
from tests.language.saved_workflows import AGREED, OBJECT_INFO, joined, link, node, saved


def bare(graph: Any) -> dict[str, Any]:
    """A graph without titles."""
    return {number: {"class_type": body["class_type"], "inputs": body["inputs"]} for number, body in graph.items()}


@pytest.mark.parametrize("name", AGREED)
def test_a_workflow_becomes_the_graph_that_the_page_exports(name: str) -> None:
    workflow, graph = AGREED[name]
    before = json.dumps(workflow)

    assert graph == bare(to_api_graph(workflow, OBJECT_INFO))
    assert before == json.dumps(workflow)


@pytest.mark.parametrize("name", AGREED)
def test_the_nodes_are_known_before_a_server_is(name: str) -> None:
    workflow, graph = AGREED[name]

    assert {number: body["class_type"] for number, body in graph.items()} == {
        number: body["class_type"] for number, body in outline(workflow).items()
    }


def test_a_graph_in_api_format_is_copied() -> None:
    graph = {"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}

    copy = to_api_graph(graph, {})

    assert graph == copy
    assert graph["3"]["inputs"] is not copy["3"]["inputs"]


# --- what the page's export cannot show, or shows by chance ----------------------------------------------------------


def one(kind: str, values: object, about: dict[str, Any], inputs: dict[str, int | None] | None = None) -> Any:
    """What ComfyUI is told of a single node."""
    return to_api_graph(saved([node(1, kind, inputs, values)], []), {kind: about})["1"]["inputs"]


SWITCH = {
    "input": {
        "required": {
            "resize": [
                "COMFY_DYNAMICCOMBO_V3",
                {
                    "options": [
                        {"key": "by", "inputs": {"required": {"factor": ["FLOAT", {"default": 2.0}]}}},
                        {
                            "key": "to",
                            "inputs": {"required": {"width": ["INT", {}], "height": ["INT", {"default": 8}]}},
                        },
                        {"key": "like", "inputs": {"required": {"image": ["IMAGE"]}}},
                    ]
                },
            ],
            "crop": [["none", "center"]],
        }
    }
}
SOCKET = {"input": {"required": {"amount": ["INT", {"forceInput": True}], "text": ["STRING", {}]}}}
SEEDED = {
    "input": {"required": {"noise_seed": ["INT", {}], "steps": ["INT", {}], "pick": ["COMBO", {"options": ["a"]}]}}
}
ORDERED = {
    "input": {"required": {"b": ["INT", {}]}, "optional": {"a": ["INT", {}]}},
    "input_order": {"optional": ["a"]},
}

MESH = {"input": {"required": {"model_file": [["b.glb"]], "image": ["LOAD_3D", {}], "width": ["INT", {}]}}}
MESHES = {"upload 3d model": "x", "upload extra resources": "y", "clear": "z", "image": "", "width": 64}
SOUND = {"input": {"required": {"audio": [["b.mp3"], {"audio_upload": True}]}}}
PICK = {"input": {"required": {"pick": [["a", "b"], {"control_after_generate": True}], "count": ["INT", {}]}}}
TO = {"resize": "to", "resize.width": 64, "resize.height": 32, "crop": "center"}
SEEDS = {"noise_seed": 5, "steps": 4}

FILLED = [
    ("a combo brings its fields", SWITCH, ("to", 64, 32, "center"), TO),
    ("another choice, other fields", SWITCH, ("by", 3, "none"), {"resize": "by", "resize.factor": 3, "crop": "none"}),
    ("a choice with a socket alone", SWITCH, ("like", "none"), {"resize": "like", "crop": "none"}),
    ("nothing saved", SWITCH, (), {"resize": "by", "resize.factor": 2.0, "crop": "none"}),
    ("values by name", SWITCH, TO, TO),
    (
        "some by name",
        SWITCH,
        {"resize": "to", "crop": "none"},
        TO | {"resize.width": 0, "resize.height": 8, "crop": "none"},
    ),
    ("a value of what was a field once", SOCKET, (5, "a"), {"text": "a"}),
    ("no such value", SOCKET, ("a",), {"text": "a"}),
    ("a seed by its name", SEEDED, (5, "increment", 4, "b"), SEEDS | {"pick": "b"}),
    ("a combo's first choice", SEEDED, (5, "fixed", 4), SEEDS | {"pick": "a"}),
    ("a list is no link", SEEDED, (5, "fixed", 4, ["a", 1]), SEEDS | {"pick": {"__value__": ["a", 1]}}),
    ("required before optional", ORDERED, (1, 2), {"b": 1, "a": 2}),
    ("more values than fields", ORDERED, (1, 2, 3, 4), {"b": 1, "a": 2}),
    ("a model of three dimensions", MESH, ("a.glb", "x", "y", "z", "", 64), MESHES | {"model_file": "a.glb"}),
    ("a sound", SOUND, ("a.mp3", "x"), {"audio": "a.mp3", "audioUI": ""}),
    ("a controlled combo", PICK, ("b", "increment", "filter", 3), {"pick": "b", "count": 3}),
]


@pytest.mark.parametrize(("about", "values", "told"), [row[1:] for row in FILLED], ids=[row[0] for row in FILLED])
def test_each_value_finds_its_input(about: dict[str, Any], values: object, told: dict[str, Any]) -> None:
    assert told == one("LoadAudio" if about is SOUND else "A", values, about)


def test_values_by_name_come_before_values_by_position() -> None:
    workflow = saved([node(1, "A", {}, (1, 2), widgets_values_named={"b": 7, "a": 8})], [])

    assert to_api_graph(workflow, {"A": ORDERED})["1"]["inputs"] == {"b": 7, "a": 8}


CHOSEN = [
    ("plain", "plain"),
    ("a {red|blue} fox", "a red fox"),
    ("{a {b|c}|d} {e}", "a b e"),
    (r"\{not|this\}", "{not|this}"),
    ("one // two\nthree /* four\n */ five", "one \nthree  five"),
    ("{open|ended", "open"),
    ("{|x}y", "y"),
    ("}|", "}|"),
    ("{" * 5000, "{" * 4969),
]


@pytest.mark.parametrize(("text", "told"), CHOSEN)
def test_of_choices_in_a_prompt_the_first_is_taken(text: str, told: str) -> None:
    assert told == chosen(text)


def test_a_chain_without_end_is_refused() -> None:
    nodes = [node(n, "Reroute", {"": n}, (), "*") for n in range(1, 2000)] + [node(2000, "A", {"image": 2000})]

    with pytest.raises(WorkflowInvalid, match="hundreds of reroutes"):
        to_api_graph(saved(nodes, [link(n + 1, n, 0, n + 1, 0, "*") for n in range(1, 2000)]), {})


def test_a_bypassed_node_of_any_type_passes_its_first_input_on() -> None:
    nodes = [
        node(1, "LoadImage", {}, ("a.png",), "IMAGE MASK"),
        node(2, "Switch", {"image": 1}, (), "*", mode=4),
        node(3, "Show", {"": 2}),
    ]
    graph = to_api_graph(saved(nodes, [link(1, 1, 0, 2, 0, "IMAGE"), link(2, 2, 0, 3, 0, "*")]), OBJECT_INFO)

    assert graph["3"]["inputs"] == {"": ["1", 0]}


def test_a_subgraph_may_pass_its_input_straight_on() -> None:
    through = {
        "id": "t",
        "inputs": [{"name": "in", "type": "IMAGE", "linkIds": [1]}],
        "outputs": [{"name": "out", "type": "IMAGE", "linkIds": [1]}, {"name": "none", "type": "IMAGE"}],
        "nodes": [],
        "links": [joined(1, -10, 0, -20, 0, "IMAGE")],
    }
    nodes = [
        node(1, "LoadImage", {}, ("a.png",), "IMAGE MASK"),
        node(2, "t", {"in": 1}, (), "IMAGE IMAGE"),
        node(3, "PreviewImage", {"images": 2}),
        node(4, "PreviewImage", {"images": 3}),
    ]
    links = [link(1, 1, 0, 2, 0, "IMAGE"), link(2, 2, 0, 3, 0, "IMAGE"), link(3, 2, 1, 4, 0, "IMAGE")]

    graph = to_api_graph(saved(nodes, links, definitions={"subgraphs": [through]}), OBJECT_INFO)

    assert [graph[number]["inputs"] for number in ("3", "4")] == [{"images": ["1", 0]}, {}]


def test_a_growing_input_keeps_its_links() -> None:
    about = {"Batch": {"input": {"required": {"images": ["COMFY_AUTOGROW_V3", {"template": {}}]}}}}
    nodes = [
        node(1, "LoadImage", {}, ("a.png",), "IMAGE MASK"),
        node(2, "Batch", {"images.image0": 1, "images.image1": 2, "images.image2": None}),
    ]
    links = [link(1, 1, 0, 2, 0, "IMAGE"), link(2, 1, 0, 2, 1, "IMAGE")]

    graph = to_api_graph(saved(nodes, links), OBJECT_INFO | about)

    assert graph["2"]["inputs"] == {"images.image0": ["1", 0], "images.image1": ["1", 0]}


def test_an_input_for_a_field_that_is_gone_is_dropped() -> None:
    gone = node(2, "PreviewImage", {"images": None, "steps": 1})

    graph = to_api_graph(saved([node(1, "LoadImage", {}, (), "INT"), gone], [link(1, 1, 0, 2, 1, "INT")]), OBJECT_INFO)

    assert graph["2"]["inputs"] == {}


def test_a_node_of_an_unknown_class_keeps_its_links() -> None:
    nodes = [node(1, "Strange", {"image": None}, (1,), "IMAGE"), node(2, "Stranger", {"image": 1})]
    graph = to_api_graph(saved(nodes, [link(1, 1, 0, 2, 0, "IMAGE")]), {})

    assert bare(graph) == {
        "1": {"class_type": "Strange", "inputs": {}},
        "2": {"class_type": "Stranger", "inputs": {"image": ["1", 0]}},
    }


def test_values_pass_from_set_to_get() -> None:
    nodes = [
        node(1, "LoadImage", {}, ("a.png", "image"), "IMAGE MASK"),
        node(2, "SetNode", {"image": 1}, ("photo",), "IMAGE"),
        node(3, "GetNode", {}, ("photo",), "IMAGE"),
        node(4, "SaveImage", {"images": 2}, ("x",)),
    ]
    graph = to_api_graph(saved(nodes, [link(1, 1, 0, 2, 0, "IMAGE"), link(2, 3, 0, 4, 0, "IMAGE")]), OBJECT_INFO)

    assert graph["4"]["inputs"]["images"] == ["1", 0]


def test_values_that_an_instance_shows_of_nodes_in_it_are_its_own() -> None:
    workflow, _ = AGREED["subgraphs"]
    first, second = json.loads(json.dumps(workflow)), json.loads(json.dumps(workflow))
    for one_of_them, values in ((first, [9, 77]), (second, [9, None])):
        one_of_them["nodes"][1] |= {
            "widgets_values": values,
            "properties": {"proxyWidgets": [["2", "steps"], ["2", "seed"]]},
        }

    with_both, with_one = (to_api_graph(found, OBJECT_INFO) for found in (first, second))

    assert [with_both["10:2"]["inputs"][key] for key in ("steps", "seed")] == [9, 77]
    assert [with_one["10:2"]["inputs"][key] for key in ("steps", "seed")] == [9, 7]
    assert with_both["11:5:2"]["inputs"]["steps"] == 4


def test_what_is_in_a_muted_subgraph_does_not_run() -> None:
    workflow = json.loads(json.dumps(AGREED["subgraphs"][0]))
    workflow["nodes"][1]["mode"] = 2

    graph = to_api_graph(workflow, OBJECT_INFO)

    assert "10:2" not in graph
    assert "samples" not in graph["12"]["inputs"]


def test_titles_are_the_workflows_own_else_the_classes() -> None:
    about = {"LoadImage": OBJECT_INFO["LoadImage"] | {"display_name": "Load Image"}}
    nodes = [node(1, "LoadImage", title="Photo"), node(2, "LoadImage"), node(3, "Strange")]

    graph = to_api_graph(saved(nodes, []), about)

    assert [body["_meta"]["title"] for body in graph.values()] == ["Photo", "Load Image", "Strange"]


def test_links_may_be_written_as_mappings_and_may_dangle() -> None:
    nodes = [node(1, "LoadImage", {}, ("a.png",), "IMAGE MASK"), node(2, "SaveImage", {"images": 1}, ("x",))]

    linked = to_api_graph(saved(nodes, [joined(1, 1, 0, 2, 0, "IMAGE")]), OBJECT_INFO)
    dangling = to_api_graph(saved(nodes, []), OBJECT_INFO)

    assert linked["2"]["inputs"]["images"] == ["1", 0]
    assert "images" not in dangling["2"]["inputs"]


def test_links_in_a_circle_are_refused() -> None:
    nodes = [node(1, "Reroute", {"": 2}, (), "*"), node(2, "Reroute", {"": 1}, (), "*"), node(3, "A", {"image": 3})]
    links = [link(1, 1, 0, 2, 0, "*"), link(2, 2, 0, 1, 0, "*"), link(3, 1, 0, 3, 0, "*")]

    with pytest.raises(WorkflowInvalid, match="run in a circle at node 1"):
        to_api_graph(saved(nodes, links), {})


def test_a_subgraph_in_itself_is_refused() -> None:
    within = {"id": "a", "name": "Snake", "nodes": [node(1, "a")], "links": []}

    with pytest.raises(WorkflowInvalid, match="the subgraph 'Snake' holds itself"):
        to_api_graph(saved([node(1, "a")], [], definitions={"subgraphs": [within]}), {})


def test_subgraphs_that_multiply_are_refused() -> None:
    inner = [{"id": str(n), "nodes": [node(m, str(n + 1)) for m in range(9)], "links": []} for n in range(9)]

    with pytest.raises(WorkflowInvalid, match="more than 20,000 nodes"):
        to_api_graph(saved([node(1, "0")], [], definitions={"subgraphs": inner}), {})


def nested(depth: int, width: int) -> dict[str, Any]:
    """Subgraphs one in the other, each with as many fields on the outside."""
    names = [f"f{number}" for number in range(width)]

    def graph(level: int) -> dict[str, Any]:
        inner = node(1, str(level + 1) if level < depth else "Fields", {name: n for n, name in enumerate(names)})
        for slot in inner["inputs"]:
            slot["widget"] = {"name": slot["name"]}
        slots = [{"name": name, "type": "INT", "linkIds": [n]} for n, name in enumerate(names)]
        return {
            "id": str(level),
            "inputs": slots,
            "nodes": [inner],
            "links": [joined(n, -10, n, 1, n, "INT") for n in range(width)],
        }

    return saved([node(1, "1", {}, (7,))], [], definitions={"subgraphs": [graph(level + 1) for level in range(depth)]})


def test_fields_are_found_through_many_subgraphs_at_once() -> None:
    about = {"Fields": {"input": {"required": {f"f{number}": ["INT", {"default": number}] for number in range(9)}}}}

    graph = to_api_graph(nested(20, 9), about)

    assert graph[":".join(["1"] * 21)]["inputs"] == {f"f{number}": number or 7 for number in range(9)}


def test_subgraphs_without_end_are_refused() -> None:
    with pytest.raises(WorkflowInvalid, match="more than 50 subgraphs one in the other"):
        outline(nested(60, 1))


# --- before a server is known ----------------------------------------------------------------------------------------


def test_set_finds_the_nodes_of_a_workflow_and_takes_their_inputs_on_trust() -> None:
    workflow, _ = AGREED["subgraphs"]
    workflow = workflow | {"nodes": [workflow["nodes"][0] | {"title": "Model"}, *workflow["nodes"][1:]]}
    nodes = outline(workflow)

    assert address(nodes, "10:2.seed", workflow) == ("10:2", "seed")
    assert address(nodes, "KSampler#2.any.thing", workflow) == ("11:5:2", "any.thing")
    assert address(nodes, "Model.ckpt_name", workflow) == ("4", "ckpt_name")


IDLE = [
    ("10.seed", "subgraphs", "node 10 is a subgraph; address a node in it, such as `10:1`"),
    ("1.value", "primitives", "node 1 is a primitive, which ComfyUI never sees; address the inputs that it fills"),
    ("Reroute.x", "primitives", "node 3 only passes a link on"),
    ("LoraLoader.lora_name", "bypassed", "node 1 is bypassed"),
    ("EmptyLatentImage.width", "bypassed", "node 5 is muted"),
    ("Note.text", "text-to-image", "no node of the workflow fits 'Note.text'"),
    ("SaveImage.filename_prefix", "uploads", "the file name on the server"),
]


@pytest.mark.parametrize(("target", "name", "message"), IDLE)
def test_set_says_why_a_node_cannot_be_addressed(target: str, name: str, message: str) -> None:
    workflow, _ = AGREED[name]

    with pytest.raises(SetTarget) as caught:
        address(outline(workflow), target, workflow)

    assert message in str(caught.value)


def test_the_output_node_is_found_by_any_of_its_names() -> None:
    nodes = outline(saved([node(3, "SaveImage"), node(12, "SaveImage", title="Final")], []))

    assert [node_named(nodes, name) for name in ("3", "Final", "SaveImage#2")] == ["3", "12", "12"]


def essence(
    *nodes: dict[str, Any], links: list[Any] | None = None, replaced: frozenset[tuple[str, str]] = frozenset()
) -> str:
    workflow = saved(list(nodes), links or [])
    return essence_sha256(outline(workflow), replaced, workflow)


SEED = frozenset({("1", "seed")})
SIGHT = {"seed": None, "steps": None}
SAMPLER = node(1, "KSampler", SIGHT, (7, "fixed", 20))

SAME = [
    ("moved", node(1, "KSampler", SIGHT, (7, "fixed", 20), pos=[9, 9], size=[1, 1]), frozenset()),
    ("painted", node(1, "KSampler", SIGHT, (7, "fixed", 20), color="#222", flags={"collapsed": True}), frozenset()),
    ("titled", node(1, "KSampler", SIGHT, (7, "fixed", 20), title="Mine"), frozenset()),
    ("ordered", node(1, "KSampler", SIGHT, (7, "fixed", 20), order=4), frozenset()),
    ("seed drawn anew", node(1, "KSampler", SIGHT, (8, "randomize", 20)), SEED),
    ("control", node(1, "KSampler", SIGHT, (7, "randomize", 20)), frozenset()),
]
OTHER = [
    ("value", node(1, "KSampler", SIGHT, (7, "fixed", 21)), SEED),
    ("seed that set leaves alone", node(1, "KSampler", SIGHT, (8, "fixed", 20)), frozenset()),
    ("class", node(1, "KSamplerAdvanced", SIGHT, (7, "fixed", 20)), frozenset()),
    ("bypassed", node(1, "KSampler", SIGHT, (7, "fixed", 20), mode=4), frozenset()),
]


@pytest.mark.parametrize(("changed", "replaced"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_how_a_workflow_is_drawn_is_no_part_of_its_essence(changed: Any, replaced: frozenset[tuple[str, str]]) -> None:
    assert essence(SAMPLER, replaced=replaced) == essence(changed, node(2, "Note"), replaced=replaced)


@pytest.mark.parametrize(("changed", "replaced"), [row[1:] for row in OTHER], ids=[row[0] for row in OTHER])
def test_what_a_workflow_draws_is_its_essence(changed: Any, replaced: frozenset[tuple[str, str]]) -> None:
    assert essence(SAMPLER, replaced=replaced) != essence(changed, replaced=replaced)


def test_a_seed_is_found_in_older_files_by_the_word_behind_it() -> None:
    files = [node(1, "KSampler", {}, (seed, "randomize", steps)) for seed, steps in ((1, 20), (2, 20), (2, 21))]
    hashes = [essence(found, replaced=SEED) for found in files]

    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_the_number_of_a_link_is_no_part_of_the_essence_and_its_ends_are() -> None:
    loader, other = (node(n, "LoadImage", {}, ("a.png",), "IMAGE MASK") for n in (1, 3))
    hashes = [
        essence(loader, other, node(2, "SaveImage", {"images": number}), links=[link(number, origin, 0, 2, 0, "IMAGE")])
        for number, origin in ((1, 1), (8, 1), (1, 3))
    ]

    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_a_name_on_the_server_and_a_muted_node_are_no_part_of_the_essence() -> None:
    muted = node(3, "LoadImage", {}, ("a.png",), mode=2)

    assert essence(node(1, "SaveImage", {}, ("x",))) == essence(node(1, "SaveImage", {}, ("y",)), muted)


def test_a_field_of_two_instances_is_replaced_only_where_both_are() -> None:
    workflow = json.loads(json.dumps(AGREED["subgraphs"][0]))
    changed = json.loads(json.dumps(workflow))
    changed["definitions"]["subgraphs"][0]["nodes"][1]["widgets_values"][0] = 8
    of_one, of_both = frozenset({("10:2", "seed")}), frozenset({("10:2", "seed"), ("11:5:2", "seed")})

    assert essence_sha256({}, of_one, workflow) != essence_sha256({}, of_one, changed)
    assert essence_sha256({}, of_both, workflow) == essence_sha256({}, of_both, changed)


def test_a_seed_in_a_primitive_is_replaced_with_the_inputs_that_it_fills() -> None:
    def drawn(seed: int, control: str, *more: str) -> str:
        sampler = node(2, "KSampler", {"seed": 1, **dict.fromkeys(more, 1)}, (0, "fixed", 20))
        workflow = saved([node(1, "PrimitiveNode", {}, (seed, control), "INT"), sampler], [link(1, 1, 0, 2, 0, "INT")])
        return essence_sha256({}, frozenset({("2", "seed")}), workflow)

    assert drawn(1, "fixed") == drawn(2, "randomize")
    assert drawn(1, "fixed", "steps") == drawn(1, "randomize", "steps")
    assert drawn(1, "fixed", "steps") != drawn(2, "fixed", "steps")


def test_a_seed_on_the_outside_of_a_subgraph_is_replaced_with_the_one_inside() -> None:
    def drawn(seed: int, side: int) -> str:
        workflow = json.loads(json.dumps(AGREED["subgraphs"][0]))
        workflow["nodes"][1] |= {"widgets_values": [seed, side]}
        workflow["nodes"][1]["inputs"] += [{"name": name, "widget": {"name": name}} for name in ("seed", "side")]
        return essence_sha256({}, frozenset({("10:2", "seed")}), workflow)

    assert drawn(1, 64) == drawn(2, 64)
    assert drawn(1, 64) != drawn(1, 65)


def test_a_subgraph_that_nobody_uses_is_no_part_of_the_essence() -> None:
    workflow, _ = AGREED["uploads"]
    unused = {"subgraphs": [{"id": "u", "nodes": [node(1, "A")], "links": []}]}

    assert essence_sha256({}, (), workflow) == essence_sha256({}, (), workflow | {"definitions": unused})


def test_the_essence_of_a_workflow_never_changes() -> None:
    hashes = {name: essence_sha256({}, frozenset(), workflow)[:16] for name, (workflow, _) in AGREED.items()}

    assert hashes == {
        "text-to-image": "d2938e318f9fe0aa",
        "primitives": "55c487627c233465",
        "bypassed": "ded6d899db11e72e",
        "bypasses": "09d75c4514cd617b",
        "uploads": "6c2956bf6daed9cd",
        "buttons": "bd71ceefb15664da",
        "subgraphs": "06cd51238ae574fb",
        "group-node": "38baab9121567895",
        "crowded-group": "7bbf6bfec874f539",
    }


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str, str], Job]:
    """The one job of a file whose third line is an item, beside the workflow of that name."""

    def _load(name: str, item: str) -> Job:
        (tmp_path / "draw.json").write_text(json.dumps(AGREED[name][0]), encoding="utf-8")
        path = tmp_path / "a.comfyjob.yaml"
        path.write_text(f"comfyjob: 1\nitems:\n  fox: {{workflow: draw.json, {item}}}\n", encoding="utf-8")
        (job,) = load_job_file(path, tmp_path.resolve()).jobs
        return job

    return _load


def test_a_job_gets_its_graph_from_a_server_once(load: Callable[[str, str], Job]) -> None:
    job = load("subgraphs", "set: {10:2.steps: 9, 11:5:2.seed: 4}")

    fitted = for_server(job, OBJECT_INFO)
    graph = build_graph(fitted, 1, "p")

    assert [graph["10:2"]["inputs"]["steps"], graph["11:5:2"]["inputs"]["seed"]] == [9, 4]
    assert for_server(fitted, {}) is fitted


def test_an_output_node_leaves_what_it_needs(load: Callable[[str, str], Job]) -> None:
    job = for_server(load("subgraphs", "output_node: 'VAEDecode#2'"), OBJECT_INFO)

    assert set(build_graph(job, 1, "p")) == {"4", "11:5:1", "11:5:2", "13"}


def test_set_is_held_against_the_graph_at_its_place(load: Callable[[str, str], Job]) -> None:
    job = load("uploads", "set: {ImageScale.widht: 9}")

    with pytest.raises(SetTarget) as caught:
        for_server(job, OBJECT_INFO)

    assert str(caught.value.where) == "a.comfyjob.yaml:3:54"
    assert caught.value.hint == "did you mean `ImageScale.width`?"


def test_set_for_a_class_that_the_server_does_not_have_is_left_to_the_check_of_the_graph(
    load: Callable[[str, str], Job],
) -> None:
    job = for_server(load("uploads", "set: {ImageScale.width: 9}"), {})

    (first, *_) = check_graph(job, build_graph(job, 1, "p"), {})

    assert first.message == "the server has no node class 'LoadImage' (node 1)"


def test_what_cannot_become_a_graph_is_told_at_the_workflow(load: Callable[[str, str], Job]) -> None:
    job = load("uploads", "prompt: a")
    assert isinstance(job.recipe, WorkflowRecipe)
    nodes = [node(1, "Reroute", {"": 1}, (), "*"), node(2, "A", {"image": 2})]
    circle = saved(nodes, [link(1, 1, 0, 1, 0, "*"), link(2, 1, 0, 2, 0, "*")])

    with pytest.raises(WorkflowInvalid) as caught:
        for_server(replace(job, recipe=replace(job.recipe, page=circle)), {})

    assert str(caught.value.where) == "a.comfyjob.yaml:3:19"


def test_the_values_of_a_workflow_are_those_of_all_its_nodes() -> None:
    workflow, _ = AGREED["group-node"]

    values = list(input_values({}, (), workflow))

    assert {"b.safetensors", "a fox", 3.5} <= set(values)

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_comfygen.errors import SecretFound, SetTarget, Where, WorkflowInvalid, WorkflowMissing
from pytest_comfygen.language.workflow import (
    address,
    canonical_sha256,
    essence_sha256,
    input_values,
    read_workflow,
    set_values,
)
from pytest_comfygen.records import Scalar, SetValue, WorkflowRecipe

GRAPH: dict[str, dict[str, Any]] = {
    "10": {"class_type": "CLIPTextEncode", "inputs": {"text": "b"}, "_meta": {"title": "Negative"}},
    "3": {
        "class_type": "KSampler",
        "inputs": {"seed": 1, "steps": 2, "model": ["4", 0]},
        "_meta": {"title": "KSampler"},
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a"}, "_meta": {"title": "Positive prompt"}},
    "12:3": {"class_type": "Resize", "inputs": {"mode": "x", "mode.width": 64}, "_meta": {"title": "v1.5"}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["3", 0]}},
    "20": {"class_type": "Twin", "inputs": {"a": 1}, "_meta": {"title": "Copy"}},
    "21": {"class_type": "Other", "inputs": {"a": 1}, "_meta": {"title": "Copy"}},
}

ADDRESSED = [
    ("KSampler.seed", ("3", "seed")),
    ("3.seed", ("3", "seed")),
    ("KSampler.model", ("3", "model")),
    ("KSampler#1.seed", ("3", "seed")),
    ("CLIPTextEncode#1.text", ("6", "text")),
    ("CLIPTextEncode#2.text", ("10", "text")),
    ("Negative.text", ("10", "text")),
    ("Positive prompt.text", ("6", "text")),
    ("Resize.mode", ("12:3", "mode")),
    ("Resize.mode.width", ("12:3", "mode.width")),
    ("12:3.mode.width", ("12:3", "mode.width")),
    ("v1.5.mode", ("12:3", "mode")),
]

NOT_ADDRESSED = [
    ("seed", "'seed' names no input", "write `node.input`, such as `KSampler.seed`"),
    ("KSamplr.seed", "no node of the workflow fits 'KSamplr.seed'", "did you mean `KSampler.seed`?"),
    ("Positive.text", "no node of the workflow fits 'Positive.text'", "did you mean `Positive prompt.text`?"),
    ("99.seed", "no node of the workflow fits '99.seed'", "did you mean `9.seed`?"),
    (
        "Zzz.seed",
        "no node of the workflow fits 'Zzz.seed'",
        "its nodes: KSampler, CLIPTextEncode#1, CLIPTextEncode#2, SaveImage, Resize, Twin, Other",
    ),
    (
        "CLIPTextEncode.text",
        "2 nodes are called 'CLIPTextEncode'",
        "write one of `CLIPTextEncode#1`, `CLIPTextEncode#2`",
    ),
    ("Copy.a", "2 nodes are called 'Copy'", "write one of `Twin`, `Other`"),
    ("KSampler.sed", "node 3 (KSampler) has no input 'sed'", "did you mean `KSampler.seed`?"),
    ("KSampler.cfgx", "node 3 (KSampler) has no input 'cfgx'", "its inputs: seed, steps, model"),
    ("SaveImage.filename_prefix", "the file name on the server", "remove it: `output:` says where the image goes"),
]


@pytest.mark.parametrize(("target", "found"), ADDRESSED)
def test_a_target_names_one_input(target: str, found: tuple[str, str]) -> None:
    assert found == address(GRAPH, target)


@pytest.mark.parametrize(("target", "message", "hint"), NOT_ADDRESSED)
def test_a_target_that_names_none_or_several_is_refused(target: str, message: str, hint: str) -> None:
    with pytest.raises(SetTarget) as caught:
        address(GRAPH, target)

    assert message in caught.value.message
    assert hint == caught.value.hint


def test_a_number_beyond_the_last_node_is_refused() -> None:
    with pytest.raises(SetTarget, match="no node of the workflow fits"):
        address(GRAPH, "CLIPTextEncode#3.text")


def recipe(*values: Scalar) -> WorkflowRecipe:
    where = Where("jobs/a.comfyjob.yaml", 1, 1)
    sets = tuple(SetValue(f"3.{number}", "3", str(number), value, where) for number, value in enumerate(values))
    variables: dict[str, Scalar] = {"name": "kin", "width": 64, "cfg": 6.5, "on": True}
    return WorkflowRecipe(file=Path("/x.json"), sha256="", graph=GRAPH, sets=sets, variables=variables, size=None)


def test_a_lone_variable_keeps_its_type() -> None:
    values = set_values(recipe("${seed}", "${width}", "${cfg}", "${on}", "${name}"), 7)

    assert list(values.values()) == [7, 64, 6.5, True, "kin"]
    assert [int, int, float, bool, str] == [type(value) for value in values.values()]


def test_other_texts_are_filled_in() -> None:
    values = set_values(recipe("${name} ${seed}", "$$5", 3), 7)

    assert values == {"3.0": "kin 7", "3.1": "$5", "3.2": 3}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def _write(text: str) -> Path:
        path = tmp_path / "draw.json"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def test_a_workflow_is_read(write: Callable[[str], Path]) -> None:
    path = write(json.dumps(GRAPH, indent=4))

    workflow = read_workflow(path, path.parent)

    assert workflow.graph == GRAPH


def test_the_hash_is_of_the_content_not_of_the_layout(write: Callable[[str], Path]) -> None:
    path = write(json.dumps(dict(reversed(GRAPH.items()))))

    assert canonical_sha256(read_workflow(path, path.parent).graph) == canonical_sha256(GRAPH)


def test_titles_and_inputs_that_set_replaces_are_no_part_of_the_essence() -> None:
    plain = {"3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20}}}
    exported_again = {"3": {"class_type": "KSampler", "inputs": {"seed": 2, "steps": 20}, "_meta": {"title": "Draw"}}}
    with_other_steps = {"3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 21}}}
    hashes = [essence_sha256(graph, {("3", "seed")}) for graph in (plain, exported_again, with_other_steps)]

    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_the_values_of_inputs_are_found_wherever_they_stand() -> None:
    inputs = {"model": ["4", 0], "lora_1": {"on": True, "lora": "a.pt"}, "several": {"__value__": ["b.pt"]}, "seed": 1}
    graph = {"3": {"class_type": "Loader", "inputs": inputs, "_meta": {"title": "c.pt"}}}

    assert list(input_values(graph, {("3", "seed")})) == ["4", 0, True, "a.pt", "b.pt"]


def test_the_hash_never_changes() -> None:
    graph = {"1": {"class_type": "Größe", "inputs": {"b": 1.0, "a": [1, None, True]}}}

    assert canonical_sha256(graph) == "e3f591e02c8fd2ee0052db92fcc7d6ef8ae5d64e450b37e71db291bf49861771"


INVALID = [
    ("[]", "holds no nodes"),
    ("{}", "holds no nodes"),
    ("", "holds no nodes"),
    ("7", "holds no nodes"),
    ('{"nodes": [], "links": []}', "draw.json holds no nodes"),
    ('{"nodes": [{"id": 1}]}', "draw.json: the workflow has a node without `id` or `type`"),
    ('{"nodes": [{"id": 1, "type": "Note"}]}', "draw.json holds no nodes"),
    ('{"3": {"inputs": {}}}', "'3' is a node without `class_type`"),
    ('{"3": {"class_type": "A"}}', "'3' is a node without `inputs`"),
    ('{"3": {"class_type": "A", "inputs": {}}, "_meta": {}}', "'_meta' is a node without `class_type`"),
    ('{"version": 1}', "'version' is no node"),
    ('{"3": 1,}', "draw.json:1:9: this is not JSON"),
    ('{"3": {"class_type": "A", "inputs": {"x": NaN}}}', "draw.json:1:43: this is not JSON: 'NaN'"),
    ('{"3": {}, "3": {}}', "draw.json:1:11: the key '3' stands here again"),
    ("[" * 100, "nested more than 32 levels"),
]


@pytest.mark.parametrize(("text", "message"), INVALID)
def test_what_is_no_workflow_is_refused(write: Callable[[str], Path], text: str, message: str) -> None:
    path = write(text)

    with pytest.raises(WorkflowInvalid) as caught:
        read_workflow(path, path.parent)

    assert message in caught.value.message


def test_a_separator_in_a_note_is_no_reason_to_refuse_a_workflow(write: Callable[[str], Path]) -> None:
    path = write('{"1": {"class_type": "A", "inputs": {"text": "one\u2028two\\u2029three"}}}')

    assert read_workflow(path, path.parent).graph["1"]["inputs"]["text"] == "one\u2028two\u2029three"


def test_a_missing_workflow_is_refused_with_a_sibling(tmp_path: Path) -> None:
    (tmp_path / "portrait.json").touch()

    with pytest.raises(WorkflowMissing) as caught:
        read_workflow(tmp_path / "portrat.json", tmp_path)

    assert caught.value.message == "the workflow file portrat.json does not exist"
    assert caught.value.hint == "did you mean portrait.json?"


def test_a_token_in_a_workflow_has_its_place_there(write: Callable[[str], Path]) -> None:
    path = write('{\n "key": "hf_' + "a" * 30 + '"}')

    with pytest.raises(SecretFound) as caught:
        read_workflow(path, path.parent)

    assert Where("draw.json", 2, 10) == caught.value.where

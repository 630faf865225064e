from __future__ import annotations

from typing import Any

import pytest

from pytest_comfygen.sketch.catalogue import node_classes
from pytest_comfygen.sketch.validation import Verdict, validate

CATALOGUE = node_classes(["b.safetensors", "a.safetensors"], any_model=False)
GENEROUS = node_classes(["a.safetensors"], any_model=True)


def node(class_type: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


EMPTY = node("EmptyImage", width=8, height=8, batch_size=1, color=0)
SAVE = node("SaveImage", images=["1", 0], filename_prefix="x")
NOISE = node("ImageAddNoise", image=["1", 0], seed=1, strength=0.5)
SAVE_NOISE = node("SaveImage", images=["3", 0], filename_prefix="x")


def changed(original: dict[str, Any], **inputs: object) -> dict[str, Any]:
    return {**original, "inputs": original["inputs"] | inputs}


def judged(prompt: Any, **more: Any) -> Verdict:
    return validate(prompt, CATALOGUE, **more)


def faults(prompt: Any) -> dict[str, list[tuple[str, str]]]:
    """(type, details) of each node's errors."""
    errors = judged(prompt).node_errors
    return {node_id: [(fault["type"], fault["details"]) for fault in errors[node_id]["errors"]] for node_id in errors}


def test_a_good_prompt_runs_its_outputs() -> None:
    verdict = judged({"1": EMPTY, "2": SAVE})
    assert (verdict.error, verdict.outputs, verdict.node_errors) == (None, ["2"], {})


@pytest.mark.parametrize(
    ("prompt", "kind", "message", "details"),
    [
        ({}, "prompt_no_outputs", "Prompt has no outputs", ""),
        ([], "prompt_no_outputs", "Prompt has no outputs", ""),
        ({"1": EMPTY}, "prompt_no_outputs", "Prompt has no outputs", ""),
        (
            {"1": {"inputs": {}}},
            "invalid_prompt",
            "Cannot execute because a node is missing the class_type property.",
            "Node ID '#1'",
        ),
        (
            {"7": node("NoSuchNode")},
            "invalid_prompt",
            "Cannot execute because node NoSuchNode does not exist.",
            "Node ID '#7'",
        ),
    ],
)
def test_a_prompt_without_anything_to_run_is_refused_as_a_whole(
    prompt: Any, kind: str, message: str, details: str
) -> None:
    verdict = judged(prompt)
    assert verdict.error == {"type": kind, "message": message, "details": details, "extra_info": {}}
    assert verdict.node_errors == {}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ({"2": node("SaveImage")}, {"2": [("required_input_missing", "images"),
                                          ("required_input_missing", "filename_prefix")]}),
        ({"1": EMPTY, "2": changed(SAVE, images=["1", 0, 0])}, {"2": [("bad_linked_input", "images")]}),
        ({"2": SAVE}, {"2": [("exception_during_validation", "'1'")]}),
        ({"1": EMPTY, "2": changed(SAVE, images=["1", 3])},
         {"2": [("exception_during_validation", "tuple index out of range")]}),
        ({"1": EMPTY, "2": {"class_type": "SaveImage"}}, {"2": [("exception_during_validation", "'inputs'")]}),
        ({"3": NOISE, "2": SAVE_NOISE}, {"3": [("exception_during_inner_validation", "'1'")]}),
        ({"1": EMPTY, "3": node("StringLength", string=["1", 0]), "2": SAVE_NOISE},
         {"2": [("return_type_mismatch", "images, received_type(INT) mismatch input_type(IMAGE)")]}),
        ({"1": changed(EMPTY, width="wide"), "2": SAVE},
         {"1": [("invalid_input_type", "width, wide, invalid literal for int() with base 10: 'wide'")]}),
        ({"1": changed(EMPTY, width=0), "2": SAVE}, {"1": [("value_smaller_than_min", "width")]}),
        ({"1": changed(EMPTY, width=16385), "2": SAVE}, {"1": [("value_bigger_than_max", "width")]}),
        ({"3": changed(NOISE, image=["3", 0]), "2": SAVE_NOISE}, {}),
    ],
    ids=["missing", "bad link", "absent node", "absent slot", "no inputs", "inner", "type", "no number", "small", "big",
         "cycle"],
)  # fmt: skip
def test_each_fault_is_told_at_its_node(prompt: Any, expected: dict[str, list[tuple[str, str]]]) -> None:
    assert faults(prompt) == expected
    error = judged(prompt).error
    assert error is not None
    assert error["type"] == "prompt_outputs_failed_validation"


def test_details_on_top_tell_only_the_faults_of_outputs() -> None:
    of_output = judged({"2": node("SaveImage", filename_prefix="x")}).error
    of_source = judged({"1": changed(EMPTY, width=0), "2": SAVE}).error
    assert of_output is not None
    assert of_source is not None
    assert (of_output["details"], of_source["details"]) == ("Required input is missing: images", "")


def test_a_fault_comes_with_all_that_is_known() -> None:
    verdict = judged({"1": changed(EMPTY, width=0), "2": SAVE, "3": node("PreviewImage", images=["1", 0])})
    limits = {"default": 512, "min": 1, "max": 16384, "step": 1}
    assert verdict.node_errors == {
        "1": {
            "errors": [
                {
                    "type": "value_smaller_than_min",
                    "message": "Value 0 smaller than min of 1",
                    "details": "width",
                    "extra_info": {"input_name": "width", "input_config": ("INT", limits), "received_value": 0},
                }
            ],
            "dependent_outputs": ["2", "3"],
            "class_type": "EmptyImage",
        }
    }


def test_an_unknown_checkpoint_is_told_with_the_known_ones_in_order() -> None:
    graph = {"1": node("CheckpointLoaderSimple", ckpt_name="c.safetensors"), "2": SAVE}
    load = {"4": node("VAEDecode", samples=["5", 0], vae=["1", 2]), "2": changed(SAVE, images=["4", 0])}
    latent = {"5": node("EmptyLatentImage", width=16, height=16, batch_size=1)}
    assert faults(graph | load | latent) == {
        "1": [("value_not_in_list", "ckpt_name: 'c.safetensors' not in ['a.safetensors', 'b.safetensors']")]
    }


@pytest.mark.parametrize(
    ("name", "accepted"),
    [("a.safetensors", True), ("other/c.SAFETENSORS", True), ("d.ckpt", True), ("e.png", False), ("ckpt", False)],
)
def test_any_model_accepts_what_ends_like_a_weights_file(name: str, accepted: bool) -> None:  # noqa: FBT001  # a parameter of the table
    graph = {
        "1": node("CheckpointLoaderSimple", ckpt_name=name),
        "4": node("VAEDecode", samples=["5", 0], vae=["1", 2]),
        "5": node("EmptyLatentImage", width=16, height=16, batch_size=1),
        "2": changed(SAVE, images=["4", 0]),
    }
    assert (validate(graph, GENEROUS).error is None) is accepted


def test_a_long_list_is_not_sent_back() -> None:
    sampler = node("KSampler", sampler_name="eular")
    errors = judged({"3": sampler, "8": node("VAEDecode", samples=["3", 0]), "2": changed(SAVE, images=["8", 0])})
    (fault,) = [fault for fault in errors.node_errors["3"]["errors"] if fault["type"] == "value_not_in_list"]
    assert fault["details"] == "sampler_name: 'eular' not in (list of length 42)"
    assert fault["extra_info"]["input_config"] is None


def test_values_are_converted_in_a_copy() -> None:
    prompt = {"1": changed(EMPTY, width="16", color=3.7), "2": changed(SAVE, filename_prefix=7), "5": {**NOISE}}
    verdict = judged(prompt)
    assert verdict.graph["1"]["inputs"] == {"width": 16, "height": 8, "batch_size": 1, "color": 3}
    assert verdict.graph["2"]["inputs"]["filename_prefix"] == "7"
    assert prompt["1"]["inputs"]["width"] == "16"


def test_unknown_inputs_are_accepted() -> None:
    assert judged({"1": changed(EMPTY, title="x"), "2": SAVE}).error is None


def test_only_the_wanted_outputs_run() -> None:
    prompt = {"1": EMPTY, "2": SAVE, "3": node("PreviewImage", images=["1", 0])}
    assert judged(prompt, targets=["3"]).outputs == ["3"]


@pytest.mark.parametrize("prompt", [None, 5, ["1"], {"1": 5}, {"1": {"class_type": []}}])
def test_what_is_not_shaped_like_a_prompt_is_an_exception(prompt: Any) -> None:
    with pytest.raises(TypeError):
        judged(prompt)

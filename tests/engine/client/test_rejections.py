from __future__ import annotations

from typing import Any

import pytest

from pytest_comfygen.engine.client import rejections
from pytest_comfygen.errors import GraphRejected, JobError, ModelMissing, NodeMissing, ValueRefused

SAMPLERS = [f"sampler_{n}" for n in range(30)]


def complaint(kind: str, **extra: Any) -> dict[str, Any]:
    return {"type": kind, "message": "Server's words", "details": "its details", "extra_info": extra}


def document(*errors: Any, class_type: str = "KSampler") -> dict[str, Any]:
    faults = {"errors": list(errors), "dependent_outputs": ["9"], "class_type": class_type}
    return {"error": {"type": "prompt_outputs_failed_validation"}, "node_errors": {"3": faults}}


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            complaint(
                "value_not_in_list", input_name="scheduler", input_config=[["normal"], {}], received_value="nrmal"
            ),
            ValueRefused,
            "scheduler: 'nrmal' is not in the server's list; did you mean 'normal'? It has 'normal'",
        ),
        (
            complaint(
                "value_not_in_list",
                input_name="scheduler",
                input_config=["COMBO", {"options": ["a", "b"]}],
                received_value="?",
            ),
            ValueRefused,
            "scheduler: '?' is not in the server's list: it has 'a', 'b'",
        ),
        (
            complaint("value_not_in_list", input_name="lora", input_config=[[], {}], received_value="x.safetensors"),
            ModelMissing,
            "lora: 'x.safetensors' is not in the server's list, which is empty or not told",
        ),
        (
            complaint("value_smaller_than_min", input_name="steps", input_config=["INT", {"min": 1}], received_value=0),
            ValueRefused,
            "steps: 0 is less than 1",
        ),
        (
            complaint(
                "value_bigger_than_max", input_name="seed", input_config=["INT", {"max": 9}], received_value=2**64
            ),
            ValueRefused,
            "seed: 18446744073709551616 is more than 9",
        ),
        (
            complaint("invalid_input_type", input_name="cfg", input_config=["FLOAT", {}], received_value="much"),
            ValueRefused,
            "cfg: 'much' is not of type FLOAT",
        ),
        (complaint("required_input_missing", input_name="model"), GraphRejected, "model: the input is missing"),
        (
            complaint("custom_validation_failed", input_name="image"),
            GraphRejected,
            "image: Server's words: its details",
        ),
        (complaint("of_the_future"), GraphRejected, ": Server's words: its details"),
        ({}, GraphRejected, ": "),
        (3, GraphRejected, ": "),
    ],
)
def test_each_complaint_becomes_a_line(error: Any, kind: type[JobError], message: str) -> None:
    rejection = rejections.rejection(document(error))
    space = "" if message.startswith(":") else " "
    assert (kind, f"node 3 (KSampler){space}{message}") == (type(rejection), rejection.message)


def test_a_loaders_name_without_a_suffix_is_a_model_too() -> None:
    error = complaint("value_not_in_list", input_name="ckpt_name", input_config=[["a"], {}], received_value="base")
    rejection = rejections.rejection(document(error, class_type="CheckpointLoaderSimple"))
    assert type(rejection) is ModelMissing
    assert rejection.hint == "add the file to the server's models, or name another one"


@pytest.mark.parametrize(
    ("details", "hint"),
    [
        (
            "image - Invalid image file: a.png",
            "give it a file of the repository: `set: {LoadImage.image: {file: PATH}}`",
        ),
        ("image - Invalid latent", None),
    ],
)
def test_a_file_that_is_not_there_is_told_with_the_way_to_give_it(details: str, hint: str | None) -> None:
    error = complaint("custom_validation_failed", input_name="image") | {"details": details}
    rejection = rejections.rejection(document(error, class_type="LoadImage"))
    assert (GraphRejected, hint) == (type(rejection), rejection.hint)


def test_a_long_list_comes_from_object_info() -> None:
    error = complaint("value_not_in_list", input_name="sampler_name", input_config=None, received_value="sampler_9x")
    assert rejections.needs_choices(document(error))
    choices = {"KSampler": {"input": {"required": {"sampler_name": [SAMPLERS, {}]}}}}
    message = rejections.rejection(document(error), choices).message
    assert "'sampler_9x' is not in the server's list; did you mean 'sampler_9' or" in message
    assert message.endswith("'sampler_7' and 22 more")


def test_lists_that_were_told_need_no_choices() -> None:
    error = complaint("value_not_in_list", input_name="a", input_config=[["b"], {}], received_value="c")
    assert not rejections.needs_choices(document(error))


def test_the_first_complaint_is_the_message_and_nine_others_its_details() -> None:
    rejection = rejections.rejection(document(*[complaint("x", input_name=f"i{n}") for n in range(13)]))
    assert rejection.message.startswith("node 3 (KSampler) i0:")
    assert len(rejection.details) == 10
    assert rejection.details[-1] == "and 3 more"


def test_a_long_value_is_shortened() -> None:
    error = complaint("value_not_in_list", input_name="a", input_config=[["b"], {}], received_value="word " * 1000)
    assert len(rejections.rejection(document(error)).message) < 200


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            {
                "type": "invalid_prompt",
                "message": "Cannot execute because node Foo does not exist.",
                "details": "Node ID '#12'",
            },
            NodeMissing,
            "node 12: the server has no node class 'Foo'",
        ),
        (
            {"type": "missing_node_type", "extra_info": {"node_id": "12", "class_type": "Foo"}},
            NodeMissing,
            "node 12: the server has no node class 'Foo'",
        ),
        (
            {
                "type": "invalid_prompt",
                "message": "a node is missing the class_type property.",
                "details": "Node ID '#1'",
            },
            GraphRejected,
            "ComfyUI refuses the graph: a node is missing the class_type property.: Node ID '#1'",
        ),
        ({"type": "invalid_prompt_id"}, GraphRejected, "ComfyUI refuses the graph: invalid_prompt_id"),
        ({}, GraphRejected, "ComfyUI refuses the graph: no reason given"),
        ([], GraphRejected, "ComfyUI refuses the graph: no reason given"),
    ],
)
def test_a_refusal_of_the_whole_graph_is_told(error: object, kind: type[JobError], message: str) -> None:
    rejection = rejections.rejection({"error": error, "node_errors": {}})
    assert (kind, message) == (type(rejection), rejection.message)


@pytest.mark.parametrize("answer", [{}, {"node_errors": {}}, {"node_errors": []}, None])
def test_an_answer_without_complaints_takes_the_graph_whole(answer: object) -> None:
    assert rejections.partial(answer) is None

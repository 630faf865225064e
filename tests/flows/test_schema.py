"""What a server says of its nodes becomes names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pytest_comfygen.flows.schema import names_in


def node(output: list[object] | None = None, **required: object) -> dict[str, Any]:
    """A class as /object_info describes it."""
    return {"input": {"required": required}, "output": output or []}


OBJECT_INFO: Mapping[str, Mapping[str, Any]] = {
    "CheckpointLoaderSimple": node(ckpt_name=[["a.safetensors", "sdxl\\b.safetensors"], {}]),
    "UpscaleModelLoader": node(model_name=["COMBO", {"options": ["4x.pth"]}]),
    "KSampler": node(sampler_name=[["euler", "heun"], {}], scheduler=[["simple"]]),
    "Depth": node(["IMAGE", "MASK"], image=["IMAGE"], resolution=["INT", {}]),
    "Canny": node(["IMAGE"], image=["IMAGE", {}]),
}


def test_names_are_what_loaders_and_samplers_list() -> None:
    names = names_in(OBJECT_INFO, "0.3.64")

    assert names.version == "0.3.64"
    assert names.models["checkpoints"] == ["a.safetensors", "sdxl/b.safetensors"]
    assert names.models["upscale_models"] == ["4x.pth"]
    assert names.models["loras"] == []
    assert names.models.keys().isdisjoint({"unet", "clip"})
    assert (names.samplers, names.schedulers) == (("euler", "heun"), ("simple",))


@pytest.mark.parametrize(
    ("described", "is_one"),
    [
        (node(["IMAGE"], image=["IMAGE"]), True),
        (node(["MASK", "IMAGE"], image=["IMAGE"]), False),
        (node(["IMAGE"], images=["IMAGE"]), False),
        (node(["IMAGE"], image=[["a.png"], {"image_upload": True}]), False),
        (node(["LATENT"], image=["IMAGE"]), False),
        ({"output": ["IMAGE"]}, False),
        ({"input": {"optional": {"image": ["IMAGE"]}}, "output": ["IMAGE"]}, False),
    ],
)
def test_a_preprocessor_makes_a_picture_out_of_one(described: Mapping[str, Any], *, is_one: bool) -> None:
    assert ("X" in names_in({"X": described}, "1").nodes) == is_one


def test_preprocessors_are_in_order() -> None:
    assert names_in(OBJECT_INFO, "1").nodes == ["Canny", "Depth"]

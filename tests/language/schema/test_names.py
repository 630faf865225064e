"""The names of a server are offered where they can be written, and what else the language takes stays right."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from pytest_comfygen.language.schema.draft07 import json_schema
from pytest_comfygen.language.schema.names import ServerNames

NAMES = ServerNames(
    version="0.3.64",
    models={
        "checkpoints": ("sd15.safetensors", "sdxl/base.safetensors"),
        "diffusion_models": ("flux.safetensors",),
        "text_encoders": ("clip_l.safetensors",),
        "vae": ("ae.safetensors", "pixel_space"),
        "loras": ("ink.safetensors",),
        "controlnet": ("canny.safetensors",),
        "upscale_models": ("4x.pth",),
    },
    samplers=("euler", "heun"),
    schedulers=("simple",),
    nodes=("Canny", "Depth"),
)
SCHEMA = json_schema(NAMES)


def item(**keys: object) -> dict[str, object]:
    """A job file with one item."""
    return {"comfyjob": 1, "items": {"kin": keys}}


def is_valid(document: object) -> bool:
    return jsonschema.Draft7Validator(SCHEMA).is_valid(document)


def mapping(definition: str) -> dict[str, Any]:
    """The properties of a mapping."""
    part: dict[str, Any] = SCHEMA["definitions"][definition]
    properties: dict[str, Any] = part.get("anyOf", [part])[0]["properties"]
    return properties


def offered(part: dict[str, Any]) -> list[str]:
    """The names that editors offer for a key, or for an entry of its list."""
    forms = part["anyOf"]
    inner = next((form["items"]["anyOf"] for form in forms if form.get("type") == "array"), forms)
    return [name for form in inner for name in form.get("enum", ())]


def test_it_is_a_draft_07_schema_that_says_whose_names_it_has() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)

    assert SCHEMA["$comment"].endswith("those of a ComfyUI 0.3.64.")


def test_the_schema_without_names_stays_as_it_was() -> None:
    assert "sd15.safetensors" not in str(json_schema())
    assert "$comment" not in json_schema()


@pytest.mark.parametrize("definition", ["Keys", "Item", "Source", "Matrix"])
@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("checkpoint", ["sd15.safetensors", "sdxl/base.safetensors"]),
        ("diffusion_model", ["flux.safetensors"]),
        ("text_encoders", ["clip_l.safetensors"]),
        ("vae", ["ae.safetensors", "pixel_space"]),
        ("sampler", ["euler", "heun"]),
        ("scheduler", ["simple"]),
    ],
)
def test_names_are_offered_wherever_an_items_key_can_stand(definition: str, key: str, names: list[str]) -> None:
    assert offered(mapping(definition)[key]) == names


@pytest.mark.parametrize(
    ("definition", "key", "names"),
    [
        ("LoraEntry", "model", ["ink.safetensors"]),
        ("ControlNet", "model", ["canny.safetensors"]),
        ("Hires", "upscaler", ["area", "bicubic", "bilinear", "bislerp", "nearest-exact", "4x.pth"]),
        ("Refiner", "model", ["sd15.safetensors", "sdxl/base.safetensors"]),
        ("Upscale", "model", ["4x.pth"]),
        ("Preprocessor", "node", ["Canny", "Depth"]),
        (
            "ModelEntry",
            "file",
            [
                "checkpoints/sd15.safetensors",
                "checkpoints/sdxl/base.safetensors",
                "diffusion_models/flux.safetensors",
                "text_encoders/clip_l.safetensors",
                "vae/ae.safetensors",
                "loras/ink.safetensors",
                "controlnet/canny.safetensors",
                "upscale_models/4x.pth",
            ],
        ),
    ],
)
def test_names_are_offered_in_the_mappings_of_an_item(definition: str, key: str, names: list[str]) -> None:
    assert offered(mapping(definition)[key]) == names


@pytest.mark.parametrize(
    ("definition", "names"),
    [
        ("LoraEntry", ["ink.safetensors"]),
        ("Refiner", ["sd15.safetensors", "sdxl/base.safetensors"]),
        ("Upscale", ["4x.pth"]),
        ("Preprocessor", ["Canny", "Depth"]),
    ],
)
def test_names_are_offered_where_a_mapping_may_be_its_name_alone(definition: str, names: list[str]) -> None:
    short = SCHEMA["definitions"][definition]["anyOf"][1:]

    assert short == [{"enum": names}, {"type": "string"}]


@pytest.mark.parametrize(
    ("document", "valid"),
    [
        (item(checkpoint="base"), True),
        (item(checkpoint="${model}.safetensors"), True),
        (item(checkpoint="sd15.safetensors", sampler="heun", scheduler="simple"), True),
        (item(checkpoint=""), False),
        (item(sampler=None, scheduler=None, vae=None, text_encoders=None), True),
        (item(sampler="dpmpp_2m"), False),
        (item(scheduler="karras"), False),
        (item(text_encoders=["clip_l.safetensors", "mine"]), True),
        (item(text_encoders=[]), False),
        (item(loras=["ink.safetensors", "mine", {"model": "other"}]), True),
        (item(controlnet={"model": "edges", "image": "a.png", "preprocessor": "Other"}), True),
        (item(controlnet={"model": "edges"}), False),
        (item(hires={"upscaler": "bilinear"}, upscale="big"), True),
        ({"comfyjob": 1, "matrix": {"axes": {"sampler": ["anything"]}, "sampler": "heun"}}, True),
        ({"comfyjob": 1, "models": {"base": {"file": "checkpoints/new.safetensors"}}}, True),
    ],
)
def test_models_may_be_called_otherwise_and_samplers_may_not(document: object, *, valid: bool) -> None:
    assert is_valid(document) == valid


def test_a_list_that_is_empty_changes_nothing() -> None:
    bare, plain = json_schema(ServerNames(version="0.3.64")), json_schema()
    upscaler = bare["definitions"]["Hires"]["properties"].pop("upscaler")
    plain["definitions"]["Hires"]["properties"].pop("upscaler")
    del bare["$comment"]

    assert bare == plain
    assert offered(upscaler) == ["area", "bicubic", "bilinear", "bislerp", "nearest-exact"]

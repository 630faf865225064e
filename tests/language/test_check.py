from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_comfygen.language.check import check_graph
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.language.graph import build_graph
from pytest_comfygen.records import Job

MODEL = ["MODEL", {"tooltip": "x"}]


def number(kind: str, least: float, most: float) -> list[object]:
    return [kind, {"default": least, "min": least, "max": most}]


def node(inputs: Mapping[str, object], output: list[str], *, saves: bool = False) -> dict[str, object]:
    return {"input": {"required": inputs}, "output": output, "output_node": saves}


INFO: dict[str, Any] = {
    "KSampler": node(
        {
            "model": MODEL,
            "seed": number("INT", 0, 2**64 - 1),
            "steps": number("INT", 1, 500),
            "cfg": number("FLOAT", 0.0, 100.0),
            "sampler_name": [["euler", "dpmpp_2m", "ddim"], {}],
            "scheduler": ["COMBO", {"options": ["normal", "karras"]}],
            "positive": ["CONDITIONING"],
            "negative": ["CONDITIONING"],
            "latent_image": ["LATENT"],
            "denoise": number("FLOAT", 0.0, 1.0),
        },
        ["LATENT"],
    ),
    "CheckpointLoaderSimple": node({"ckpt_name": [["xl/Base.safetensors", "tiny.safetensors"], {}]}, ["M", "C", "V"]),
    "EmptyLatentImage": node({"width": number("INT", 16, 16384), "height": number("INT", 16, 16384)}, ["LATENT"]),
    "CLIPTextEncode": node({"text": ["STRING", {"multiline": True}], "clip": ["CLIP"]}, ["CONDITIONING"]),
    "VAEDecode": node({"samples": ["LATENT"], "vae": ["VAE"]}, ["IMAGE"]),
    "SaveImage": node({"images": ["IMAGE"], "filename_prefix": ["STRING"]}, [], saves=True),
    "LoadImage": node({"image": [["example.png"], {"image_upload": True}]}, ["IMAGE", "MASK"]),
    "Chooses": {"input": {"required": {}}, "output": [["a", "b"]]},
    "Odd": {
        "input": {
            "required": {"any": ["*"], "grow": ["COMFY_AUTOGROW_V3", {}], "plain": "STRING", "none": []},
            "optional": {
                "many": [["a", "b"], {"multiselect": True}],
                "one": ["COMBO", {"options": ["a", "b"], "multiselect": False}],
                "far": ["COMBO", {"remote": {}}],
            },
        },
        "output": ["IMAGE"],
    },
}


def load(root: Path, item: str) -> Job:
    """The one job of a file whose fourth line is `item`."""
    models = "models: {base: {file: checkpoints/base.ckpt, url: 'https://x.org/base.ckpt', size: 6.94 GB}}"
    path = root.resolve() / "a.comfyjob.yaml"
    path.write_text(f"comfyjob: 1\n{models}\nitems:\n  kin: {item}\n", encoding="utf-8")
    return load_job_file(path, root.resolve()).jobs[0]


def told(job: Job, *, models_open: bool = False) -> list[str]:
    errors = check_graph(job, build_graph(job, 1, "p"), INFO, models_open=models_open)
    return [f"{error.code} {error} ({error.hint})" for error in errors]


TINY = "prompt: a, checkpoint: tiny.safetensors"
SAMPLER, SCHEDULER, STEPS = "sampler_name of KSampler", "scheduler of KSampler", "steps of KSampler"

REFUSED_VALUES = [
    ("sampler: dpmpp2m", 59, f"`sampler` ({SAMPLER}) does not accept 'dpmpp2m'", "did you mean `dpmpp_2m`?"),
    ("scheduler: fast", 61, f"`scheduler` ({SCHEDULER}) does not accept 'fast'", "it accepts normal, karras"),
    ("steps: 501", 57, f"`steps` ({STEPS}) does not accept '501'", "it wants at most 500"),
]

MISSING_MODELS = [
    ("XL/base.safetensors", "XL/base.safetensors", "the server lists it as xl/Base.safetensors"),
    ("base", "base.ckpt", "download https://x.org/base.ckpt (6.94 GB) into ComfyUI's models/checkpoints/"),
    ("tiny.safetensor.pt", "tiny.safetensor.pt", "did you mean tiny.safetensors?"),
    ("zzz.ckpt", "zzz.ckpt", "the server lists xl/Base.safetensors, tiny.safetensors"),
]


def test_a_good_job_is_not_refused(tmp_path: Path) -> None:
    assert told(load(tmp_path, f"{{{TINY}}}")) == []


@pytest.mark.parametrize(("key", "column", "message", "hint"), REFUSED_VALUES)
def test_a_value_is_refused_at_its_key(tmp_path: Path, key: str, column: int, message: str, hint: str) -> None:
    assert [f"value-refused a.comfyjob.yaml:4:{column}: {message} ({hint})"] == told(
        load(tmp_path, f"{{{TINY}, {key}}}")
    )


@pytest.mark.parametrize(("checkpoint", "name", "hint"), MISSING_MODELS)
def test_a_missing_model_is_told_with_what_helps(tmp_path: Path, checkpoint: str, name: str, hint: str) -> None:
    message = f"the server has no {name!r} among its checkpoints"

    told_of_it = told(load(tmp_path, f"{{prompt: a, checkpoint: {checkpoint}}}"))

    assert [f"model-missing a.comfyjob.yaml:4:32: {message} ({hint})"] == told_of_it


def test_models_can_be_left_open(tmp_path: Path) -> None:
    assert told(load(tmp_path, "{prompt: a, checkpoint: zzz.ckpt}"), models_open=True) == []


def test_all_faults_of_a_job_are_told(tmp_path: Path) -> None:
    job = load(tmp_path, "{prompt: a, checkpoint: zzz.ckpt, sampler: x, scheduler: y}")

    codes = [error.code for error in check_graph(job, build_graph(job, 1, "p"), INFO)]
    assert sorted(codes) == ["model-missing", "value-refused", "value-refused"]


MASKED = {"class_type": "SaveImage", "inputs": {"images": ["1", 1], "filename_prefix": "x"}}
CHOOSES = {"class_type": "Chooses", "inputs": {}}
SAVE = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}


def draws(inputs: Mapping[str, object], kind: str = "LoadImage") -> dict[str, object]:
    return {"1": {"class_type": kind, "inputs": inputs}, "2": SAVE}


ODD = {"any": "x", "plain": 5, "none": 1, "far": "z", "undeclared": 1}

WORKFLOWS: list[tuple[dict[str, object], str, str]] = [
    (draws({"image": "x"}, "LoadImge"), "node-missing", "the server has no node class 'LoadImge' (node 1)"),
    (draws({}), "graph-rejected", "`image` of node 1 (LoadImage) is required and has no value"),
    (draws({"image": ["9", 0]}), "graph-rejected", "is linked to node 9, which is not in the graph"),
    (draws({"image": [2, 0]}), "graph-rejected", "is a list, which ComfyUI takes for a link"),
    (draws({"image": ["1", 0, 0]}), "graph-rejected", "is a list, which ComfyUI takes for a link"),
    (
        {"1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}}, "2": MASKED},
        "graph-rejected",
        "`images` of node 2 (SaveImage) takes the type IMAGE, and output 1 of node 1 has the type MASK",
    ),
    (draws({"image": "other.png"}), "value-refused", "(LoadImage) names 'other.png', which the server does not have"),
    (draws({"image": ["2", 0]}), "graph-rejected", "is linked to output 0 of node 2, which has 0"),
    ({"1": {"class_type": "LoadImage", "inputs": {"image": "x"}}}, "graph-rejected", "no node that saves a picture"),
    (draws({"width": "sixty", "height": 64}, "EmptyLatentImage"), "value-refused", "does not accept 'sixty'"),
    (draws({"width": "64", "height": 8}, "EmptyLatentImage"), "value-refused", "`height` of node 1"),
    (draws({"width": None, "height": 64}, "EmptyLatentImage"), "value-refused", "does not accept 'None'"),
    (draws({**ODD, "one": "c"}, "Odd"), "value-refused", "`one` of node 1 (Odd) does not accept 'c'"),
]

ACCEPTED = [
    draws({"image": "example.png"}),
    draws({"image": "sub/other.png [output]"}),  # ComfyUI looks for it in a folder of its own
    draws({**ODD, "many": {"__value__": ["a"]}}, "Odd"),
    {**draws({**ODD, "one": ["7", 0], "many": ["7", 0], "far": ["7", 0]}, "Odd"), "7": CHOOSES},  # a list of choices
    {**draws({"image": "x"}), "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 5}}},  # no output needs it
]


@pytest.mark.parametrize(("graph", "code", "message"), WORKFLOWS)
def test_what_comfyui_refuses_is_refused(tmp_path: Path, graph: dict[str, object], code: str, message: str) -> None:
    (tmp_path / "draw.json").write_text(json.dumps(graph), encoding="utf-8")

    (error,) = told(load(tmp_path, "{workflow: draw.json}"))

    assert error.startswith(f"{code} a.comfyjob.yaml:4:19: ")
    assert message in error
    assert "(None)" not in error


@pytest.mark.parametrize("graph", ACCEPTED)
def test_what_cannot_be_judged_is_left_to_comfyui(tmp_path: Path, graph: dict[str, object]) -> None:
    (tmp_path / "draw.json").write_text(json.dumps(graph), encoding="utf-8")

    assert told(load(tmp_path, "{workflow: draw.json}")) == []


def test_a_set_value_is_refused_at_its_own_place(tmp_path: Path) -> None:
    graph = draws({"width": 64, "height": 64}, "EmptyLatentImage")
    (tmp_path / "draw.json").write_text(json.dumps(graph), encoding="utf-8")

    (error,) = told(load(tmp_path, "{workflow: draw.json, set: {1.width: 8}}"))

    assert error.startswith("value-refused a.comfyjob.yaml:4:45: ")


def test_an_odd_description_is_no_reason_to_stop(tmp_path: Path) -> None:
    job = load(tmp_path, "{prompt: a, checkpoint: tiny.safetensors}")
    odd = {name: {"input": None, "output_node": name == "SaveImage"} for name in INFO}

    assert check_graph(job, build_graph(job, 1, "p"), odd) == ()

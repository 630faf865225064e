"""Every kind of generation on a real ComfyUI; what the server has no model for is skipped.

Opt-in by COMFYGEN_TEST_URL; see README.md beside this file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from pytest_comfygen.language.check import check_graph
from pytest_comfygen.language.expand import make_job
from pytest_comfygen.language.graph import build_graph
from tests.repository import Repository

URL = os.environ.get("COMFYGEN_TEST_URL", "")

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not URL, reason="needs a real ComfyUI: set COMFYGEN_TEST_URL"),
]

HEAD = """\
comfyjob: 1
output: {{dir: ../assets}}
defaults: {{checkpoint: {checkpoint}, size: 64x96, steps: 2, prompt: "portrait of ${{name}}"}}
items:
"""

# An item's keys, the size of its picture, and the folder of the model that it needs besides a checkpoint.
KINDS: dict[str, tuple[str, tuple[int, int], str | None]] = {
    "plain": ("{}", (64, 96), None),
    "clip_skip": ("{clip_skip: 2}", (64, 96), None),
    "from_file": ("{init_image: start.png, denoise: 0.5}", (64, 96), None),
    "from_item": ("{init_image: {item: plain}, denoise: 0.5}", (64, 96), None),
    "masked": ("{init_image: start.png, mask: mask.png, denoise: 0.9}", (64, 96), None),
    "hires": ("{hires: {scale: 1.5}}", (96, 144), None),
    "lora": ("{loras: [{model: %s, strength: 0.8}]}", (64, 96), "loras"),
    "vae": ("{vae: %s}", (64, 96), "vae"),
    "upscaled": ("{upscale: {model: %s, scale: 2}}", (128, 192), "upscale_models"),
    "hires_by_model": ("{hires: {scale: 2, upscaler: %s}}", (128, 192), "upscale_models"),
}
FAMILIES: dict[str, dict[str, Any]] = {
    "flux": {"text_encoders": ["clip_l.safetensors", "t5xxl.safetensors"], "guidance": 3.0},
    "sd3": {"text_encoders": ["l.safetensors", "g.safetensors", "t5.safetensors"], "shift": 3.0},
    "qwen-image": {"text_encoders": ["qwen.safetensors"], "negative": "blurred"},
    "z-image": {"text_encoders": ["qwen_3.safetensors"], "loras": ["style.safetensors"]},
}


@pytest.fixture(scope="module")
def listed() -> dict[str, list[str]]:
    """The models that the server has, by folder."""
    folders = ("checkpoints", "loras", "vae", "upscale_models")
    found: dict[str, list[str]] = {
        folder: requests.get(f"{URL}/models/{folder}", timeout=10).json() for folder in folders
    }
    if not found["checkpoints"]:
        pytest.skip("the server has no checkpoint")
    return found


@pytest.fixture
def made(repository: Repository, listed: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> Repository:
    """An image of each kind that the server has the models for, made."""
    monkeypatch.setenv("COMFYGEN_URL", URL)
    (repository.path / "jobs" / "kins.comfyjob.yaml").unlink()
    start = Image.linear_gradient("L").resize((96, 96)).convert("RGB")
    start.save(repository.path / "jobs" / "start.png")
    mask = Image.new("L", (64, 96))
    mask.paste(255, (0, 0, 64, 48))
    mask.save(repository.path / "jobs" / "mask.png")
    items = [
        f"  {name}: {keys % listed[folder][0] if folder else keys}\n"
        for name, (keys, _, folder) in KINDS.items()
        if folder is None or listed[folder]
    ]
    repository.write("jobs/kinds.comfyjob.yaml", HEAD.format(checkpoint=listed["checkpoints"][0]) + "".join(items))
    assert repository.images_line(repository.run("jobs")) == f"images: {len(items)} generated"
    return repository


def pixels(path: Path) -> tuple[tuple[int, int], bytes]:
    with Image.open(path) as picture:
        return picture.size, picture.convert("RGB").tobytes()


def test_every_kind_makes_a_picture_of_its_own_and_the_same_one_again(made: Repository) -> None:
    found = {path.stem: path for path in sorted((made.path / "assets").glob("*.png"))}
    seen = {name: pixels(path) for name, path in found.items()}

    assert {name: size for name, (size, _) in seen.items()} == {name: KINDS[name][1] for name in found}
    assert len({data for _, data in seen.values()}) == len(found)
    assert made.images_line(made.run("jobs")) == f"images: {len(found)} current"
    assert made.images_line(made.run("jobs", "--comfy-update", "all")) == f"images: {len(found)} identical"


def test_what_the_mask_leaves_out_stays_as_it_was(made: Repository) -> None:
    with Image.open(made.path / "assets" / "masked.png") as picture, Image.open(made.path / "jobs/start.png") as start:
        below = picture.convert("RGB").crop((0, 60, 64, 96))
        was = start.crop((16, 60, 80, 96))

    assert max(abs(a - b) for a, b in zip(below.tobytes(), was.tobytes(), strict=True)) <= 1


def test_another_start_makes_all_that_comes_from_it_stale_and_nothing_else(made: Repository) -> None:
    Image.linear_gradient("L").rotate(90).resize((96, 96)).convert("RGB").save(made.path / "jobs" / "start.png")

    result = made.run("jobs", "-k", "from_file or masked or from_item or plain")

    assert made.images_line(result) == "images: 2 generated, 2 current"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_server_knows_every_node_and_value_of_a_family(family: str, tmp_path: Path) -> None:
    """But for the models, which nobody needs to have for this."""
    object_info = requests.get(f"{URL}/object_info", timeout=60).json()
    keys = {
        "prompt": "a dwarf",
        "family": family,
        "diffusion_model": "model.safetensors",
        "vae": "vae.safetensors",
        **FAMILIES[family],
        "init_image": "start.png",
        "controlnet": {
            "model": "canny.safetensors",
            "image": "pose.png",
            "preprocessor": {"node": "Canny", "inputs": {"low_threshold": 0.4, "high_threshold": 0.8}},
        },
        "hires": {"scale": 1.5},
        "upscale": "4x.safetensors",
    }
    root = tmp_path.resolve()
    job = make_job(keys, name="kin", root=root, file=root / "test_a.py")

    assert check_graph(job, build_graph(job, 7, "p"), object_info, models_open=True) == ()

"""Every kind of generation on a real ComfyUI; what the server has no model for is skipped.

Opt-in by COMFYGEN_TEST_URL; see README.md beside this file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

import pytest
import requests
from PIL import Image

from pytest_comfygen.language import families
from pytest_comfygen.language.check import check_graph
from pytest_comfygen.language.expand import make_job
from pytest_comfygen.language.families import Family
from pytest_comfygen.language.graph import build_graph
from tests.documentation import family_row
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
    "refined": ("{refiner: {model: %s, start: 0.5}}", (64, 96), "checkpoints"),
    "refined_start": ("{refiner: %s, init_image: start.png, denoise: 0.5}", (64, 96), "checkpoints"),
    "hires": ("{hires: {scale: 1.5}}", (96, 144), None),
    "lora": ("{loras: [{model: %s, strength: 0.8}]}", (64, 96), "loras"),
    "vae": ("{vae: %s}", (64, 96), "vae"),
    "upscaled": ("{upscale: {model: %s, scale: 2}}", (128, 192), "upscale_models"),
    "hires_by_model": ("{hires: {scale: 2, upscaler: %s}}", (128, 192), "upscale_models"),
}
FAMILIES: dict[str, dict[str, Any]] = {
    **{name: {"text_encoders": ["t5.safetensors"], "negative": "blurred"} for name in family_row()},
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
        f"  {name}: {keys % listed[folder][-1] if folder else keys}\n"
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
def test_the_server_knows_every_node_and_value_of_a_family(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the models, which nobody needs to have for this; also of the family that the page adds."""
    for name, row in family_row().items():
        monkeypatch.setitem(cast("dict[str, Family]", families.FAMILIES), name, row)
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


# --- transparent backgrounds, and files for workflows -----------------------------------------------------------------

MAGENTA = 0xFF00FF
CUT = """\
  cut:
    init_image: magenta.png
    mask: middle.png
    transparent: {node: ImageColorToMask, inputs: {color: %d}, gives: %s}
"""
SOFT = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "nobody.png"}},
    "2": {"class_type": "LoadImageMask", "inputs": {"image": "nobody.png", "channel": "red"}},
    "3": {"class_type": "ImageBlur", "inputs": {"image": ["1", 0], "blur_radius": 2, "sigma": 1.0}},
    "4": {"class_type": "JoinImageWithAlpha", "inputs": {"image": ["3", 0], "alpha": ["2", 0]}},
    "5": {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "filename_prefix": "soft"}},
}


@pytest.fixture
def pictures(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with a picture of one colour, a mask, and a workflow that loads two files."""
    monkeypatch.setenv("COMFYGEN_URL", URL)
    (repository.path / "jobs" / "kins.comfyjob.yaml").unlink()
    Image.new("RGB", (64, 96), MAGENTA).save(repository.path / "jobs" / "magenta.png")
    mask = Image.new("L", (64, 96))
    mask.paste(255, (16, 24, 48, 72))
    mask.save(repository.path / "jobs" / "middle.png")
    repository.write("jobs/soft.json", json.dumps(SOFT))
    return repository


def alphas(path: Path) -> tuple[object, object]:
    """A picture's alpha in a corner and in the middle."""
    with Image.open(path) as picture:
        alpha = picture.getchannel("A")
        return alpha.getpixel((2, 2)), alpha.getpixel((32, 48))


@pytest.mark.parametrize(("gives", "expected"), [("background", (0, 255)), ("mask", (255, 0))])
def test_a_node_makes_the_background_transparent(
    pictures: Repository, listed: dict[str, list[str]], gives: str, expected: tuple[int, int]
) -> None:
    text = HEAD.format(checkpoint=listed["checkpoints"][0]) + CUT % (MAGENTA, gives)
    pictures.write("jobs/cut.comfyjob.yaml", text)

    assert pictures.images_line(pictures.run("jobs")) == "images: 1 generated"
    assert alphas(pictures.image("cut")) == expected
    assert pictures.images_line(pictures.run("jobs", "--comfy-update", "all")) == "images: 1 identical"


def test_a_workflow_loads_files_of_the_repository_and_what_an_item_makes(pictures: Repository) -> None:
    Image.linear_gradient("L").resize((64, 96)).convert("RGB").save(pictures.path / "jobs" / "start.png")
    sets = "LoadImage.image: {file: start.png}, LoadImageMask.image: {file: middle.png}"
    pictures.write(
        "jobs/soft.comfyjob.yaml",
        "comfyjob: 1\noutput: {dir: ../assets}\ndefaults: {workflow: soft.json}\nitems:\n"
        f"  soft: {{set: {{{sets}}}}}\n"
        "  softer: {set: {LoadImage.image: {item: soft}, LoadImageMask.image: {item: soft}}}\n",
    )

    assert pictures.images_line(pictures.run("jobs")) == "images: 2 generated"
    assert alphas(pictures.image("soft")) == (255, 0)
    assert pictures.images_line(pictures.run("jobs")) == "images: 2 current"
    assert pictures.images_line(pictures.run("jobs", "--comfy-update", "all")) == "images: 2 identical"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nobody-has-it.png", "*[[]value-refused[]]*names 'nobody-has-it.png', which the server does not have*"),
        ("nobody/has-it.png", "*[[]graph-rejected[]]*Invalid image file: nobody/has-it.png*"),
    ],
)
def test_a_file_that_the_server_has_not_is_told_with_the_way_to_give_it(
    pictures: Repository, name: str, told: str
) -> None:
    pictures.write(
        "jobs/soft.comfyjob.yaml",
        "comfyjob: 1\ndefaults: {workflow: soft.json, set: {LoadImageMask.image: {file: middle.png}}}\n"
        f"items: {{soft: {{set: {{LoadImage.image: {name}}}}}}}\n",
    )

    pictures.run("jobs").stdout.fnmatch_lines([told, "*`set: {LoadImage.image: {file: PATH}}`*"])

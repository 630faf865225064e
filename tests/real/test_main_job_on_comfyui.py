"""The main job on a real ComfyUI: what the behaviours show on the stand-in holds where it counts.

Opt-in by COMFYGEN_TEST_URL; see README.md beside this file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.repository import Repository

URL = os.environ.get("COMFYGEN_TEST_URL", "")

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not URL, reason="needs a real ComfyUI: set COMFYGEN_TEST_URL"),
]

NOISE = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 8421504}},
    "2": {"class_type": "ImageAddNoise", "inputs": {"image": ["1", 0], "seed": 1, "strength": 0.5}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}},
}

KINS = """\
comfyjob: 1
output: {{dir: ../assets}}
defaults: {{checkpoint: {checkpoint}, size: 64x64, steps: 2, prompt: "portrait of ${{name}}"}}
items:
  one: {{}}
  two: {{}}
  three: {{seed: 3}}
  four: {{negative: text}}
  five: {{sampler: dpmpp_2m, scheduler: karras}}
  six: {{cfg: 3}}
"""

SMOKE = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {workflow: noise.json, size: 64x64, set: {ImageAddNoise.seed: "${seed}"}}
items: {noise: {}, more: {}}
"""


@pytest.fixture(scope="module")
def checkpoint() -> str:
    """A checkpoint that the server has."""
    loader = requests.get(f"{URL}/object_info/CheckpointLoaderSimple", timeout=10).json()["CheckpointLoaderSimple"]
    names: list[str] = loader["input"]["required"]["ckpt_name"][0]
    if not names:
        pytest.skip("the server has no checkpoint")
    return names[0]


@pytest.fixture
def made(repository: Repository, checkpoint: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Six images from a checkpoint and two from a workflow, made."""
    monkeypatch.setenv("COMFYGEN_URL", URL)
    repository.write("jobs/noise.json", json.dumps(NOISE))
    repository.write("jobs/smoke.comfyjob.yaml", SMOKE)
    repository.write("jobs/kins.comfyjob.yaml", KINS.format(checkpoint=checkpoint))
    result = repository.run("jobs")
    assert repository.images_line(result) == "images: 8 generated"
    return repository


def snapshot(directory: Path) -> dict[str, tuple[bytes, int]]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_every_image_is_a_picture_of_its_own(made: Repository) -> None:
    pictures = set()
    for path in (made.path / "assets").glob("*.png"):
        with Image.open(path) as image:
            assert (image.size, image.mode, image.text) == ((64, 64), "RGB", {})  # type: ignore[attr-defined]  # a PNG
            pictures.add(image.tobytes())

    assert len(pictures) == 8


def test_a_second_run_makes_no_request_at_all(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(made.path / "assets")
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")

    result = made.run("jobs")

    assert made.images_line(result) == "images: 8 current"
    assert snapshot(made.path / "assets") == before


def test_changed_steps_make_just_those_items_stale_in_words(made: Repository) -> None:
    made.edit_job("four: {", "four: {steps: 3, ")

    checked = made.run("jobs", "--comfy-check")
    result = made.run("jobs")

    checked.stdout.fnmatch_lines(["*assets/four.png is stale: steps 2 → 3"])
    assert made.images_line(result) == "images: 1 generated, 7 current"


def test_a_deleted_image_is_made_again_with_the_same_pixels(made: Repository) -> None:
    pixels = made.record("two")["pixels_sha256"]
    made.image("two").unlink()

    result = made.run("jobs", "--comfy-cache", "0")

    assert made.images_line(result) == "images: 1 generated, 7 current"
    assert made.record("two")["pixels_sha256"] == pixels


def test_a_deleted_image_that_this_machine_has_kept_needs_no_server(made: Repository) -> None:
    before = made.image("two").read_bytes()
    made.image("two").unlink()

    result = made.run("jobs", "--comfy-url", "http://127.0.0.1:9")

    assert made.images_line(result) == "images: 1 restored, 7 current"
    assert made.image("two").read_bytes() == before


def test_update_all_is_identical_and_touches_no_file(made: Repository) -> None:
    before = snapshot(made.path / "assets")

    result = made.run("jobs", "--comfy-update", "all")

    assert made.images_line(result) == "images: 8 identical"
    assert snapshot(made.path / "assets") == before


def test_a_change_that_changes_no_pixel_is_identical_once_and_then_current(made: Repository) -> None:
    path = made.path / "jobs" / "smoke.comfyjob.yaml"
    path.write_text(SMOKE.replace("noise: {}", "noise: {prompt: nobody uses this}"), encoding="utf-8")

    lines = [made.images_line(made.run("jobs/smoke.comfyjob.yaml")) for _ in range(2)]

    assert lines == ["images: 1 current, 1 identical", "images: 2 current"]


def test_a_typo_is_found_before_anything_is_queued(made: Repository) -> None:
    made.edit_job("sampler: dpmpp_2m", "sampler: dpmpp2m")
    made.edit_job("one: {}", "one: {steps: 3}")

    result = made.run("jobs")

    assert made.images_line(result) == "images: 1 generated, 6 current, 1 failed"
    result.stdout.fnmatch_lines(["*[[]value-refused[]] jobs/kins.comfyjob.yaml:*dpmpp2m*", "*dpmpp_2m*"])


def test_workers_share_the_server(made: Repository) -> None:
    made.edit_job("steps: 2", "steps: 1")

    result = made.run("jobs", "-n2")

    assert made.images_line(result) == "images: 6 generated, 2 current"

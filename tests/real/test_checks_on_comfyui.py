"""The checks on pictures of a real ComfyUI: what is wrong is refused by default, and nothing ordinary is.

Opt-in by COMFYGEN_TEST_URL; see README.md beside this file. COMFYGEN_TEST_SHEET names a file that gets a contact sheet.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from tests.real.ordinary import COUNT, write_ordinary
from tests.repository import Repository

URL = os.environ.get("COMFYGEN_TEST_URL", "")
SHEET = os.environ.get("COMFYGEN_TEST_SHEET", "")

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not URL, reason="needs a real ComfyUI: set COMFYGEN_TEST_URL"),
]

WORKFLOW = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {workflow: graph.json, size: 64x64}
items: {kin: {}}
"""


@pytest.fixture(scope="module")
def checkpoints() -> list[str]:
    """The checkpoints that the server has."""
    found: list[str] = requests.get(f"{URL}/models/checkpoints", timeout=10).json()
    if not found:
        pytest.skip("the server has no checkpoint")
    return found


@pytest.fixture
def served(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository without jobs, and the server."""
    monkeypatch.setenv("COMFYGEN_URL", URL)
    (repository.path / "jobs" / "kins.comfyjob.yaml").unlink()
    return repository


def drawn_by(repository: Repository, graph: dict[str, Any], job_file: str = WORKFLOW) -> Repository:
    """The repository with a job for this graph."""
    repository.write("jobs/graph.json", json.dumps(graph))
    repository.write("jobs/kins.comfyjob.yaml", job_file)
    return repository


def noise(width: int) -> dict[str, Any]:
    """A picture of noise."""
    return {
        "1": {"class_type": "EmptyImage", "inputs": {"width": width, "height": 64, "batch_size": 1, "color": 255}},
        "2": {"class_type": "ImageAddNoise", "inputs": {"image": ["1", 0], "seed": 1, "strength": 0.5}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}},
    }


def overflowing(checkpoint: str) -> dict[str, Any]:
    """A latent image that grows until it is infinite, of which the VAE makes NaN, and ComfyUI a black picture."""
    graph = noise(64)
    graph["10"] = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": checkpoint}}
    graph["20"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["2", 0], "vae": ["10", 2]}}
    for number in range(21, 71):
        inputs = {"samples": [str(number - 1), 0], "multiplier": 10.0}
        graph[str(number)] = {"class_type": "LatentMultiply", "inputs": inputs}
    graph["80"] = {"class_type": "VAEDecode", "inputs": {"samples": ["70", 0], "vae": ["10", 2]}}
    graph["3"]["inputs"]["images"] = ["80", 0]
    return graph


def test_what_a_vae_makes_of_nan_is_refused_as_black(served: Repository, checkpoints: list[str]) -> None:
    result = drawn_by(served, overflowing(checkpoints[0])).run("jobs")

    assert served.images_line(result) == "images: 1 failed"
    result.stdout.fnmatch_lines(["*the new picture of kin failed: black"])
    with Image.open(served.path / ".comfygen" / "rejected" / "assets" / "kin.png") as picture:
        assert picture.getextrema() == ((0, 0),) * 3


def test_a_picture_of_another_size_is_refused(served: Repository) -> None:
    result = drawn_by(served, noise(72)).run("jobs")

    result.stdout.fnmatch_lines(["*the new picture of kin failed: wrong-size", "*wrong-size  72x64  64x64"])


def test_of_two_equal_pictures_one_is_refused(served: Repository) -> None:
    result = drawn_by(served, noise(64), WORKFLOW.replace("kin: {}", "kin: {}, twin: {}")).run("jobs")

    assert served.images_line(result) == "images: 1 generated, 1 failed"
    result.stdout.fnmatch_lines(["*the new picture of twin failed: duplicate"])


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_truncated_picture_is_found_and_comes_back_from_the_cache(served: Repository, share: float) -> None:
    drawn_by(served, noise(64)).run("jobs").assert_outcomes(passed=1)
    whole = served.image("kin").read_bytes()
    served.image("kin").write_bytes(whole[: int(len(whole) * share)])

    checked, restored = served.run("jobs", "--comfy-check"), served.run("jobs")

    checked.stdout.fnmatch_lines(["*[[]stale[]] *assets/kin.png is stale: the image is damaged: *"])
    assert [served.images_line(one) for one in (checked, restored)] == ["images: 1 stale", "images: 1 restored"]
    assert served.image("kin").read_bytes() == whole


def test_no_ordinary_picture_is_refused(served: Repository, checkpoints: list[str]) -> None:
    write_ordinary(served, checkpoints)

    lines = [served.images_line(served.run("jobs", *check)) for check in ([], ["--comfy-check"])]

    if SHEET:
        write_sheet(served.path / "assets", Path(SHEET))
    assert lines == [f"images: {COUNT} generated", f"images: {COUNT} current"]


def write_sheet(assets: Path, target: Path) -> None:
    """All pictures side by side, for a person to look at."""
    paths = sorted(assets.glob("*.png"))
    sheet = Image.new("RGB", (20 * 68, -(-len(paths) // 20) * 68), "magenta")
    for number, path in enumerate(paths):
        with Image.open(path) as picture:
            shown = picture.convert("RGBA")
        sheet.paste(shown, (number % 20 * 68, number // 20 * 68), shown)
    sheet.save(target)

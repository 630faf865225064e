"""Checkpoints that lie in directories."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pytest_comfygen.sketch.options import parse
from pytest_comfygen.sketch.shelf import Shelf


def test_weights_are_listed_by_their_paths_and_nothing_else_is(tmp_path: Path) -> None:
    for name in ("b.safetensors", "sdxl/a.CKPT", "notes.txt", "c.safetensors.part", ".git/d.pt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "other").mkdir()
    shelf = Shelf(names=("z.safetensors",), directories=(tmp_path, tmp_path / "absent"))
    assert shelf.checkpoints() == ["b.safetensors", os.path.join("sdxl", "a.CKPT"), "z.safetensors"]  # noqa: PTH118  # as ComfyUI lists it


def test_a_file_in_two_directories_is_listed_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.safetensors").touch()
    assert Shelf(directories=(tmp_path / "one", tmp_path / "two")).checkpoints() == ["a.safetensors"]


def test_a_directory_takes_the_place_of_the_well_known_names() -> None:
    assert parse(["--checkpoint-dir", "models"]).checkpoints == ()
    assert parse(["--checkpoint-dir", "models", "--checkpoint", "a.ckpt"]).checkpoints == ("a.ckpt",)


def test_a_file_that_comes_later_is_listed_and_accepted_without_a_restart(tmp_path: Path, start: Any) -> None:
    def listed(sketch: Any) -> tuple[Any, Any]:
        loader = sketch.ask("GET", "/object_info/CheckpointLoaderSimple").json()["CheckpointLoaderSimple"]
        return sketch.ask("GET", "/models/checkpoints").json(), loader["input"]["required"]["ckpt_name"][0]

    prompt = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "late.safetensors"}},
        "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 16, "height": 16, "batch_size": 1}},
        "3": {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0], "vae": ["1", 2]}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "kin"}},
    }
    with start("--checkpoint-dir", str(tmp_path)) as sketch:
        assert listed(sketch) == ([], [])
        assert sketch.ask("POST", "/prompt", json={"prompt": prompt}).status_code == 400
        (tmp_path / "late.safetensors").touch()
        assert listed(sketch) == (["late.safetensors"], ["late.safetensors"])
        assert sketch.finished(sketch.submit(prompt))["status"]["completed"]

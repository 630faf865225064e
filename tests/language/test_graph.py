from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.language.expand import make_job
from pytest_comfygen.language.graph import build_graph, canonical_sha256, family, recipe_number
from pytest_comfygen.records import Job

WORKFLOW = """\
{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
 "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "mine"}},
 "3": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}
"""


@pytest.fixture
def checkpoint_job(tmp_path: Path) -> Job:
    values = {"prompt": "a dwarf", "negative": "text", "checkpoint": "xl/base.ckpt", "size": "832x1216", "cfg": 6}
    return make_job(values, name="kin", root=tmp_path.resolve(), file=tmp_path.resolve() / "test_a.py")


@pytest.fixture
def workflow_job(tmp_path: Path) -> Job:
    (tmp_path / "draw.json").write_text(WORKFLOW, encoding="utf-8")
    values = {"workflow": "draw.json", "size": "96x128", "set": {"1.width": "${width}", "EmptyImage.color": "${seed}"}}
    return make_job(values, name="kin", root=tmp_path.resolve(), file=tmp_path.resolve() / "test_a.py")


def test_the_checkpoint_graph_never_changes_its_shape(checkpoint_job: Job) -> None:
    expected = {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "seed": 7,
                "steps": 20,
                "cfg": 6.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1.0,
                "model": ["4", 0],
                "positive": ["6", 0],
                "negative": ["7", 0],
                "latent_image": ["5", 0],
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "xl/base.ckpt"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 832, "height": 1216, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dwarf", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "p"}},
    }

    assert expected == build_graph(checkpoint_job, 7, "p")


def test_a_workflow_gets_its_sets_and_the_prefix(workflow_job: Job) -> None:
    graph = build_graph(workflow_job, 7, "p")

    assert graph["1"]["inputs"] == {"width": 96, "height": 64, "batch_size": 1, "color": 7}
    assert graph["2"]["inputs"] == {"images": ["1", 0], "filename_prefix": "p"}
    assert graph["3"]["inputs"] == {"images": ["1", 0]}


def test_building_a_graph_changes_nothing(workflow_job: Job) -> None:
    before = canonical_sha256(build_graph(workflow_job, 1, "p"))
    build_graph(workflow_job, 2, "q")

    assert before == canonical_sha256(build_graph(workflow_job, 1, "p"))


def test_families_and_recipes_have_names_and_numbers(checkpoint_job: Job, workflow_job: Job) -> None:
    assert (family(checkpoint_job), recipe_number(checkpoint_job)) == ("checkpoint", 1)
    assert (family(workflow_job), recipe_number(workflow_job)) == ("workflow", 0)

"""What cannot be had of an image's models is told at the place of the key that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.errors import Offline
from pytest_comfygen.flows.models import Models, as_listed, models_by_key
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.records import Environment, Job
from pytest_comfygen.settings import resolve

JOBS = """\
comfyjob: 1
models:
  brush: {file: loras/brush.safetensors, url: "https://huggingface.co/o/r/resolve/main/b.safetensors", sha256: SHA256}
output: {dir: ../assets}
items:
  kin_dwarf:
    checkpoint: base.safetensors
    loras: [brush]
    prompt: a dwarf
"""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    path = tmp_path / "jobs" / "kins.comfyjob.yaml"
    path.parent.mkdir()
    path.write_text(JOBS.replace("SHA256", "a" * 64))
    (job,) = load_job_file(path, tmp_path).jobs
    return job


@pytest.fixture
def models(tmp_path: Path) -> Models:
    """With a checkpoint, and a network that nobody may use."""
    checkpoint = tmp_path / "tools/ComfyUI/models/checkpoints/base.safetensors"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    given: dict[str, object] = {"comfy_download": True, "comfy_install": "never"}
    premises = Premises(
        settings=resolve(given.get, {}, lambda _name: None),
        root=tmp_path,
        local_directory=lambda _name: tmp_path,
        environment=Environment({"HF_HUB_OFFLINE": "1"}),
        notify=lambda _event: None,
    )
    return Models(premises)


def test_a_lora_that_was_not_downloaded_is_told_at_its_own_place(job: Job, models: Models) -> None:
    models.provide([job], lambda: None)

    with pytest.raises(Offline) as caught:
        models.check_download(job)
    assert str(caught.value.where) == "jobs/kins.comfyjob.yaml:8:13"


def test_a_graph_calls_models_as_the_server_lists_them(job: Job) -> None:
    listed = as_listed(job, {"checkpoints": ("SDXL\\Base.safetensors",), "loras": ("other.safetensors",)})

    names = {key: model.name for key, model in models_by_key(listed).items()}
    assert names == {"checkpoint": "SDXL\\Base.safetensors", "loras.0.model": "brush.safetensors"}


def test_a_job_whose_models_are_called_so_already_stays_what_it_is(job: Job) -> None:
    assert as_listed(job, {"checkpoints": ("base.safetensors",)}) is job

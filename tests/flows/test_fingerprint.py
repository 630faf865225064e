"""What makes an image stale, and what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_comfygen.flows.fingerprint import compare, fingerprint_of
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.records import Fingerprint, Job, Model, Part, Reason

JOB = """\
comfyjob: 1
models: {base: {file: checkpoints/a.safetensors, sha256: %s}}
items:
  kin: {checkpoint: base, prompt: a dwarf, steps: 20}
"""


def job(root: Path, text: str) -> Job:
    path = root.resolve() / "kins.comfyjob.yaml"
    path.write_text(text, encoding="utf-8")
    return load_job_file(path, root.resolve()).jobs[0]


def test_the_fingerprint_holds_values_that_people_can_read(tmp_path: Path) -> None:
    fingerprint = fingerprint_of(job(tmp_path, JOB % ("ab" * 32)), 7)

    assert fingerprint == Fingerprint(
        prompt={"prompt": "a dwarf", "negative": ""},
        params={
            "family": "checkpoint",
            "seed": 7,
            "size": "512x512",
            "steps": 20,
            "cfg": 7.0,
            "sampler": "euler",
            "scheduler": "normal",
        },
        models={"checkpoint": "a.safetensors", "checkpoint_sha256": "ab" * 32},
    )


WORKFLOW_JOB = """\
comfyjob: 1
models: {base: {file: checkpoints/a.safetensors%s}, other: {file: loras/b.safetensors}}
items:
  kin: {workflow: load.json, set: {Loader.seed: "${seed}"}}
"""
ALL: tuple[Part, ...] = ("prompt", "params", "workflow", "models", "inputs")


def workflow_job(root: Path, declared: str = "") -> Job:
    """A job whose workflow loads one of two declared models."""
    inputs = '{"seed": 1, "ckpt_name": "A.safetensors"}'
    (root / "load.json").write_text(f'{{"1": {{"class_type": "Loader", "inputs": {inputs}}}}}', encoding="utf-8")
    return job(root, WORKFLOW_JOB % declared)


def test_the_models_of_a_workflow_are_hashes_under_their_roles(tmp_path: Path) -> None:
    declared = workflow_job(tmp_path, f", sha256: {'ab' * 32}")

    assert fingerprint_of(declared, 7).models == {"base_sha256": "ab" * 32}


@pytest.mark.parametrize("declared", ["", f", sha256: {'ab' * 32}"], ids=["unknown", "declared"])
def test_a_record_from_before_workflows_had_models_stays_current(tmp_path: Path, declared: str) -> None:
    now = fingerprint_of(workflow_job(tmp_path, declared), 7)
    before = replace(now, models={})

    assert compare(before, now, ALL) == ((), ("base_sha256",))


def test_other_content_of_a_model_makes_a_workflow_image_stale(tmp_path: Path) -> None:
    old, new = (fingerprint_of(workflow_job(tmp_path, f", sha256: {sha * 32}"), 7) for sha in ("ab", "cd"))

    reason = Reason("changed", "models", "base_sha256", "ab" * 32, "cd" * 32)
    assert compare(old, new, ALL) == ((reason,), ())


def test_a_hash_that_only_this_machine_knows_gets_in(tmp_path: Path) -> None:
    asked: list[Model] = []

    def measured(model: Model) -> str:
        asked.append(model)
        return "ef" * 32

    of_checkpoint = fingerprint_of(job(tmp_path, JOB % ("ab" * 32)), 7, measured)
    of_workflow = fingerprint_of(workflow_job(tmp_path), 7, measured)

    assert of_checkpoint.models == {"checkpoint": "a.safetensors", "checkpoint_sha256": "ef" * 32}
    assert of_workflow.models == {"base_sha256": "ef" * 32}
    assert [model.name for model in asked] == ["a.safetensors", "a.safetensors"]


@pytest.mark.parametrize(
    ("old", "new", "reasons"),
    [
        ({"steps": 20}, {"steps": 20}, ()),
        ({"steps": 20}, {"steps": 28}, (Reason("changed", "params", "steps", 20, 28),)),
        ({"cfg": 7}, {"cfg": 7.0}, ()),
        ({}, {"size": "64x64"}, (Reason("changed", "params", "size", None, "64x64"),)),
    ],
)
def test_a_changed_value_is_a_reason(old: dict[str, int], new: dict[str, int], reasons: tuple[Reason, ...]) -> None:
    compared = compare(Fingerprint(prompt={}, params=old), Fingerprint(prompt={}, params=new), ("params",))

    assert compared == (reasons, ())


def test_only_the_parts_in_stale_on_count() -> None:
    old, new = Fingerprint(prompt={"prompt": "a"}, params={}), Fingerprint(prompt={"prompt": "b"}, params={})

    assert compare(old, new, ("params", "models")) == ((), ())


@pytest.mark.parametrize(("old", "new"), [(None, None), (None, "ab"), ("ab", None)])
def test_a_hash_that_is_unknown_on_one_side_is_not_compared_and_counted(old: str | None, new: str | None) -> None:
    before, after = ({"checkpoint": "a", "checkpoint_sha256": sha} for sha in (old, new))

    compared = compare(
        Fingerprint(prompt={}, params={}, models=before), Fingerprint(prompt={}, params={}, models=after), ("models",)
    )

    assert compared == ((), ("checkpoint_sha256",))


KINDS_JOB = """\
comfyjob: 1
models: {ink: {file: loras/ink.safetensors, sha256: %s}}
items:
  kin:
    checkpoint: a.safetensors
    prompt: a dwarf
    loras: [{model: ink, strength: 0.5}]
    init_image: start.png
    hires: {scale: 2}
"""


def test_what_other_kinds_add_is_in_the_fingerprint_and_else_nothing(tmp_path: Path) -> None:
    plain = fingerprint_of(job(tmp_path, JOB % ("ab" * 32)), 7)
    added = fingerprint_of(job(tmp_path, KINDS_JOB % ("ab" * 32)), 7, inputs={"init_image": "cd" * 32})

    assert added.params == {
        **plain.params,
        "loras.0.strength": 0.5,
        "loras.0.strength_clip": 0.5,
        "denoise": 0.6,
        "hires.size": "1024x1024",
        "hires.steps": 20,
        "hires.denoise": 0.5,
        "hires.upscaler": "nearest-exact",
    }
    assert added.models == {
        "checkpoint": "a.safetensors",
        "checkpoint_sha256": None,
        "loras.0.model": "ink.safetensors",
        "loras.0.model_sha256": "ab" * 32,
    }
    assert added.inputs == {"init_image": "cd" * 32}


def test_a_lora_that_goes_makes_the_image_stale(tmp_path: Path) -> None:
    before = fingerprint_of(job(tmp_path, KINDS_JOB % ("ab" * 32)), 7)
    after = fingerprint_of(job(tmp_path, (KINDS_JOB % ("ab" * 32)).replace("    loras:", "    # loras:")), 7)

    reasons, _ = compare(before, after, ("models",))
    assert reasons == (Reason("changed", "models", "loras.0.model", "ink.safetensors", None),)

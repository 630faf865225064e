"""What makes an image stale, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.flows.fingerprint import compare, fingerprint_of
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.records import Fingerprint, Job, Reason

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

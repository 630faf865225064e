"""What has moved on since an image was made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_comfygen.engine.install import Places
from pytest_comfygen.engine.install.record import Asked, InstallRecord, Pinned, write_record
from pytest_comfygen.flows.drift import Drift
from pytest_comfygen.flows.plan import ADOPTED
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.language.graph import recipe_number
from pytest_comfygen.records import (
    Fingerprint,
    ImageRecord,
    ImageStatistics,
    Job,
    Scalar,
    Size,
    Status,
    Verified,
)

COMMIT, OTHER = "a125cd84" * 5, "b125cd84" * 5
STATISTICS = ImageStatistics(
    size=Size(64, 64), mode="RGB", stddev=9.0, extrema=((0, 9),) * 3, dhash="0" * 64, transparency=None
)


def job(root: Path, status: Status | None = None) -> Job:
    (root / "kins.comfyjob.yaml").write_text("comfyjob: 1\nitems: {a: {prompt: a, checkpoint: b.safetensors}}\n")
    (found,) = load_job_file(root / "kins.comfyjob.yaml", root.resolve()).jobs
    return replace(found, status=status)


def record(of: Job, comfyui: dict[str, Scalar], recipe: int | None = None, encoding: str = "png") -> ImageRecord:
    return ImageRecord(
        job="kins.comfyjob.yaml",
        item="a",
        fingerprint=Fingerprint({}, {}),
        seed=1,
        family="checkpoint",
        recipe=recipe_number(of) if recipe is None else recipe,
        graph_sha256=None,
        comfyui=comfyui,
        file_sha256="0" * 64,
        pixels_sha256="0" * 64,
        source_sha256=None,
        encoding=encoding,
        verified=Verified("0" * 64, STATISTICS),
    )


def install(root: Path, version: str, commit: str | None = None) -> Path:
    """A directory with as much of a ComfyUI as is looked at."""
    directory = root / "ComfyUI"
    directory.mkdir()
    (directory / "main.py").touch()
    (directory / "comfyui_version.py").write_text(f'__version__ = "{version}"\n')
    if commit:
        asked = Asked(requirements="", torch_index=None, constraints=None, extra_requirements=(), as_of=None)
        pinned = Pinned(repo="https://example.org/ComfyUI", revision=None, commit=commit)
        written = InstallRecord(
            comfyui=pinned, version=version, torch="cpu", torch_version="2.9", installer="pip", asked=asked
        )
        places = Places(directory)
        places.ours.mkdir()
        write_record(places.record, written)
    return directory


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"version": "0.3.64", "commit": None}, ""),
        ({"version": "0.3.60", "commit": None}, "ComfyUI 0.3.60 → 0.3.64"),
        ({"version": "0.3.60", "commit": COMMIT}, "ComfyUI 0.3.60 (a125cd84) → 0.3.64"),
        ({"version": "0.3.60", "commit": None, "sketch": True}, ""),
        ({}, ""),
    ],
)
def test_another_comfyui_is_drift(tmp_path: Path, made: dict[str, Scalar], told: str) -> None:
    one = job(tmp_path)

    assert Drift(install(tmp_path, "0.3.64")).of(one, record(one, made)) == told


@pytest.mark.parametrize(
    ("commit", "told"),
    [(COMMIT, ""), (None, ""), (OTHER, "ComfyUI 0.3.64 (b125cd84) → 0.3.64 (a125cd84)")],
)
def test_another_commit_of_the_same_version_is_drift(tmp_path: Path, commit: str | None, told: str) -> None:
    one = job(tmp_path)
    made = record(one, {"version": "0.3.64", "commit": commit})

    assert Drift(install(tmp_path, "0.3.64", COMMIT)).of(one, made) == told


def test_where_no_comfyui_is_installed_none_is_compared(tmp_path: Path) -> None:
    one = job(tmp_path)

    assert Drift(tmp_path / "ComfyUI").of(one, record(one, {"version": "0.3.60"})) == ""


def test_another_recipe_is_drift(tmp_path: Path) -> None:
    one = job(tmp_path)

    told = Drift(tmp_path / "ComfyUI").of(one, record(one, {}, recipe=0))

    assert told == f"recipe 0 → {recipe_number(one)} of checkpoint"


@pytest.mark.parametrize(("status", "encoding"), [("approved", "png"), (None, ADOPTED)])
def test_what_a_person_wants_kept_does_not_drift(tmp_path: Path, status: Status | None, encoding: str) -> None:
    one = job(tmp_path, status)

    assert Drift(install(tmp_path, "0.3.64")).of(one, record(one, {"version": "0.3.60"}, 0, encoding)) == ""

"""A repository with one output, and records that belong to given bytes."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import Fingerprint, ImageRecord, ImageStatistics, Size, Verified


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    return root


@pytest.fixture
def output(root: Path) -> Path:
    return root / "assets" / "kins" / "dwarf.png"


@pytest.fixture
def store(root: Path) -> Store:
    return Store(root)


@pytest.fixture
def record_of() -> Callable[[bytes], ImageRecord]:
    """Given an image's bytes, its record."""

    def record_of(data: bytes) -> ImageRecord:
        return ImageRecord(
            job="jobs/kins.comfyjob.yaml",
            item="dwarf",
            fingerprint=Fingerprint(prompt={"prompt": "a dwarf", "negative": ""}, params={"seed": 7}),
            seed=7,
            family="sd15",
            recipe=1,
            graph_sha256=None,
            comfyui={"version": "0.3.64"},
            file_sha256=sha256(data).hexdigest(),
            pixels_sha256="11" * 32,
            source_sha256="22" * 32,
            encoding="png",
            verified=Verified(
                "33" * 32,
                ImageStatistics(
                    size=Size(64, 64), mode="RGB", stddev=9.5, extrema=((0, 9),) * 3, dhash="44" * 32, transparency=None
                ),
            ),
        )

    return record_of

"""What is not there yet is looked up where it will be."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_comfygen.engine.disk import device_of, existing, free_bytes


def test_what_is_not_there_will_be_in_the_nearest_directory_that_is(tmp_path: Path) -> None:
    assert (existing(tmp_path), existing(tmp_path / "a" / "b")) == (tmp_path, tmp_path)


def test_what_is_not_there_is_on_the_disk_of_its_directory(tmp_path: Path) -> None:
    assert device_of(tmp_path / "a" / "b") == tmp_path.stat().st_dev


def test_room_is_told_for_what_is_not_there_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", {tmp_path: SimpleNamespace(free=7)}.__getitem__)
    assert free_bytes(tmp_path / "a" / "b") == 7

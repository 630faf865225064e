"""Temporary files that nobody knows any more go before their image is written again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pytest_comfygen.outputs.strays import Strays


def stray(output: Path, token: str = "1-c0ffee00") -> Path:  # noqa: S107  # a token in a file's name
    path = output.with_name(f".{output.name}.{token}.comfygen-tmp")
    path.write_bytes(b"")
    return path


def test_a_directory_is_looked_through_once_however_many_images_it_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Any] = []
    scandir = os.scandir

    def noted(path: Any) -> Any:
        looks.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noted)
    strays = Strays(lambda: 0.0)
    for number in range(5):
        strays.sweep(tmp_path / f"{number}.png")
    assert looks == [tmp_path]


def test_each_image_has_its_own_old_strays_swept(tmp_path: Path) -> None:
    dwarf, elf = tmp_path / "dwarf.png", tmp_path / "elf.1-2.png"
    of_dwarf, of_elf = [stray(dwarf), stray(dwarf, "22-00000000")], stray(elf)
    strays = Strays(lambda: of_elf.stat().st_mtime + 3601)
    strays.sweep(dwarf)
    assert [path.exists() for path in (*of_dwarf, of_elf)] == [False, False, True]
    strays.sweep(elf)
    assert not of_elf.exists()


def test_a_stray_that_another_run_has_swept_is_no_error(tmp_path: Path) -> None:
    output = tmp_path / "dwarf.png"
    gone = stray(output)
    strays = Strays(lambda: 1e12)
    strays.sweep(output.with_name("elf.png"))  # the directory is looked through now
    gone.unlink()
    strays.sweep(output)

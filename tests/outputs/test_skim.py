"""Many records are looked through for what their images show."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_comfygen.outputs.recordfile import dump, record_path
from pytest_comfygen.outputs.skim import recorded_pixels
from pytest_comfygen.records import ImageRecord


@pytest.fixture
def record(record_of: Callable[[bytes], ImageRecord]) -> ImageRecord:
    return record_of(b"")


def write(output: Path, text: str) -> Path:
    path = record_path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return output


@pytest.fixture(params=[True, False], ids=["with directory handles", "without"])
def _systems(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(os, "supports_dir_fd", frozenset())


@pytest.mark.usefixtures("_systems")
def test_the_pixels_of_each_image_are_found_in_their_order(tmp_path: Path, record: ImageRecord) -> None:
    outputs = [tmp_path / folder / f"{name}.png" for folder in "ab" for name in ("x", "ö", "gone", "y")]
    hashes = {output: f"{number:064x}" for number, output in enumerate(outputs) if output.stem != "gone"}
    for output, pixels in hashes.items():
        write(output, dump(record).replace(record.pixels_sha256, pixels))

    assert list(recorded_pixels(outputs)) == list(hashes.items())


@pytest.mark.usefixtures("_systems")
def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    outputs = [
        write(tmp_path / "a.png", ""),
        write(tmp_path / "b.png", "{}"),
        write(tmp_path / "c.png", '{"pixels_sha256": "short"}'),
        tmp_path / "no-folder" / "d.png",
    ]
    (tmp_path / ".comfyrecords" / "e.png.json").mkdir()

    assert list(recorded_pixels([*outputs, tmp_path / "e.png"])) == []


@pytest.mark.usefixtures("_systems")
def test_other_white_space_and_a_long_prompt_do_not_matter(tmp_path: Path) -> None:
    text = f'{{"negative":"{"x" * 200_000}","pixels_sha256":"{"e" * 64}"}}'

    assert [pixels for _, pixels in recorded_pixels([write(tmp_path / "a.png", text)])] == ["e" * 64]


def test_a_prompt_cannot_pass_for_the_hash(tmp_path: Path, record: ImageRecord) -> None:
    tricky = replace(record.fingerprint, prompt={"negative": f'"pixels_sha256": "{"f" * 64}"', "prompt": "x"})
    write(tmp_path / "a.png", dump(replace(record, fingerprint=tricky)))

    assert [pixels for _, pixels in recorded_pixels([tmp_path / "a.png"])] == [record.pixels_sha256]


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="this system follows links")
@pytest.mark.usefixtures("_systems")
def test_a_link_is_not_followed(tmp_path: Path, record: ImageRecord) -> None:
    write(tmp_path / "elsewhere" / "a.png", dump(record))
    (tmp_path / ".comfyrecords").mkdir()
    (tmp_path / ".comfyrecords" / "a.png.json").symlink_to(record_path(tmp_path / "elsewhere" / "a.png"))

    assert list(recorded_pixels([tmp_path / "a.png"])) == []

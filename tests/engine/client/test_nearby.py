"""Reading a picture where a server of ours has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.engine.client.nearby import read_nearby
from pytest_comfygen.records import RemoteImage


def remote(filename: str = "a.png", subfolder: str = "comfygen", type: str = "output") -> RemoteImage:  # noqa: A002  # as ComfyUI calls it
    return RemoteImage(node="9", filename=filename, subfolder=subfolder, type=type)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    place = tmp_path / "output" / "comfygen"
    place.mkdir(parents=True)
    (place / "a.png").write_bytes(b"picture")
    (place / "empty.png").touch()
    (place / "link.png").symlink_to(place / "a.png")
    (tmp_path / "secret.png").write_bytes(b"secret")
    return tmp_path / "output"


def test_a_picture_is_read_where_it_lies(output: Path) -> None:
    assert read_nearby(output, remote()) == b"picture"


@pytest.mark.parametrize(
    "image",
    [
        remote("gone.png"),
        remote("empty.png"),
        remote("link.png"),
        remote("a\0.png"),
        remote(type="temp"),
        remote("", "comfygen"),
        remote("secret.png", ".."),
        remote("../../secret.png"),
        remote("secret.png", "comfygen/../.."),
    ],
    ids=lambda image: f"{image.type} {image.subfolder}/{image.filename}",
)
def test_for_anything_else_the_server_is_asked(output: Path, image: RemoteImage) -> None:
    assert read_nearby(output, image) is None


def test_an_absolute_name_leads_nowhere(output: Path) -> None:
    assert read_nearby(output, remote(str(output.parent / "secret.png"))) is None

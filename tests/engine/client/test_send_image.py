"""Pictures for jobs to start from: sent once, under names that nobody else's picture has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from pytest_comfygen.engine.client import ComfyClient


@pytest.fixture
def client(sketch_url: str) -> Iterator[ComfyClient]:
    with ComfyClient(sketch_url) as client:
        yield client


def stored(client: ComfyClient, name: str) -> requests.Response:
    folder, _, file = name.partition("/")
    place = {"filename": file, "subfolder": folder, "type": "input"}
    return requests.get(f"{client.url}/view", place, timeout=10)


def test_a_picture_lies_where_load_image_finds_it(client: ComfyClient) -> None:
    name = client.send_image(b"some picture", ".png")

    assert name.startswith("comfygen/")
    assert name.endswith(".png")
    assert stored(client, name).content == b"some picture"


def test_what_is_there_is_not_sent_again(client: ComfyClient, monkeypatch: pytest.MonkeyPatch) -> None:
    name = client.send_image(b"the same", ".png")
    monkeypatch.setattr(client._http, "send_file", None)

    assert client.send_image(b"the same", ".png") == name


def test_another_picture_has_another_name(client: ComfyClient) -> None:
    assert client.send_image(b"one", ".png") != client.send_image(b"two", ".png")


def test_a_torn_upload_is_mended(client: ComfyClient) -> None:
    name = client.send_image(b"a whole picture", ".webp")
    file = {"image": (name.partition("/")[2], b"a wh")}
    fields = {"subfolder": "comfygen", "type": "input", "overwrite": "true"}
    requests.post(f"{client.url}/upload/image", data=fields, files=file, timeout=10)

    assert client.send_image(b"a whole picture", ".webp") == name
    assert stored(client, name).content == b"a whole picture"

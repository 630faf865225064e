"""The workflow that ComfyUI wrote into a picture."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pytest_comfygen.errors import JobFileError, SecretFound, Where
from pytest_comfygen.language.workflow import picture, read_workflow
from tests.language.saved_workflows import AGREED, node, saved

GRAPH = {"3": {"class_type": "KSampler", "inputs": {"text": "Übung ☂"}}}
PAGE = saved([node(3, "KSampler", {}, (1, "fixed"))], [])
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(path: Path, add: Callable[[PngInfo, str, str], None], **texts: object) -> Path:
    """A picture with texts in it, each as JSON."""
    info = PngInfo()
    for name, text in texts.items():
        add(info, name, text if isinstance(text, str) else json.dumps(text))
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


def plain(info: PngInfo, name: str, text: str) -> None:
    info.add_text(name, text)


WAYS: dict[str, Callable[[PngInfo, str, str], None]] = {
    "tEXt": plain,
    "zTXt": lambda info, name, text: info.add_text(name, text, zip=True),
    "iTXt": lambda info, name, text: info.add_itxt(name, text),
    "iTXt, deflated": lambda info, name, text: info.add_itxt(name, text, zip=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_graph_in_a_png_is_read(way: str, tmp_path: Path) -> None:
    path = png(tmp_path / "fox.png", WAYS[way], workflow=PAGE, prompt=GRAPH)

    workflow = read_workflow(path, tmp_path)

    assert workflow.graph == GRAPH
    assert workflow.page is None


def test_a_png_with_the_pages_workflow_alone_gives_that(tmp_path: Path) -> None:
    workflow = read_workflow(png(tmp_path / "fox.png", plain, workflow=PAGE), tmp_path)

    assert workflow.page == PAGE
    assert list(workflow.graph) == ["3"]


@pytest.mark.parametrize("tags", [{0x0110: "prompt"}, {0x010F: "workflow", 0x0110: "prompt"}, {0x010F: "Prompt"}])
@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_the_graph_in_exif_is_read(tags: dict[int, str], suffix: str, tmp_path: Path) -> None:
    image, exif = Image.new("RGB", (8, 8)), Image.Exif()
    for tag, name in tags.items():
        exif[tag] = f"{name}:{json.dumps(PAGE if name == 'workflow' else GRAPH)}"
    image.save(tmp_path / f"fox{suffix}", exif=exif)

    assert read_workflow(tmp_path / f"fox{suffix}", tmp_path).graph == GRAPH


def test_the_same_graph_has_the_same_hash_in_a_picture_and_in_a_file(tmp_path: Path) -> None:
    _, graph = AGREED["text-to-image"]
    (tmp_path / "fox.json").write_text(json.dumps(graph), encoding="utf-8")
    in_picture = read_workflow(png(tmp_path / "fox.png", plain, prompt=graph), tmp_path)

    assert in_picture.graph == read_workflow(tmp_path / "fox.json", tmp_path).graph


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def exif(count: int, *entries: bytes) -> bytes:
    return b"II*\0" + struct.pack("<IH", 8, count) + b"".join(entries)


WRONG = {
    "empty": (".png", b"", "is neither a PNG nor a WebP picture"),
    "a jpeg": (".png", b"\xff\xd8\xff\xe0" + b"\0" * 20, "is neither a PNG nor a WebP picture"),
    "a png without": (".png", SIGNATURE + chunk(b"IEND", b""), "holds no workflow"),
    "a webp without": (".webp", b"RIFF\x04\0\0\0WEBP", "holds no workflow"),
    "cut": (".png", SIGNATURE + chunk(b"tEXt", b"prompt\0{}")[:-6], "fox.png is cut short"),
    "no JSON": (".png", SIGNATURE + chunk(b"tEXt", b"prompt\0{'a': 1}"), "fox.png (prompt).json:1:2"),
    "no graph": (".png", SIGNATURE + chunk(b"tEXt", b"prompt\0[]"), "holds no nodes"),
    "control characters": (".png", SIGNATURE + chunk(b"tEXt", b"prompt\0{\x1b}"), "U+001B"),
    "no deflate": (".png", SIGNATURE + chunk(b"zTXt", b"prompt\0\0junk"), "a text in it is damaged"),
    "half an iTXt": (".png", SIGNATURE + chunk(b"iTXt", b"prompt\0\0\0en"), "a text in it is damaged"),
    "exif without order": (".png", SIGNATURE + chunk(b"eXIf", b"XX*\0junk"), "holds no workflow"),
    "exif that ends": (".png", SIGNATURE + chunk(b"eXIf", exif(9)), "holds no workflow"),
    "exif beyond": (".png", SIGNATURE + chunk(b"eXIf", b"II*\0" + b"\xff" * 4), "holds no workflow"),
    "a length beyond": (".png", SIGNATURE + b"\xff\xff\xff\xfftEXt", "holds more than 32 MiB of text"),
    "a bomb": (
        ".png",
        SIGNATURE + chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b" " * (picture.MAX_BYTES + 1))),
        "holds more than 32 MiB of text",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_picture_without_a_sound_workflow_is_refused(name: str, tmp_path: Path) -> None:
    suffix, data, message = WRONG[name]
    (tmp_path / f"fox{suffix}").write_bytes(data)

    with pytest.raises(JobFileError) as caught:
        read_workflow(tmp_path / f"fox{suffix}", tmp_path)

    assert message in str(caught.value)
    assert caught.value.code == "workflow-invalid"


def test_a_token_in_a_picture_is_found(tmp_path: Path) -> None:
    path = png(tmp_path / "fox.png", plain, prompt='{"key": "hf_' + "a" * 30 + '"}')

    with pytest.raises(SecretFound) as caught:
        read_workflow(path, tmp_path)

    assert Where("fox.png (prompt).json", 1, 10) == caught.value.where


def test_pixels_are_passed_over_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "MAX_BYTES", 1000)
    path = tmp_path / "fox.png"
    text = chunk(b"tEXt", b"prompt\0" + json.dumps({"1": {"class_type": "A", "inputs": {}}}).encode())
    path.write_bytes(SIGNATURE + chunk(b"IDAT", b"\0" * 100_000) + text)

    assert list(read_workflow(path, tmp_path).graph) == ["1"]

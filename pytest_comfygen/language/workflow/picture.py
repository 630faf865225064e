"""The workflow that ComfyUI wrote into a picture, read without decoding the picture.

A PNG has it in text chunks, `prompt` in API format and `workflow` as the page saves it; a WebP in the Exif fields of a
camera's make and model, as `prompt:{…}` and `workflow:{…}`.
Sources: ComfyUI nodes.py (SaveImage), comfy_extras/nodes_images.py; PNG (W3C, third edition, chapters 5 and 11);
WebP (RFC 9649); TIFF 6.0, section 2.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pytest_comfygen.errors import TooLarge, WorkflowInvalid

__all__ = ["embedded"]

MAX_BYTES = 32 * 1024 * 1024
MAX_CHUNKS = 100_000

_PNG = b"\x89PNG\r\n\x1a\n"
_TEXTS = frozenset({b"tEXt", b"iTXt", b"zTXt", b"eXIf"})
_NAMES = ("prompt", "workflow")
_ASCII = 2  # Exif's type of texts
_ENTRY_BYTES = 12
_IN_PLACE_BYTES = 4


def embedded(path: Path, shown: str) -> tuple[str, str]:
    """The name and text of what a picture holds: its graph in API format, else its workflow as the page saves it.

    :param shown: the path as errors name it.
    :raises JobFileError: workflow-invalid (no picture, or it holds no workflow), too-large.
    """
    try:
        with path.open("rb") as stream:
            found = dict(_texts(stream, shown))
    except OSError as error:
        raise WorkflowInvalid(f"{shown} cannot be read: {error.strerror or error}") from None
    for name in _NAMES:
        if name in found:
            return name, found[name]
    hint = "ComfyUI writes it into pictures unless it runs with --disable-metadata; many sites remove it"
    raise WorkflowInvalid(f"{shown} holds no workflow", hint=hint)


def _texts(stream: BinaryIO, shown: str) -> Iterator[tuple[str, str]]:
    head = stream.read(12)
    if head.startswith(_PNG):
        stream.seek(len(_PNG))
        yield from _png_texts(stream, shown)
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        yield from _webp_texts(stream, shown)
    else:
        raise WorkflowInvalid(f"{shown} is neither a PNG nor a WebP picture")


def _png_texts(stream: BinaryIO, shown: str) -> Iterator[tuple[str, str]]:
    for kind, data in _chunks(stream, ">I4s", 4, shown):
        if kind == b"eXIf":
            yield from _exif_texts(data)
            continue
        name, _, rest = data.partition(b"\0")
        if name.decode("latin-1") in _NAMES:
            yield name.decode(), _text_of(kind, rest, shown)


def _webp_texts(stream: BinaryIO, shown: str) -> Iterator[tuple[str, str]]:
    for _, data in _chunks(stream, "<4sI", 0, shown):
        yield from _exif_texts(data.removeprefix(b"Exif\0\0"))


def _chunks(stream: BinaryIO, layout: str, tail: int, shown: str) -> Iterator[tuple[bytes, bytes]]:
    """The chunks that may hold a text; the others are passed over unread.

    :param layout: of a chunk's head: its length and kind, in the order that the format has.
    :param tail: bytes of checksum behind a chunk.
    """
    total = 0
    for _ in range(MAX_CHUNKS):
        head = stream.read(8)
        if len(head) < 8:  # noqa: PLR2004  # length and kind, four bytes each
            return
        parts = struct.unpack(layout, head)
        kind, length = (
            next(one for one in parts if isinstance(one, bytes)),
            sum(one for one in parts if isinstance(one, int)),
        )
        if kind not in _TEXTS | {b"EXIF"}:
            stream.seek(length + tail + (0 if tail else length % 2), 1)
            continue
        total += length
        if total > MAX_BYTES:
            raise _too_large(shown)
        data = stream.read(length)
        if len(data) < length:
            raise WorkflowInvalid(f"{shown} is cut short")
        stream.seek(tail + (0 if tail else length % 2), 1)
        yield kind, data


def _text_of(kind: bytes, rest: bytes, shown: str) -> str:
    """The text of a chunk behind its name."""
    if kind == b"tEXt":
        return rest.decode("latin-1")
    if kind == b"zTXt":
        return _inflated(rest[1:], shown).decode("latin-1")
    is_compressed, fields = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
    if len(fields) < 3:  # noqa: PLR2004  # language, name in that language, text
        raise WorkflowInvalid(f"{shown}: a text in it is damaged")
    data = _inflated(fields[2], shown) if is_compressed else fields[2]
    return data.decode("utf-8", "replace")


def _inflated(data: bytes, shown: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(data, MAX_BYTES)
    except zlib.error:
        raise WorkflowInvalid(f"{shown}: a text in it is damaged") from None
    if inflater.unconsumed_tail:
        raise _too_large(shown)
    return found


def _exif_texts(data: bytes) -> Iterator[tuple[str, str]]:
    """The texts `name:…` among the fields of an Exif block's first directory."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:  # noqa: PLR2004  # order, 42, and where the directory is
        return
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    if start + 2 > len(data):
        return
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for at in range(start + 2, min(start + 2 + count * _ENTRY_BYTES, len(data) - _ENTRY_BYTES + 1), _ENTRY_BYTES):
        _, kind, length, offset = struct.unpack_from(f"{order}HHII", data, at)
        if kind != _ASCII:
            continue
        begin = at + 8 if length <= _IN_PLACE_BYTES else offset
        text = data[begin : begin + length].rstrip(b"\0").decode("utf-8", "replace")
        name, _, rest = text.partition(":")
        if name.lower() in _NAMES:
            yield name.lower(), rest


def _too_large(shown: str) -> TooLarge:
    return TooLarge(f"{shown} holds more than {MAX_BYTES // 1024 // 1024} MiB of text")

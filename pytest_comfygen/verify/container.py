"""What an image file says of itself before anything decodes it: its format, its size, and where it ends.

A decoder that is handed a cut or an overlong file may well be content with it; the container is not.
Sources: PNG (W3C, third edition, chapters 5 and 11), WebP (RFC 9649), JPEG (ITU T.81, annex B).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pytest_comfygen.records import ImageFormat, Size

__all__ = ["Chunk", "Container", "looks_like", "png_chunks", "read"]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RIFF = b"RIFF"
_JPEG_START = b"\xff\xd8\xff"

# Formats that are not stills of ours and that a workflow or a person may well hand us: (offset, magic, name).
_OTHERS = (
    (0, b"GIF8", "gif"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mp3"),
    (0, b"\xff\xfb", "mp3"),
    (0, b"\xff\xf3", "mp3"),
    (0, b"\xff\xf2", "mp3"),
    (28, b"OpusHead", "opus"),
    (8, b"WAVE", "wav"),
    (0, b"BM", "bmp"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"\0\0\0\x0cJXL ", "jpeg-xl"),
    (0, b"\x1aE\xdf\xa3", "webm"),
    (4, b"ftypavif", "avif"),
    (4, b"ftyp", "mp4"),
)

# A marker that starts a segment or ends the file: not a stuffed zero, a restart (D0..D7), TEM (01) or a fill byte.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
_JPEG_END = 0xD9
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOFn without DHT, JPG and DAC
_JPEG_PADDING = b"\0\xff"


@dataclass(frozen=True, slots=True)
class Container:
    """What the bytes say without being decoded.

    :param format: the name of one of our formats, or of another one that was recognised.
    :param size: from the header; None when the header does not hold one.
    :param end: index behind the format's last byte; None when the data stop before it.
    :param damage: what contradicts the format's own checksums; empty when nothing does.
    """

    format: str
    size: Size | None = None
    end: int | None = None
    damage: str = ""


class Chunk(NamedTuple):
    """One chunk of a PNG: `data[start:stop]` with length and checksum, and whether the checksum is right."""

    kind: bytes
    start: int
    stop: int
    sound: bool


def read(data: bytes) -> Container | None:
    """What the container says, by its magic number and never by a file's suffix; None when it is no image at all."""
    if data.startswith(_PNG_SIGNATURE):
        return _read_png(data)
    if data.startswith(_RIFF) and data[8:12] == b"WEBP":
        return _read_webp(data)
    if data.startswith(_JPEG_START):
        return _read_jpeg(data)
    return next((Container(name) for offset, magic, name in _OTHERS if data.startswith(magic, offset)), None)


def looks_like(data: bytes, format: ImageFormat) -> bool:  # noqa: A002  # its name
    """Whether these are the bytes of such a file, or of what is left of one; so also when there are none."""
    head = {"png": _PNG_SIGNATURE, "webp": _RIFF, "jpeg": _JPEG_START}.get(format)
    if head is not None:
        return head.startswith(data[: len(head)])
    heads = [(data[offset:], magic) for offset, magic, name in _OTHERS if name == format]
    return any(found.startswith(magic[: len(found)]) for found, magic in heads)


def png_chunks(data: bytes) -> Iterator[Chunk]:
    """The whole chunks of a PNG in file order, up to IEND or to where the data stop."""
    view = memoryview(data)
    start = len(_PNG_SIGNATURE)
    while start + 12 <= len(data):
        stop = start + 12 + int.from_bytes(view[start : start + 4])
        if stop > len(data):
            return
        kind = data[start + 4 : start + 8]
        yield Chunk(kind, start, stop, zlib.crc32(view[start + 4 : stop - 4]) == int.from_bytes(view[stop - 4 : stop]))
        if kind == b"IEND":
            return
        start = stop


def _read_png(data: bytes) -> Container:
    chunks = list(png_chunks(data))
    size = None
    if chunks and chunks[0].kind == b"IHDR" and chunks[0].stop - chunks[0].start >= 20:  # noqa: PLR2004  # 12 + 2 x 4
        size = Size(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))
    broken = next((chunk for chunk in chunks if not chunk.sound), None)
    return Container(
        "png",
        size,
        end=chunks[-1].stop if chunks and chunks[-1].kind == b"IEND" else None,
        damage=f"the checksum of chunk {broken.kind!r} at byte {broken.start} is wrong" if broken else "",
    )


def _read_webp(data: bytes) -> Container:
    end = 8 + int.from_bytes(data[4:8], "little")
    return Container("webp", _webp_size(data), end if end <= len(data) else None)


def _webp_size(data: bytes) -> Size | None:
    """The canvas, which the first chunk holds in one of three ways."""
    kind, head = data[12:16], data[20:30]
    if kind == b"VP8X" and len(head) == 10:  # noqa: PLR2004  # flags 4, width - 1 and height - 1 three bytes each
        return Size(int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1)
    if kind == b"VP8L" and head[:1] == b"\x2f":
        bits = int.from_bytes(head[1:5], "little")
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        return Size(int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF)
    return None


def _read_jpeg(data: bytes) -> Container:
    """Steps over segments, so that the end of a thumbnail in the metadata is not taken for the file's."""
    size = None
    at = 2
    while marker := _JPEG_MARKER.search(data, at):
        code, body = marker[1][0], marker.end()
        if code == _JPEG_END:
            return Container("jpeg", size, len(data) if not data[body:].strip(_JPEG_PADDING) else body)
        if code in _JPEG_FRAMES:
            size = Size(int.from_bytes(data[body + 5 : body + 7]), int.from_bytes(data[body + 3 : body + 5]))
        at = body + int.from_bytes(data[body : body + 2])
    return Container("jpeg", size)

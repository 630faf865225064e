"""What plays without what is written about it: the same frames and packets, and no workflow."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_comfygen.errors import PictureRefused
from pytest_comfygen.records import STREAMED, ImageFormat
from pytest_comfygen.verify.encoding import png_without_metadata
from pytest_comfygen.verify.extents import GIF_EXTENSION, gif_blocks, gif_head_end
from pytest_comfygen.verify.streams import Unreadable, without_metadata

__all__ = ["stripped"]

_PNG_MOVING = frozenset({b"acTL", b"fcTL", b"fdAT"})
_WEBP_TOLD = {b"EXIF": 0x08, b"XMP ": 0x04}  # each with its flag in the first chunk

_GIF_COMMENT, _GIF_APPLICATION = 0xFE, 0xFF
_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def stripped(data: bytes, format_: ImageFormat) -> bytes:
    """The file without its metadata.

    :param data: whole, and of this format.
    :raises PictureRefused: it cannot be put into a new container.
    """
    if format_ in STREAMED:
        try:
            return without_metadata(data, format_)
        except Unreadable as error:
            told = f"the {format_} cannot be freed of its metadata: {error}"
            raise PictureRefused(told, hint="keep them with `output: {metadata: true}`") from None
    if format_ == "png":
        return png_without_metadata(data, _PNG_MOVING)
    return _webp(data) if format_ == "webp" else _gif(data)


def _webp(data: bytes) -> bytes:
    """Source: RFC 9649."""
    body = bytearray(b"WEBP")
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        chunk = bytearray(data[at : at + 8 + size + size % 2])
        at += len(chunk)
        if kind == b"VP8X":
            chunk[8] &= ~sum(_WEBP_TOLD.values())
        if kind not in _WEBP_TOLD:
            body += chunk
    return b"RIFF" + len(body).to_bytes(4, "little") + bytes(body)


def _gif(data: bytes) -> bytes:
    return b"".join(_gif_parts(data))


def _gif_parts(data: bytes) -> Iterator[bytes]:
    """Header, blocks and trailer, without comments and without applications other than that which repeats."""
    at = gif_head_end(data)
    yield data[:at]
    for start, end in gif_blocks(data, at):
        if data[start] != GIF_EXTENSION or not _is_told(data, start):
            yield data[start:end]
    yield b";"


def _is_told(data: bytes, at: int) -> bool:
    label = data[at + 1]
    return label == _GIF_COMMENT or (label == _GIF_APPLICATION and data[at + 3 : at + 14] not in _GIF_LOOPS)

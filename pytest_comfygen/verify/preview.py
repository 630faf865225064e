"""Small versions of pictures, for people to look at many of them at once."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO, NamedTuple

from PIL import Image

from pytest_comfygen.records import Size
from pytest_comfygen.records.gallery import Preview

__all__ = ["preview_of", "thumbnail_of"]

_LONGEST_PX = 320
_QUALITY = 72
_MOST_PIXELS = 67_000_000  # as many as are decoded to be checked
_FORMATS = ("PNG", "WEBP", "JPEG", "GIF")  # others would be decoded by programs that nobody asked for


class _Small(NamedTuple):
    """A picture in small, and the size of the whole one."""

    image: Image.Image
    size: Size


def preview_of(data: bytes, longest_px: int = _LONGEST_PX) -> Preview | None:
    """A picture in small; of an animation its first frame.

    :param data: a PNG, WebP, JPEG or GIF.
    :param longest_px: of the longer side; smaller pictures stay as they are.
    :returns: None when the bytes are no picture, or a broken one.
    """
    small = _read(BytesIO(data), longest_px)
    if small is None:
        return None
    file = BytesIO()
    small.image.save(file, "webp", quality=_QUALITY, method=2)
    return Preview(file.getvalue(), small.size)


def thumbnail_of(source: BinaryIO, longest_px: int) -> bytes | None:
    """The same as a PNG, which is all that every terminal with pictures can read.

    :param source: a file; of one that is no picture only the beginning is read.
    """
    small = _read(source, longest_px)
    if small is None:
        return None
    file = BytesIO()
    small.image.save(file, "png")
    return file.getvalue()


def _read(source: BinaryIO, longest_px: int) -> _Small | None:
    try:
        with Image.open(source, formats=_FORMATS) as image:
            size = Size(*image.size)
            if size.width * size.height > _MOST_PIXELS:
                return None
            return _Small(_small(image, longest_px), size)
    except (OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError):  # as Pillow takes broken files
        return None


def _small(image: Image.Image, longest_px: int) -> Image.Image:
    """The picture in colours that every browser shows, scaled down."""
    image.draft("RGB", (longest_px * 2, longest_px * 2))  # a JPEG is decoded small, as far as that is possible
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    converted = image.convert("RGBA" if has_alpha else "RGB")
    converted.thumbnail((longest_px, longest_px), Image.Resampling.BICUBIC)
    return converted

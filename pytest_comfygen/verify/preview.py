"""Small versions of pictures, for people to look at many of them at once."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from pytest_comfygen.records import Size
from pytest_comfygen.records.gallery import Preview

__all__ = ["preview_of"]

_LONGEST_PX = 320
_QUALITY = 72
_MOST_PIXELS = 67_000_000  # as many as are decoded to be checked
_FORMATS = ("PNG", "WEBP", "JPEG", "GIF")  # others would be decoded by programs that nobody asked for


def preview_of(data: bytes, longest_px: int = _LONGEST_PX) -> Preview | None:
    """A picture in small; of an animation its first frame.

    :param data: a PNG, WebP, JPEG or GIF.
    :param longest_px: of the longer side; smaller pictures stay as they are.
    :returns: None when the bytes are no picture, or a broken one.
    """
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            size = Size(*image.size)
            if size.width * size.height > _MOST_PIXELS:
                return None
            small = _small(image, longest_px)
    except (OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError):  # as Pillow takes broken files
        return None
    file = BytesIO()
    small.save(file, "webp", quality=_QUALITY, method=2)
    return Preview(file.getvalue(), size)


def _small(image: Image.Image, longest_px: int) -> Image.Image:
    """The picture in colours that every browser shows, scaled down."""
    image.draft("RGB", (longest_px * 2, longest_px * 2))  # a JPEG is decoded small, as far as that is possible
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    converted = image.convert("RGBA" if has_alpha else "RGB")
    converted.thumbnail((longest_px, longest_px), Image.Resampling.BICUBIC)
    return converted

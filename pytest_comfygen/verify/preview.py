"""Small versions of pictures, for people to look at many of them at once."""

from __future__ import annotations

import warnings
from io import BytesIO

from PIL import Image

from pytest_comfygen.records import Size
from pytest_comfygen.records.gallery import Preview

__all__ = ["preview_of"]

_LONGEST_PX = 320
_QUALITY = 72
_MOST_PIXELS = 200_000_000


def preview_of(data: bytes, longest_px: int = _LONGEST_PX) -> Preview | None:
    """A picture in small; of an animation its first frame.

    :param data: a file of any format that Pillow reads.
    :param longest_px: of the longer side; smaller pictures stay as they are.
    :returns: None when the bytes are no picture, or a broken one.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(data)) as image:
            size = Size(*image.size)
            if size.width * size.height > _MOST_PIXELS:
                return None
            small = _small(image, longest_px)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # what Pillow raises for broken files
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

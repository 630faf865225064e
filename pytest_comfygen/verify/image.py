"""An image's bytes are decoded in full, measured and judged."""

from __future__ import annotations

import hashlib
import math
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from operator import mul

from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from pytest_comfygen.records import STREAMED, Checks, Finding, ImageFormat, ImageStatistics, Inspection, Size
from pytest_comfygen.verify import container
from pytest_comfygen.verify.checks import Seen, judge, may_decode
from pytest_comfygen.verify.container import looks_like
from pytest_comfygen.verify.likeness import judge_likeness
from pytest_comfygen.verify.palette import judge_palette

__all__ = ["READERS", "UNREADABLE", "eight_bits", "inspect", "is_repacked", "looks_like", "measure", "reason"]

# The format is known from the magic number and the size from the header, so the readers are called directly:
# `Image.open` would guess the format anew and hold every picture against one global size limit.
READERS: dict[str, Callable[[BytesIO], ImageFile.ImageFile]] = {
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
}

# How Pillow's readers say "I cannot decode this".
UNREADABLE = (
    OSError,  # what a decoder reports: broken or short data
    SyntaxError,  # what a header reader reports
    EOFError,  # a frame is announced and absent
    ValueError,  # impossible sizes, oversized text chunks, text that is no text
    ArithmeticError,  # impossible ratios and sizes in metadata
    AttributeError,  # metadata of one type where another is expected, as are the next two
    LookupError,
    TypeError,
    RuntimeError,  # the WebP decoder
    MemoryError,  # more pixels than this machine holds
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

_NO_SIZE = Checks(Size(0, 0), "png")  # a size that no picture has, so the limit is that for unexpected ones

_VALUES = range(256)
_SQUARES = tuple(value * value for value in _VALUES)
_DHASH_SIZE = (17, 16)  # 16 rows of 17 pixels have 256 neighbours
_ALPHA_MODES = ("RGBA", "LA")


def inspect(data: bytes, checks: Checks, baseline: bytes | None = None) -> Inspection:
    """Decode, measure and judge a picture; never raises for what its bytes are.

    :param baseline: the picture that `checks.similar_to` names, where it is to be compared with.
    :raises MetricsMissing: numpy is wanted and is not installed.
    :returns: the findings, and with them the statistics and the pixels' hash whenever the file is whole and decodes,
        also when it is refused for something else.
    """
    seen = Seen(data[:64], len(data), container.read(data))
    if not checks.is_still and seen.container is not None and seen.container.format == checks.format:
        return _inspect_playing(seen, data, checks)
    if seen.container is None or not may_decode(seen.container, checks):
        return Inspection(judge(seen, checks))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on oddities in metadata, which a user's -W error would turn into refusals
        try:
            picture, frames = _decode(data, seen.container.format)
            pixels = _resolve_palette(picture)
        except UNREADABLE as error:
            return Inspection(judge(replace(seen, fault=reason(error)), checks))
        seen = replace(seen, mode=picture.mode, frames=frames, statistics=measure(pixels))
    findings = (*judge(seen, checks), *_judge_pixels(pixels, seen.statistics, checks, baseline))
    return Inspection(findings, seen.statistics, _hash_pixels(pixels))


def _judge_pixels(
    pixels: Image.Image, statistics: ImageStatistics | None, checks: Checks, baseline: bytes | None
) -> Iterator[Finding]:
    """The checks that need more than the statistics."""
    yield from judge_palette(pixels, checks.palette)
    if checks.similar_to is None or baseline is None or statistics is None:
        return
    try:
        model = _resolve_palette(_decode_baseline(baseline))
    except UNREADABLE as error:
        found, fix = f"{checks.similar_to.file.name}: {reason(error)}", "name another baseline"
        yield Finding("baseline-unreadable", "error", found, "a png, webp or jpeg that decodes", fix)
        return
    yield from judge_likeness(pixels, statistics.dhash, (model, measure(model).dhash), checks.similar_to)


def _decode_baseline(data: bytes) -> Image.Image:
    """The decoded baseline, if it is a whole file of a reasonable size."""
    seen = container.read(data)
    if seen is None or seen.format not in READERS or not may_decode(seen, _NO_SIZE):
        msg = "not a whole picture of a reasonable size"
        raise ValueError(msg)
    return _decode(data, seen.format)[0]


def is_repacked(data: bytes, format: ImageFormat, sha256: str | None) -> bool:  # noqa: A002  # its name
    """Whether these are the very packets of a video or a sound that was inspected, so that decoding tells no more.

    :param sha256: what the inspection found.
    """
    if format not in STREAMED:
        return False
    from pytest_comfygen.verify.streams import Unreadable, packets_sha256  # noqa: PLC0415  # as below

    try:
        return packets_sha256(data, format) == sha256
    except Unreadable:
        return False


def _inspect_playing(seen: Seen, data: bytes, checks: Checks) -> Inspection:
    """What plays is of the wanted format, and has rooms of its own that few runs need."""
    if checks.format in STREAMED:
        from pytest_comfygen.verify.media import inspect_streams  # noqa: PLC0415  # as said

        return inspect_streams(seen, data, checks)
    from pytest_comfygen.verify.animation import inspect_animation  # noqa: PLC0415  # as said

    return inspect_animation(seen, data, checks)


def _decode(data: bytes, format_: str) -> tuple[Image.Image, int]:
    """The decoded picture, and how many frames the file holds.

    Pillow's `verify` would add the checksums of a PNG's chunks, which the container has already checked.
    """
    picture = READERS[format_](BytesIO(data))
    picture.load()
    return picture, getattr(picture, "n_frames", 1)


def _resolve_palette(picture: Image.Image) -> Image.Image:
    """The picture in its colours: a palette and single bits are encodings that optimisers choose as they like."""
    if picture.mode == "P":
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return picture.convert("L") if picture.mode == "1" else picture


def _hash_pixels(picture: Image.Image) -> str:
    digest = hashlib.sha256(f"{picture.mode} {picture.width}x{picture.height}\n".encode())
    digest.update(picture.tobytes())
    return digest.hexdigest()


def measure(picture: Image.Image) -> ImageStatistics:
    """Statistics out of one histogram: whole numbers, so every machine finds the same."""
    picture = eight_bits(picture)
    histogram = picture.histogram()
    bands = [histogram[start : start + 256] for start in range(0, len(histogram), 256)]
    has_alpha = picture.mode in _ALPHA_MODES
    colours = bands[:-1] if has_alpha else bands
    return ImageStatistics(
        size=Size(*picture.size),
        mode=picture.mode,
        stddev=max(_deviation(band) for band in colours),
        extrema=tuple(_extrema(band) for band in bands),
        dhash=_difference_hash(picture),
        transparency=round(bands[-1][0] / sum(bands[-1]), 6) if has_alpha else None,
        brightness=_brightness([_mean(band) for band in colours]),
    )


def _mean(band: list[int]) -> float:
    total: int = sum(map(mul, _VALUES, band))
    return total / sum(band)


def _brightness(means: list[float]) -> float:
    """The mean luma. Source: ITU-R BT.601, as Pillow's conversion to grey."""
    red, green, blue = means * 3 if len(means) == 1 else means
    return round(0.299 * red + 0.587 * green + 0.114 * blue, 2)


def eight_bits(picture: Image.Image) -> Image.Image:
    """The picture in a mode of 8-bit grey or RGB channels; of 16-bit grey the high bytes, little-endian as Pillow's."""
    if picture.mode.startswith("I;16"):
        return Image.frombytes("L", picture.size, picture.tobytes()[1::2])
    return picture if picture.mode in ("RGB", "RGBA", "L", "LA") else picture.convert("RGB")


def _deviation(band: list[int]) -> float:
    count: int = sum(band)
    total: int = sum(map(mul, _VALUES, band))
    squares: int = sum(map(mul, _SQUARES, band))
    return round(math.sqrt(count * squares - total * total) / count, 3)


def _extrema(band: list[int]) -> tuple[int, int]:
    present = [value for value, times in enumerate(band) if times]
    return present[0], present[-1]


def _difference_hash(picture: Image.Image) -> str:
    """One bit for each pixel of a 17x16 grey miniature that is darker than its right neighbour, row by row."""
    grey = picture.convert("L").resize(_DHASH_SIZE, Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(16):
        for at in range(row * 17, row * 17 + 16):
            bits = bits << 1 | (grey[at] < grey[at + 1])
    return f"{bits:064x}"


def reason(error: BaseException) -> str:
    """Pillow's own words, on one line."""
    return " ".join(str(error).split()) or type(error).__name__

"""An animated picture is decoded frame by frame, measured and judged as a whole."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

from PIL import GifImagePlugin, Image

from pytest_comfygen.records import Checks, ImageStatistics, Inspection, MediaStatistics, Size
from pytest_comfygen.verify.checks import Seen, judge, may_decode
from pytest_comfygen.verify.container import Container
from pytest_comfygen.verify.extents import end_of
from pytest_comfygen.verify.image import READERS, UNREADABLE, eight_bits, reason
from pytest_comfygen.verify.limits import Limits, TooMuch
from pytest_comfygen.verify.sequence import Measured

__all__ = ["inspect_animation"]

_OPAQUE = (255, 255)


def inspect_animation(seen: Seen, data: bytes, checks: Checks) -> Inspection:
    """Decode, measure and judge an animated PNG, WebP or GIF; never raises, whatever the bytes are.

    :param seen: its container is of the wanted format.
    """
    whole = _container(data) if checks.format == "gif" else seen.container
    seen = replace(seen, container=whole)
    if whole is None or not may_decode(whole, checks):
        return Inspection(judge(seen, checks))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on oddities in metadata, as for stills
        try:
            statistics, media, sha256 = _watch(data, checks)
        except TooMuch as error:
            return Inspection((*judge(seen, checks), *error.findings))
        except UNREADABLE as error:
            return Inspection(judge(replace(seen, fault=reason(error)), checks))
    seen = replace(seen, mode=statistics.mode, frames=media.frames or 1, statistics=statistics, media=media)
    return Inspection(judge(seen, checks), statistics, sha256, media)


def _container(data: bytes) -> Container:
    """A GIF's header and extent, which are not read as long as only stills are wanted."""
    size = Size(int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little"))
    return Container("gif", size if all((size.width, size.height)) else None, end_of("gif", data))


def _watch(data: bytes, checks: Checks) -> tuple[ImageStatistics, MediaStatistics, str]:
    """Every frame as it is seen, with the time it is seen for; the hash knows no palette and no frame's own box."""
    reader = GifImagePlugin.GifImageFile if checks.format == "gif" else READERS[checks.format]
    picture = reader(BytesIO(data))
    limits = Limits(checks, Size(*picture.size))
    digest = hashlib.sha256(f"animation {picture.width}x{picture.height}".encode())
    measured, frames, duration_ms = Measured(), 0, 0.0
    for frame, shown_ms in _frames(picture, limits):
        digest.update(f"\n{shown_ms:g}\n".encode() + frame.tobytes())
        measured.add(frame)
        frames, duration_ms = frames + 1, duration_ms + shown_ms
    digest.update(f"\nloop {picture.info.get('loop')}".encode())
    plays = frames > 1 and duration_ms > 0
    media = MediaStatistics(
        frames=frames,
        duration_s=round(duration_ms / 1000, 3) if plays else 0.0,
        rate=round(1000 * frames / duration_ms, 3) if plays else None,
    )
    return _without_idle_alpha(measured.statistics()), media, digest.hexdigest()


def _frames(picture: Image.Image, limits: Limits) -> Iterator[tuple[Image.Image, float]]:
    """Each frame in RGBA, and for how many milliseconds it is shown.

    :raises TooMuch: there are more than are decoded.
    """
    shown_s = 0.0
    for number in range(getattr(picture, "n_frames", 1)):
        limits.refuse(seconds=shown_s, frames=number + 1, pixels=(number + 1) * picture.width * picture.height)
        picture.seek(number)
        picture.load()
        pixels = picture if picture.mode in ("P", "PA", "RGBA", "LA") else eight_bits(picture)
        shown_ms = float(picture.info.get("duration", 0))
        yield pixels.convert("RGBA"), shown_ms
        shown_s += shown_ms / 1000


def _without_idle_alpha(statistics: ImageStatistics) -> ImageStatistics:
    """WebP animations have an alpha channel whether anything uses it or not."""
    if statistics.extrema[-1] != _OPAQUE:
        return statistics
    return replace(statistics, mode="RGB", extrema=statistics.extrema[:-1], transparency=None)

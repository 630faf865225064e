"""Verdicts on a picture: what was seen and what is wanted become findings, always in the same order.

Measuring is `verify.image`'s; here nothing is decoded, so the same verdicts can be given from a record's statistics.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pytest_comfygen.records import Checks, Finding, ImageStatistics, MediaStatistics, Size, Span
from pytest_comfygen.verify.container import Container
from pytest_comfygen.verify.playing import format_fix, judge_playing

__all__ = ["LARGEST_PX", "Seen", "judge", "judge_content", "may_decode", "settings_hash"]

# 16384 x 16384: ComfyUI's own largest width and height. Source: ComfyUI nodes.py, MAX_RESOLUTION.
LARGEST_PX = 16384 * 16384
# A picture of another size than wanted is refused anyway, and decoded only to know whether its pixels are those
# of its record: within reason.
_LARGEST_UNWANTED_PX = 64 * 1024 * 1024

_STILLS = ("png", "webp", "jpeg")
_AGAIN = "run again: the old file stays until a whole new one is there"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a picture.

    :param head: its first bytes.
    :param length: number of its bytes.
    :param container: None when the bytes are no image.
    :param fault: why the pixels could not be decoded; empty when they were, or were not tried.
    :param mode: Pillow's mode of the decoded picture, before a palette was resolved; None when not decoded.
    """

    head: bytes
    length: int
    container: Container | None
    fault: str = ""
    mode: str | None = None
    frames: int = 1
    statistics: ImageStatistics | None = None
    media: MediaStatistics | None = None


def may_decode(container: Container, checks: Checks) -> bool:
    """Whether the file is a whole one of our formats, and its header promises no more pixels than are worth it."""
    if container.end is None or container.damage or container.size is None:
        return False
    wanted = checks.size is None or container.size == checks.size
    return _pixels(container.size) <= (LARGEST_PX if wanted else _LARGEST_UNWANTED_PX)


def judge(seen: Seen, checks: Checks) -> tuple[Finding, ...]:
    """Every finding on a picture, container first, content last; empty when it passed."""
    if seen.container is None:
        return (_not_an_image(seen, checks),)
    return (
        *_judge_container(seen, seen.container, checks),
        *_judge_size(seen.statistics.size if seen.statistics else seen.container.size, checks),
        *_judge_mode(seen, checks),
        *(judge_playing(seen.media, checks) if seen.media else ()),
        *(judge_content(seen.statistics, checks) if seen.statistics else ()),
    )


def judge_content(statistics: ImageStatistics, checks: Checks) -> tuple[Finding, ...]:
    """Whether the picture shows something: at most one finding, the one that says most."""
    return () if checks.allow_blank else tuple(_judge_content(statistics, checks))[:1]


@lru_cache(maxsize=32)  # of a frozen value, so nothing but time depends on it; most images of a run share theirs
def settings_hash(checks: Checks) -> str:
    """sha256 of the check settings as canonical JSON.

    Kept in records, so it never changes: a check that is added later enters the JSON only where it is switched on.
    """
    settings: dict[str, object] = {
        "allow_blank": checks.allow_blank,
        "format": checks.format,
        "min_stddev": float(checks.min_stddev),
        "mode": checks.mode,
        "size": str(checks.size) if checks.size else None,
    }
    spans = {"frames": checks.frames, "duration_s": checks.duration_s}
    settings |= {name: [span.least, span.most] for name, span in spans.items() if isinstance(span, Span)}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _not_an_image(seen: Seen, checks: Checks) -> Finding:
    if seen.head.startswith(b"version https://git-lfs.github.com/"):
        return _error("not-an-image", "a Git LFS pointer instead of the picture", f"a {checks.format}", "git lfs pull")
    if not seen.length:
        return _error("not-an-image", "no bytes at all", f"a {checks.format}", _AGAIN)
    found = f"{seen.length} bytes of no known image format, starting with {seen.head[:24]!r}"
    return _error("not-an-image", found, f"a {checks.format}", _AGAIN)


def _judge_container(seen: Seen, container: Container, checks: Checks) -> Iterator[Finding]:
    if container.format != checks.format:
        yield _error("wrong-format", container.format, checks.format, format_fix(container.format, checks))
    if container.format not in (*_STILLS, checks.format):
        return
    if container.end is None:
        found = seen.fault or f"a {container.format} that stops after {seen.length} bytes"
        yield _error("truncated", found, "a whole file", _AGAIN)
    elif (
        fault := container.damage
        or seen.fault
        or (container.size is None and container.format in _STILLS and "the header holds no size")
    ):
        yield _error("damaged", fault, "a file that decodes", _AGAIN)
    if container.end is not None and container.end < seen.length:
        found = f"{seen.length - container.end} bytes behind the end of the picture"
        yield _error("trailing-data", found, "nothing behind it", _AGAIN)


def _judge_size(size: Size | None, checks: Checks) -> Iterator[Finding]:
    if size is None:
        return
    if _pixels(size) > LARGEST_PX:
        found = f"{size}, {_pixels(size) / 1e6:.0f} megapixels"
        yield _error("too-large", found, f"at most {LARGEST_PX / 1e6:.0f} megapixels", "make the picture smaller")
    if checks.size not in (None, size):
        fix = f"write `size: {size}`, or make the workflow's picture {checks.size}"
        yield _error("wrong-size", str(size), str(checks.size), fix)


def _judge_mode(seen: Seen, checks: Checks) -> Iterator[Finding]:
    if seen.frames != 1 and checks.is_still:
        fix = "save it with SaveImage, or say `verify: {frames: …}` when an animation is meant"
        yield _error("several-frames", f"{seen.frames} frames", "one frame", fix)
    if seen.mode is not None and seen.mode not in _modes(checks):
        fix = "save 8 bits a channel, without a palette" if checks.mode is None else f"make the picture {checks.mode}"
        yield _error("wrong-mode", seen.mode, " or ".join(_modes(checks)), fix)


def _judge_content(statistics: ImageStatistics, checks: Checks) -> Iterator[Finding]:
    has_alpha = statistics.transparency is not None
    colours = statistics.extrema[:-1] if has_alpha else statistics.extrema
    meant = "`verify: {allow_blank: true}` when it is meant"
    if has_alpha and statistics.extrema[-1][1] == 0:
        yield _error("transparent", "every pixel is fully transparent", "a picture that shows something", meant)
    if all(extremes == (0, 0) for extremes in colours):
        found = "every pixel is black, which is what ComfyUI writes when the VAE gives NaN"
        yield _error("black", found, "a picture that shows something", f"try --fp32-vae; {meant}")
    if all(low == high for low, high in colours):
        found = f"every pixel is ({', '.join(str(low) for low, _ in colours)})"
        yield _error("one-colour", found, "a picture that shows something", meant)
    if statistics.stddev < checks.min_stddev:
        fix = "lower `verify: {min_stddev: …}` when so plain a picture is meant"
        found = f"standard deviation {statistics.stddev:g}"
        yield _error("blank", found, f"at least {checks.min_stddev:g}", fix)


def _modes(checks: Checks) -> tuple[str, ...]:
    """The modes that will do; a JPEG cannot hold transparency."""
    if checks.mode is not None:
        return (checks.mode,)
    return ("RGB", "L") if checks.format == "jpeg" else ("RGB", "RGBA", "L")


def _pixels(size: Size) -> int:
    return size.width * size.height


def _error(code: str, found: str, wanted: str, fix: str) -> Finding:
    return Finding(code, "error", found, wanted, fix)

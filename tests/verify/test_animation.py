"""Animated pictures are decoded frame by frame, and a still stays a still."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from pytest_comfygen.records import Checks, ImageFormat, Inspection, MediaStatistics, Size, Span
from pytest_comfygen.verify.encoding import encode
from pytest_comfygen.verify.image import inspect
from tests.verify.playing import PROMPT, animation, pictures, plain

FORMATS: tuple[ImageFormat, ...] = ("png", "webp", "gif")
SEVERAL = Span(2, None)


def codes(inspection: Inspection) -> list[str]:
    return [finding.code for finding in inspection.findings]


def moving(format_: ImageFormat, **more: Any) -> Checks:
    return Checks(None, format_, frames=SEVERAL, **more)


@pytest.mark.parametrize("format_", FORMATS)
def test_an_animation_is_measured(format_: ImageFormat) -> None:
    checks = Checks(Size(64, 48), format_, frames=Span(5, 5), duration_s=Span(0.4, 0.6))
    inspection = inspect(animation(format_, pictures()), checks)

    assert codes(inspection) == []
    assert inspection.media == MediaStatistics(frames=5, duration_s=0.5, rate=10.0)
    assert inspection.statistics is not None
    assert (inspection.statistics.size, inspection.statistics.mode) == (Size(64, 48), "RGB")
    assert inspection.statistics.transparency is None


@pytest.mark.parametrize("format_", ["png", "webp"])
def test_several_frames_are_refused_where_none_were_announced(format_: ImageFormat) -> None:
    inspection = inspect(animation(format_, pictures()), Checks(None, format_))

    assert codes(inspection) == ["several-frames"]
    assert inspection.media is None


@pytest.mark.parametrize("checks", [{"frames": Span(2, None)}, {"duration_s": Span(0.1, None)}])
@pytest.mark.parametrize("format_", ["png", "webp"])
def test_a_still_is_no_animation(format_: ImageFormat, checks: dict[str, Span]) -> None:
    inspection = inspect(animation(format_, pictures(1)), Checks(None, format_, **checks))  # type: ignore[arg-type]  # a span each

    assert codes(inspection) == ["wrong-frames" if "frames" in checks else "wrong-duration"]
    assert inspection.media == MediaStatistics(frames=1, duration_s=0.0)


def test_a_gif_needs_no_announcement() -> None:
    assert codes(inspect(animation("gif", pictures()), Checks(None, "gif"))) == []
    assert codes(inspect(animation("gif", pictures()), Checks(None, "png"))) == ["wrong-format"]


@pytest.mark.parametrize("format_", FORMATS)
def test_an_animation_that_shows_nothing_is_refused(format_: ImageFormat) -> None:
    black = animation(format_, [*plain(count=1), *plain((1, 0, 0), count=1)])

    assert codes(inspect(animation(format_, plain()), Checks(None, format_, frames=Span(1, None)))) == ["black"]
    assert codes(inspect(black, moving(format_))) == ["blank"]
    assert codes(inspect(black, moving(format_, allow_blank=True))) == []


@pytest.mark.parametrize("format_", FORMATS)
def test_one_frame_that_shows_something_is_enough(format_: ImageFormat) -> None:
    frames = [*plain(count=1), *pictures(1), *plain(count=1)]
    inspection = inspect(animation(format_, frames), moving(format_))

    assert codes(inspection) == []
    assert inspection.statistics is not None
    assert inspection.statistics.dhash != "0" * 64


@pytest.mark.parametrize("format_", ["png", "gif"])  # Pillow 13 writes animated WebP without an alpha channel
def test_transparency_is_seen(format_: ImageFormat) -> None:
    frames = [picture.convert("RGBA") for picture in pictures(3)]
    for picture in frames:
        picture.paste((0, 0, 0, 0), (0, 0, 32, 48))
    statistics = inspect(animation(format_, frames, disposal=2 if format_ == "gif" else 0), moving(format_)).statistics

    assert statistics is not None
    assert statistics.mode == "RGBA"
    assert statistics.transparency is not None
    assert statistics.transparency > 0.1


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_part_of_a_file_is_no_file(format_: ImageFormat, share: float) -> None:
    data = animation(format_, pictures())

    assert codes(inspect(data[: int(len(data) * share)], moving(format_))) == ["truncated"]


@pytest.mark.parametrize("format_", FORMATS)
def test_what_lies_behind_the_end_is_a_finding(format_: ImageFormat) -> None:
    assert codes(inspect(animation(format_, pictures()) + b"more", moving(format_))) == ["trailing-data"]


@pytest.mark.parametrize("format_", FORMATS)
def test_broken_data_never_raise(format_: ImageFormat) -> None:
    data = animation(format_, pictures())
    for at in range(0, len(data), len(data) // 60):
        broken = data[:at] + bytes(byte ^ 0x5A for byte in data[at : at + 8]) + data[at + 8 :]
        assert isinstance(inspect(broken, moving(format_)), Inspection)


def with_prompt(format_: ImageFormat, prompt: str) -> bytes:
    """An animation with its prompt where ComfyUI's nodes put it."""
    frames = pictures()
    if format_ == "webp":
        exif = Image.Exif()
        exif[0x0110] = f"prompt:{prompt}"
        return animation(format_, frames, exif=exif)
    data = animation(format_, frames, **({"comment": prompt.encode()} if format_ == "gif" else {}))
    if format_ == "gif":
        return data
    from zlib import crc32

    body = b"comf" + b"prompt\0" + prompt.encode()
    return data[:-12] + (len(body) - 4).to_bytes(4) + body + crc32(body).to_bytes(4) + data[-12:]


@pytest.mark.parametrize("format_", FORMATS)
def test_metadata_go_and_frames_stay(format_: ImageFormat) -> None:
    data = with_prompt(format_, PROMPT)
    bare, encoding = encode(data, format_, keep_metadata=False, still=False)
    before, after = inspect(data, moving(format_)), inspect(bare, moving(format_))

    assert encoding == format_
    assert b"of-this-submission" in data
    assert b"of-this-submission" not in bare
    assert codes(after) == []
    assert (before.pixels_sha256, before.media) == (after.pixels_sha256, after.media)
    assert bare == encode(with_prompt(format_, "another"), format_, keep_metadata=False, still=False)[0]
    assert encode(data, format_, keep_metadata=True, still=False) == (data, f"{format_} with metadata")


@pytest.mark.parametrize("format_", FORMATS)
def test_the_hash_is_of_frames_times_and_repetition(format_: ImageFormat) -> None:
    frames = pictures()
    variants = [
        animation(format_, frames),
        animation(format_, frames[:4]),
        animation(format_, [*frames[:3], frames[4], frames[3]]),
        animation(format_, frames, duration=200),
        animation(format_, frames, loop=3),
    ]
    hashes = [inspect(one, moving(format_)).pixels_sha256 for one in variants]

    assert None not in hashes
    assert len(set(hashes)) == len(variants)

"""Bytes are decoded, measured and judged, whatever they are."""

from __future__ import annotations

import hashlib
import warnings
import zlib
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, PngImagePlugin

from pytest_comfygen.records import Checks, ImageFormat, ImageStatistics, Size
from pytest_comfygen.verify.image import inspect

FORMATS: tuple[ImageFormat, ...] = ("png", "webp", "jpeg")


def noise(mode: str = "RGB", size: tuple[int, int] = (24, 20)) -> Image.Image:
    """A busy picture that is the same every time."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    data = hashlib.shake_256(mode.encode()).digest(size[0] * size[1] * bands)
    return Image.frombytes(mode, size, data)


def saved(image: Image.Image, format_: str = "png", **options: Any) -> bytes:
    target = BytesIO()
    image.save(target, format_, **options)
    return target.getvalue()


def codes(data: bytes, checks: Checks) -> list[str]:
    return [finding.code for finding in inspect(data, checks).findings]


ANY = Checks(None, "png")


@pytest.mark.parametrize("format_", FORMATS)
def test_a_picture_as_wanted_passes(format_: ImageFormat) -> None:
    assert codes(saved(noise(), format_), Checks(Size(24, 20), format_)) == []


def test_pixels_are_measured_in_whole_numbers() -> None:
    image = Image.new("RGB", (4, 2), (10, 20, 30))
    image.putpixel((0, 0), (250, 20, 31))
    inspection = inspect(saved(image), ANY)
    expected = ImageStatistics(
        size=Size(4, 2),
        mode="RGB",
        stddev=79.373,  # 240 * sqrt(7) / 8
        extrema=((10, 250), (20, 20), (30, 31)),
        dhash=inspection.statistics.dhash if inspection.statistics else "",
        transparency=None,
        brightness=27.13,  # 0.299 * 40 + 0.587 * 20 + 0.114 * 30.125
    )
    assert expected == inspection.statistics
    raw = b"RGB 4x2\n" + bytes((250, 20, 31)) + bytes((10, 20, 30)) * 7
    assert hashlib.sha256(raw).hexdigest() == inspection.pixels_sha256


def test_alpha_is_measured_apart() -> None:
    image = Image.new("RGBA", (4, 4), (9, 9, 9, 255))
    for x in range(3):
        image.putpixel((x, 0), (9, 9, 9, 0))
    statistics = inspect(saved(image), ANY).statistics
    assert statistics is not None
    assert (
        statistics.stddev,
        statistics.transparency,
        statistics.extrema,
    ) == (0.0, 0.1875, ((9, 9), (9, 9), (9, 9), (0, 255)))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.linear_gradient("L"), "0" * 64),
        (Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90), "f" * 64),
        (Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_270), "0" * 64),
        (Image.radial_gradient("L"), "00ff" * 16),
    ],
)
def test_the_difference_hash_tells_where_a_picture_gets_brighter(image: Image.Image, expected: str) -> None:
    statistics = inspect(saved(image), ANY).statistics
    assert statistics is not None
    assert expected == statistics.dhash


def test_the_difference_hash_never_changes() -> None:
    statistics = inspect(saved(noise(size=(120, 90))), ANY).statistics
    assert statistics is not None
    assert statistics.dhash == "d49ea45412aa456396623509555ba68e59b2aaa955a4e91aad91652a34b1ad62"


@pytest.mark.parametrize("mode", ["P", "1", "LA", "I;16"])
def test_other_modes_are_found_and_measured_all_the_same(mode: str) -> None:
    image = (
        noise("L").convert(mode) if mode != "I;16" else Image.frombytes("I;16", (8, 8), noise("L", (16, 8)).tobytes())
    )
    inspection = inspect(saved(image), ANY)
    assert [("wrong-mode", mode)] == [(finding.code, finding.found) for finding in inspection.findings]
    assert inspection.statistics is not None
    assert inspection.statistics.stddev > 10


def test_an_optimiser_may_turn_colours_into_a_palette() -> None:
    few = Image.new("RGB", (8, 8), (200, 10, 10))
    few.paste((1, 2, 3), (0, 0, 4, 8))
    assert inspect(saved(few), ANY).pixels_sha256 == inspect(saved(few.quantize(4)), ANY).pixels_sha256


def test_a_cmyk_jpeg_is_a_finding() -> None:
    assert codes(saved(noise("CMYK"), "jpeg"), Checks(None, "jpeg")) == ["wrong-mode"]


@pytest.mark.parametrize("format_", ["png", "webp"])
def test_an_animation_is_a_finding(format_: ImageFormat) -> None:
    data = saved(noise(), format_, save_all=True, append_images=[noise().rotate(180)])
    assert codes(data, Checks(None, format_)) == ["several-frames"]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("RGB", (64, 64)), ["black"]),
        (Image.new("L", (64, 64)), ["black"]),
        (Image.new("RGB", (64, 64), (255, 136, 0)), ["one-colour"]),
        (Image.new("RGBA", (64, 64), (255, 136, 0, 0)), ["transparent"]),
    ],
)
def test_a_picture_that_shows_nothing_is_refused_unless_that_is_meant(image: Image.Image, expected: list[str]) -> None:
    assert expected == codes(saved(image), ANY)
    assert codes(saved(image), Checks(None, "png", allow_blank=True)) == []


def test_a_nearly_plain_picture_is_blank() -> None:
    image = Image.new("RGB", (64, 64), (50, 50, 50))
    image.putpixel((3, 3), (60, 50, 50))
    assert codes(saved(image), ANY) == ["blank"]
    assert codes(saved(image), Checks(None, "png", min_stddev=0.1)) == []


def test_a_jpeg_named_png_is_decoded_and_refused() -> None:
    inspection = inspect(saved(noise(), "jpeg"), ANY)
    assert [finding.code for finding in inspection.findings] == ["wrong-format"]
    assert inspection.pixels_sha256 is not None


def test_a_picture_of_another_size_is_refused_and_its_pixels_are_known() -> None:
    inspection = inspect(saved(noise()), Checks(Size(64, 64), "png"))
    assert [finding.code for finding in inspection.findings] == ["wrong-size"]
    assert inspection.pixels_sha256 == inspect(saved(noise()), ANY).pixels_sha256


def test_a_bomb_is_refused_by_its_header() -> None:
    header = b"IHDR" + (60000).to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    data = saved(noise())
    bomb = data[:12] + header + zlib.crc32(header).to_bytes(4) + data[33:]
    inspection = inspect(bomb, ANY)
    assert [finding.code for finding in inspection.findings] == ["too-large"]
    assert inspection.statistics is None


def test_a_picture_above_pillows_own_limit_is_no_bomb_when_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert codes(saved(noise()), Checks(Size(24, 20), "png")) == []


def test_an_oddity_that_pillow_warns_of_is_no_error() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0"  # five entries are promised, none is there
    data = saved(noise(), "jpeg", exif=exif, dpi=(0, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert codes(data, Checks(None, "jpeg")) == []


def test_pixel_data_that_are_too_short_are_damage() -> None:
    data = saved(noise())
    idat = zlib.compress(b"\0" * 40)
    chunk = b"IDAT" + idat
    short = data[:33] + len(idat).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4) + data[-12:]
    assert codes(short, ANY) == ["damaged"]


def rich(format_: ImageFormat) -> bytes:
    """A small picture with metadata of every kind."""
    exif = Image.Exif()
    exif[0x0112] = 1
    if format_ == "png":
        info = PngImagePlugin.PngInfo()
        info.add_text("prompt", '{"3": {}}')
        info.add_itxt("workflow", "größer", zip=True)
        return saved(noise(), format_, pnginfo=info, exif=exif, dpi=(72, 72))
    return saved(noise(), format_, exif=exif, icc_profile=b"no profile")


@pytest.mark.parametrize("format_", FORMATS)
def test_every_shorter_file_has_a_finding(format_: ImageFormat) -> None:
    data = rich(format_)
    passed = [length for length in range(len(data)) if not inspect(data[:length], Checks(None, format_)).findings]
    assert passed == []


@pytest.mark.parametrize("format_", FORMATS)
def test_every_longer_file_has_a_finding(format_: ImageFormat) -> None:
    assert codes(rich(format_) + b"{}", Checks(None, format_)) == ["trailing-data"]


@pytest.mark.parametrize("format_", FORMATS)
def test_no_flipped_byte_raises(format_: ImageFormat) -> None:
    data = rich(format_)
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 0xFF
        found = codes(bytes(broken), Checks(None, format_))
        assert found or format_ != "png"  # every byte of a PNG is under a checksum or in a length


@settings(max_examples=150, deadline=None, database=None)
@given(data=st.data())
def test_no_bytes_raise(data: st.DataObject) -> None:
    start = data.draw(st.sampled_from([b"", *(rich(format_) for format_ in FORMATS)]))
    edits = st.tuples(st.integers(0, max(len(start), 1)), st.integers(0, 4), st.binary(max_size=6))
    for at, cut, piece in data.draw(st.lists(edits, max_size=5)):
        start = start[:at] + piece + start[at + cut :]
    inspection = inspect(start, ANY)
    assert (inspection.statistics is None) == (inspection.pixels_sha256 is None)
    assert inspection.findings or inspection.statistics is not None

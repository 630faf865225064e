"""A picture as ComfyUI gave it becomes the asset's bytes."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from pytest_comfygen.errors import PictureRefused
from pytest_comfygen.records import Checks, ImageFormat
from pytest_comfygen.verify.container import png_chunks
from pytest_comfygen.verify.encoding import encode
from pytest_comfygen.verify.image import inspect

PIXELS = hashlib.shake_256(b"pixels").digest(24 * 20 * 4)


def picture(mode: str = "RGB") -> Image.Image:
    return Image.frombytes("RGBA", (24, 20), PIXELS).convert(mode)


def saved(image: Image.Image, format_: str = "png", **options: Any) -> bytes:
    target = BytesIO()
    image.save(target, format_, **options)
    return target.getvalue()


def from_comfyui(mode: str = "RGB") -> bytes:
    """A PNG as SaveImage writes it, with its graph in a text chunk."""
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", '{"3": {"class_type": "KSampler"}}')
    return saved(picture(mode), pnginfo=info, compress_level=4)


def pixels_sha256(data: bytes) -> str | None:
    return inspect(data, Checks(None, "png")).pixels_sha256


def kinds(data: bytes) -> list[bytes]:
    return [chunk.kind for chunk in png_chunks(data)]


def test_a_png_without_metadata_is_not_copied() -> None:
    given = saved(picture())
    data, _ = encode(given, "png", keep_metadata=False)
    assert data is given


def test_a_png_loses_metadata_between_the_chunks_of_its_pixels() -> None:
    given = saved(Image.effect_noise((400, 400), 90))  # more than one IDAT
    first, second, *_ = [chunk for chunk in png_chunks(given) if chunk.kind == b"IDAT"]
    time = b"\0\0\0\x07tIME\x07\xe8\x01\x01\0\0\0\x4a\x5c\xb8\xab"
    torn = given[: second.start] + time + given[second.start :]
    assert encode(torn, "png", keep_metadata=False)[0] == given
    assert first.stop == second.start


def test_a_png_loses_what_does_not_shape_its_pixels() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", "a")
    info.add_text("note", "b", zip=True)
    info.add_itxt("workflow", "größer")
    info.add(b"tIME", b"\x07\xe8\x01\x01\0\0\0")
    info.add(b"caBX", b"provenance")
    exif = Image.Exif()
    exif[0x0131] = "somebody's editor"
    given = saved(picture(), pnginfo=info, exif=exif, dpi=(72, 72), icc_profile=b"profile")
    data, label = encode(given, "png", keep_metadata=False)
    assert (kinds(data), label) == ([b"IHDR", b"iCCP", b"IDAT", b"IEND"], "png")
    assert pixels_sha256(given) == pixels_sha256(data)


def test_the_pixel_data_of_a_png_are_kept_byte_for_byte() -> None:
    given = from_comfyui()
    data, _ = encode(given, "png", keep_metadata=False)
    chunks = list(png_chunks(given))
    assert data == given[:8] + b"".join(given[one.start : one.stop] for one in chunks if one.kind != b"tEXt")


def test_a_png_with_nothing_to_lose_is_untouched() -> None:
    given = saved(picture("RGBA"))
    assert (given, "png") == encode(given, "png", keep_metadata=False)


def test_palette_and_transparency_belong_to_the_pixels() -> None:
    given = saved(picture("RGB").quantize(16), transparency=3)
    data, _ = encode(given, "png", keep_metadata=False)
    assert kinds(data) == [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"]


def test_metadata_can_be_kept_and_the_record_says_so() -> None:
    given = from_comfyui()
    assert (given, "png with metadata") == encode(given, "png", keep_metadata=True)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp_loses_no_pixel(mode: str) -> None:
    data, label = encode(from_comfyui(mode), "webp", keep_metadata=False)
    assert label == "webp lossless"
    assert pixels_sha256(from_comfyui(mode)) == pixels_sha256(data)
    assert inspect(data, Checks(None, "webp", mode=mode)).findings == ()


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_keeps_its_colours_in_full_resolution(mode: str) -> None:
    data, label = encode(from_comfyui(mode), "jpeg", keep_metadata=False)
    assert label == "jpeg 92 444"
    assert inspect(data, Checks(None, "jpeg", mode=mode)).findings == ()
    sampling = data[data.index(b"\xff\xc0") + 11]
    assert sampling == 0x11


def test_a_jpeg_cannot_hold_transparency() -> None:
    with pytest.raises(PictureRefused) as caught:
        encode(from_comfyui("RGBA"), "jpeg", keep_metadata=False)
    assert caught.value.message == "a JPEG cannot hold a picture of mode RGBA"
    assert caught.value.hint == "let the output's file name end in .png or .webp, or make the workflow's picture RGB"


@pytest.mark.parametrize(("format_", "label"), [("webp", "webp as given"), ("jpeg", "jpeg as given")])
def test_a_picture_that_has_the_format_is_not_encoded_a_second_time(format_: ImageFormat, label: str) -> None:
    given = saved(picture("RGB"), format_, quality=80)
    assert (given, label) == encode(given, format_, keep_metadata=False)


@pytest.mark.parametrize("format_", ["webp", "jpeg"])
def test_a_png_can_be_made_of_it(format_: str) -> None:
    given = saved(picture("RGB"), format_, quality=80)
    data, label = encode(given, "png", keep_metadata=False)
    assert ("png", pixels_sha256(given)) == (label, pixels_sha256(data))


@pytest.mark.parametrize("format_", ["webp", "jpeg"])
def test_no_metadata_reach_another_format(format_: ImageFormat) -> None:
    data, _ = encode(from_comfyui(), format_, keep_metadata=True)
    assert b"KSampler" not in data


@pytest.mark.parametrize("format_", ["png", "webp", "jpeg"])
def test_encoding_gives_the_same_bytes_each_time(format_: ImageFormat) -> None:
    given = saved(picture("RGB"), "webp", lossless=True)
    assert encode(given, format_, keep_metadata=False) == encode(given, format_, keep_metadata=False)

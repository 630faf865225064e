"""Pictures become small ones that every browser shows."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from pytest_comfygen.records import Size
from pytest_comfygen.verify.preview import preview_of, thumbnail_of


def saved(mode: str, size: tuple[int, int], format_: str = "png", **options: Any) -> bytes:
    file = BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(file, format_, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("size", "small"),
    [((832, 1216), (219, 320)), ((1216, 832), (320, 219)), ((64, 48), (64, 48)), ((320, 320), (320, 320))],
    ids=["portrait", "landscape", "small", "just fits"],
)
def test_the_longer_side_is_bounded_and_the_shape_kept(size: tuple[int, int], small: tuple[int, int]) -> None:
    preview = preview_of(saved("RGB", size))

    assert preview is not None
    with Image.open(BytesIO(preview.data)) as image:
        assert (image.format, image.size, preview.size) == ("WEBP", small, Size(*size))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_every_mode_of_a_png_can_be_seen(mode: str) -> None:
    assert preview_of(saved(mode, (40, 30))) is not None


@pytest.mark.parametrize(("format_", "mode"), [("jpeg", "CMYK"), ("jpeg", "RGB"), ("webp", "RGBA"), ("gif", "P")])
def test_every_format_of_an_image_can_be_seen(format_: str, mode: str) -> None:
    preview = preview_of(saved(mode, (400, 300), format_))

    assert preview is not None
    assert preview.size == Size(400, 300)


def test_what_is_transparent_stays_so() -> None:
    image = Image.new("RGBA", (400, 400), (200, 0, 0, 0))
    image.paste((0, 0, 200, 255), (100, 100, 300, 300))
    file = BytesIO()
    image.save(file, "png")

    preview = preview_of(file.getvalue())

    assert preview is not None
    assert preview.has_alpha
    with Image.open(BytesIO(preview.data)) as small:
        assert (small.getpixel((2, 2))[3], small.getpixel((160, 160))[3]) == (0, 255)  # type: ignore[index]  # RGBA


def test_an_opaque_picture_has_nothing_behind_it() -> None:
    preview = preview_of(saved("RGB", (40, 30)))

    assert preview is not None
    assert not preview.has_alpha


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        saved("RGB", (400, 300))[:2000],
        b"version https://git-lfs.github.com/spec/v1\n",
        saved("RGB", (40, 30), "eps"),
        saved("RGB", (40, 30), "bmp"),
    ],
    ids=["empty", "text", "cut", "pointer", "a program", "another format"],
)
def test_what_is_no_whole_picture_has_none(data: bytes) -> None:
    assert preview_of(data) is None


def test_a_picture_that_would_fill_the_memory_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_comfygen.verify.preview._MOST_PIXELS", 1000)

    assert preview_of(saved("RGB", (40, 30))) is None


def test_a_thumbnail_is_a_png_of_the_first_frame() -> None:
    file = BytesIO()
    frames = [Image.new("RGB", (512, 256), colour) for colour in ("red", "lime")]
    frames[0].save(file, "webp", save_all=True, append_images=frames[1:], lossless=True)

    thumbnail = thumbnail_of(file, 256)

    assert thumbnail is not None
    with Image.open(BytesIO(thumbnail)) as small:
        assert (small.format, small.size, small.getpixel((9, 9))) == ("PNG", (256, 128), (255, 0, 0))


def test_what_is_no_picture_has_no_thumbnail() -> None:
    assert thumbnail_of(BytesIO(b"ID3 a song"), 256) is None

"""Where a picture's file ends and what its header says, before anything is decoded."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from pytest_comfygen.records import ImageFormat, Size
from pytest_comfygen.verify.container import Container, looks_like, png_chunks, read


def picture(format_: str, mode: str = "RGB", **options: Any) -> bytes:
    target = BytesIO()
    Image.effect_noise((31, 17), 60).convert(mode).save(target, format_, **options)
    return target.getvalue()


WHOLE: dict[str, bytes] = {
    "png": picture("PNG"),
    "webp lossy": picture("WEBP", quality=60),
    "webp lossless": picture("WEBP", lossless=True),
    "webp extended": picture("WEBP", lossless=True, icc_profile=b"profile"),
    "jpeg": picture("JPEG"),
    "jpeg progressive": picture("JPEG", progressive=True),
    "jpeg with restarts": picture("JPEG", restart_marker_blocks=1),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_ends_with_its_last_byte_and_tells_its_size(name: str) -> None:
    data = WHOLE[name]
    assert Container(name.split(maxsplit=1)[0], Size(31, 17), len(data)) == read(data)


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_stops_early_has_no_end(name: str) -> None:
    data = WHOLE[name]
    ends = {length: found.end for length in range(len(data)) if (found := read(data[:length])) is not None}
    assert dict.fromkeys(ends) == ends
    assert len(ends) > len(data) - 20


@pytest.mark.parametrize("name", WHOLE)
def test_what_follows_the_end_is_not_part_of_the_picture(name: str) -> None:
    data = WHOLE[name]
    found = read(data + b"<html>")
    assert found is not None
    assert len(data) == found.end


def test_a_jpeg_may_be_padded() -> None:
    data = WHOLE["jpeg"] + b"\0\0\xff\xff\0"
    assert Container("jpeg", Size(31, 17), len(data)) == read(data)


def test_the_end_of_a_thumbnail_in_the_metadata_is_not_the_end_of_the_jpeg() -> None:
    thumbnail = WHOLE["jpeg"]
    segment = b"\xff\xe5" + (len(thumbnail) + 2).to_bytes(2) + thumbnail
    data = WHOLE["jpeg"][:2] + segment + WHOLE["jpeg"][2:]
    assert Container("jpeg", Size(31, 17), len(data)) == read(data)


def test_a_chunk_with_a_wrong_checksum_is_named() -> None:
    data = WHOLE["png"]
    header = next(png_chunks(data))
    broken = data[: header.stop - 1] + bytes([data[header.stop - 1] ^ 1]) + data[header.stop :]
    assert Container("png", Size(31, 17), len(data), "the checksum of chunk b'IHDR' at byte 8 is wrong") == read(broken)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"GIF89a", "gif"),
        (b"BM\x36\0", "bmp"),
        (b"II*\0", "tiff"),
        (b"MM\0*", "tiff"),
        (b"\0\0\0\x1cftypavif", "avif"),
        (b"\0\0\0\x1cftypisom", "mp4"),
        (b"\x1aE\xdf\xa3", "webm"),
        (b"\0\0\0\x0cJXL \r\n", "jpeg-xl"),
    ],
)
def test_other_formats_are_known_by_name_only(head: bytes, name: str) -> None:
    assert Container(name) == read(head + bytes(40))


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b"RIFF\0\0\0\0AVI ", b"<!DOCTYPE html>", b'{"error": "x"}'])
def test_anything_else_is_no_image(data: bytes) -> None:
    assert read(data) is None


@pytest.mark.parametrize(
    ("data", "format_", "expected"),
    [
        (WHOLE["png"], "png", True),
        (WHOLE["png"][:5], "png", True),
        (b"", "png", True),
        (WHOLE["jpeg"], "png", False),
        (b"RI", "webp", True),
        (WHOLE["webp lossy"], "webp", True),
        (WHOLE["png"], "webp", False),
        (b"\xff\xd8\xff\xe0\0\0", "jpeg", True),
        (b"version https://git-lfs", "jpeg", False),
    ],
)
def test_the_first_bytes_say_which_format_a_damaged_file_had(data: bytes, format_: ImageFormat, expected: bool) -> None:  # noqa: FBT001  # a column of the table
    assert expected is looks_like(data, format_)

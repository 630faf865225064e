"""Where a file that plays ends, by its own words."""

from __future__ import annotations

import pytest

from pytest_comfygen.verify.extents import end_of

BOX = (16).to_bytes(4) + b"ftypisom" + bytes(4)
FILM, DATA = (8).to_bytes(4) + b"moov", (12).to_bytes(4) + b"mdat" + bytes(4)
EBML = b"\x1a\x45\xdf\xa3\x84" + bytes(4)
PAGE = b"OggS\0\2" + bytes(20) + b"\1\3abc"
LAST = b"OggS\0\4" + bytes(20) + b"\0"
SCREEN = b"GIF89a" + bytes(7)
PICTURE = b"\x2c" + bytes(9) + b"\2\1x\0"


@pytest.mark.parametrize(
    ("format_", "data", "expected"),
    [
        ("mp4", BOX + FILM + DATA, 36),
        ("mp4", BOX + DATA + FILM, 36),
        ("mp4", BOX + FILM, None),
        ("mp4", BOX + DATA, None),
        ("mp4", BOX + FILM + DATA[:-1], None),
        ("mp4", BOX + FILM + bytes(4) + b"mdat and all the rest", 49),
        ("mp4", BOX + FILM + (1).to_bytes(4) + b"mdat" + (17).to_bytes(8) + b"x" + b"\0\0\0\0behind", 41),
        ("mp4", b"", None),
        ("webm", EBML + b"\x18\x53\x80\x67\x83abc", 17),
        ("webm", EBML + b"\x18\x53\x80\x67\x83abcde", 17),
        ("webm", EBML + b"\x18\x53\x80\x67\x83ab", None),
        ("webm", EBML + b"\x18\x53\x80\x67\x40\x03abc", 18),
        ("webm", EBML + b"\x18\x53\x80\x67\xff as long as it goes on", 36),
        ("webm", EBML, None),
        ("webm", EBML[:5], None),
        ("webm", b"", None),
        ("opus", PAGE + LAST, 58),
        ("opus", PAGE + LAST + b"more", 58),
        ("opus", PAGE, None),
        ("opus", PAGE[:-1], None),
        ("opus", PAGE + LAST[:20], None),
        ("gif", SCREEN + PICTURE + b";", 28),
        ("gif", SCREEN + b"\x21\xfe\2hi\0" + PICTURE + b";more", 34),
        ("gif", SCREEN[:10] + b"\x80" + bytes(8) + PICTURE + b";", 34),
        ("gif", SCREEN + PICTURE, None),
        ("gif", SCREEN + b"\x21\xfe\xffhi", None),
        ("gif", SCREEN + b"?", None),
        ("gif", b"GIF89a", None),
        ("wav", b"RIFF\6\0\0\0WAVE12", 14),
        ("wav", b"RIFF\7\0\0\0WAVE12", None),
        ("flac", b"fLaC and so on", 14),
        ("mp3", b"", 0),
    ],
)
def test_the_end_is_where_the_container_says(format_: str, data: bytes, expected: int | None) -> None:
    assert expected == end_of(format_, data)

"""Transparency, file size and palette, where a job wants something of them."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from pytest_comfygen.records import (
    Bounds,
    Checks,
    ImageStatistics,
    Likeness,
    Palette,
    Scoring,
    Siblings,
    Size,
    Transparency,
)
from pytest_comfygen.verify.checks import settings_hash
from pytest_comfygen.verify.image import inspect
from pytest_comfygen.verify.looks import judge_alpha, judge_bytes
from pytest_comfygen.verify.palette import judge_palette

RGB = ImageStatistics(
    size=Size(8, 8), mode="RGB", stddev=9.0, extrema=((0, 9),) * 3, dhash="0" * 64, transparency=None, brightness=5.0
)
OPAQUE = replace(RGB, mode="RGBA", extrema=((0, 9),) * 3 + ((255, 255),), transparency=0.0)
HAZY = replace(OPAQUE, extrema=((0, 9),) * 3 + ((128, 255),))
CUT_OUT = replace(OPAQUE, extrema=((0, 9),) * 3 + ((0, 255),), transparency=0.3)

NEEDED, FORBIDDEN = Transparency("needed"), Transparency("forbidden")
SOME = Transparency("share", Bounds(0.2, 0.8))


@pytest.mark.parametrize(
    ("statistics", "wanted", "found"),
    [
        (RGB, None, []),
        (RGB, FORBIDDEN, []),
        (OPAQUE, FORBIDDEN, []),
        (CUT_OUT, NEEDED, []),
        (HAZY, NEEDED, []),
        (CUT_OUT, SOME, []),
        (RGB, Transparency("share", Bounds(0.0, 0.1)), []),
        (RGB, NEEDED, [("no-transparency", "no alpha channel", "a pixel that lets something through")]),
        (
            OPAQUE,
            NEEDED,
            [
                (
                    "no-transparency",
                    "an alpha channel that is opaque everywhere",
                    "a pixel that lets something through",
                )
            ],
        ),
        (HAZY, FORBIDDEN, [("transparency", "pixels that let something through", "an opaque picture")]),
        (CUT_OUT, FORBIDDEN, [("transparency", "30.0% fully transparent", "an opaque picture")]),
        (HAZY, SOME, [("transparency", "0.0% fully transparent", "at least 20.0% and at most 80.0%")]),
        (
            CUT_OUT,
            Transparency("share", Bounds(0.0, 0.1)),
            [("transparency", "30.0% fully transparent", "at most 10.0%")],
        ),
    ],
)
def test_transparency_is_what_it_shall_be(
    statistics: ImageStatistics, wanted: Transparency | None, found: list[tuple[str, str, str]]
) -> None:
    assert found == [(one.code, one.found, one.wanted) for one in judge_alpha(statistics, wanted)]


@pytest.mark.parametrize(
    ("length", "wanted", "found"),
    [
        (5, None, []),
        (10, Bounds(10, 20), []),
        (20, Bounds(10, 20), []),
        (21, Bounds(10, 20), [("too-many-bytes", "21 bytes", "at least 10 and at most 20")]),
        (9, Bounds(10, None), [("too-few-bytes", "9 bytes", "at least 10")]),
        (2_000_001, Bounds(0, 2_000_000), [("too-many-bytes", "2000001 bytes", "at most 2000000")]),
    ],
)
def test_a_file_is_as_large_as_it_may_be(length: int, wanted: Bounds | None, found: list[tuple[str, str, str]]) -> None:
    assert found == [(one.code, one.found, one.wanted) for one in judge_bytes(length, wanted)]


# One pixel of red, and many of other colours that nobody sees.
MOSTLY_GONE = Image.frombytes(
    "RGBA",
    (300, 300),
    b"".join(bytes((255, 0, 0, 9)) if one == 77_777 else one.to_bytes(3) + bytes(1) for one in range(90_000)),
)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def stripes(*colours: tuple[int, ...], mode: str = "RGB") -> Image.Image:
    """A picture of one column for each colour."""
    picture = Image.new(mode, (len(colours), 2))
    for column, colour in enumerate(colours):
        picture.paste(colour, (column, 0, column + 1, 2))
    return picture


@pytest.mark.parametrize(
    ("picture", "wanted", "found"),
    [
        (stripes(RED, GREEN), None, []),
        (stripes(RED, GREEN), Palette(most=2), []),
        (stripes(RED, GREEN), Palette((GREEN, RED, WHITE)), []),
        (stripes(RED, GREEN, BLUE), Palette(most=2), [("too-many-colours", "3 colours", "at most 2")]),
        (stripes(RED, GREEN), Palette((RED,)), [("strange-colours", "#00ff00", "only the 1 of the palette")]),
        (
            stripes(RED, *((0, 0, grade) for grade in range(10))),
            Palette((RED,), 5),
            [
                ("too-many-colours", "11 colours", "at most 5"),
                ("strange-colours", "#000000, #000001, #000002 and 7 more", "only the 1 of the palette"),
            ],
        ),
        (stripes((*RED, 255), (*GREEN, 0), mode="RGBA"), Palette((RED,)), []),
        (
            stripes((*RED, 255), (*GREEN, 1), mode="RGBA"),
            Palette(most=1),
            [("too-many-colours", "2 colours", "at most 1")],
        ),
        (Image.linear_gradient("L"), Palette(most=255), [("too-many-colours", "256 colours", "at most 255")]),
        (Image.linear_gradient("L"), Palette(most=256), []),
        (stripes((*RED, 0), mode="RGBA"), Palette((WHITE,), 1), []),
        (
            Image.frombytes("RGB", (300, 300), b"".join(number.to_bytes(3) for number in range(90_000))),
            Palette(most=65_536),
            [("too-many-colours", "more than 65536 colours", "at most 65536")],
        ),
        (
            MOSTLY_GONE,
            Palette((RED,), 1),
            [],
        ),
    ],
)
def test_a_picture_has_the_colours_that_it_may_have(
    picture: Image.Image, wanted: Palette | None, found: list[tuple[str, str, str]]
) -> None:
    assert found == [(one.code, one.found, one.wanted) for one in judge_palette(picture, wanted)]


def test_a_file_with_a_palette_is_judged_by_its_colours() -> None:
    data = BytesIO()
    stripes(RED, GREEN, BLUE).quantize(3).save(data, "PNG")
    checks = Checks(None, "png", min_stddev=0, palette=Palette((RED, GREEN)))

    codes = [finding.code for finding in inspect(data.getvalue(), checks).findings]

    assert codes == ["wrong-mode", "strange-colours"]


# --- settings ---------------------------------------------------------------------------------------------------------

PLAIN = Checks(Size(8, 8), "png")
BASELINE = Likeness(Path("/repository/a.png"), None, 32, None, "f" * 64)


ALL = [
    replace(PLAIN, alpha=NEEDED),
    replace(PLAIN, alpha=FORBIDDEN),
    replace(PLAIN, alpha=SOME),
    replace(PLAIN, file_bytes=Bounds(0, 100)),
    replace(PLAIN, file_bytes=Bounds(1, 100)),
    replace(PLAIN, palette=Palette(most=2)),
    replace(PLAIN, palette=Palette((RED,))),
    replace(PLAIN, similar_to=BASELINE),
    replace(PLAIN, similar_to=replace(BASELINE, sha256="e" * 64)),
    replace(PLAIN, similar_to=replace(BASELINE, distance=31)),
    replace(PLAIN, similar_to=replace(BASELINE, min_ssim=0.5)),
    replace(PLAIN, siblings=Siblings(64)),
    replace(PLAIN, scoring=Scoring("aesthetic", 0.5)),
    replace(PLAIN, scoring=Scoring("aesthetic", 0.6)),
    replace(PLAIN, scoring=Scoring("beauty", 0.5)),
    PLAIN,
]


def test_each_of_them_is_a_setting_of_its_own() -> None:
    assert len({settings_hash(checks) for checks in ALL}) == len(ALL)


@pytest.mark.parametrize(
    "same",
    [
        replace(PLAIN, duplicates="allow"),
        replace(PLAIN, duplicates=4),
        replace(PLAIN, similar_to=None),
    ],
)
def test_what_is_compared_between_pictures_changes_no_recorded_setting(same: Checks) -> None:
    assert settings_hash(same) == settings_hash(PLAIN)


def test_where_a_baseline_lies_does_not_matter() -> None:
    moved = replace(BASELINE, file=Path("/elsewhere/b.png"), item="kin")

    assert settings_hash(replace(PLAIN, similar_to=moved)) == settings_hash(replace(PLAIN, similar_to=BASELINE))


def test_how_far_siblings_may_differ_is_no_setting_of_one_picture() -> None:
    assert settings_hash(replace(PLAIN, siblings=Siblings(1))) == settings_hash(replace(PLAIN, siblings=Siblings(64)))

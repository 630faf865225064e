"""A contact sheet holds the pictures with their names, and never grows without end."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from pytest_comfygen.records import Size
from pytest_comfygen.records.gallery import Preview
from pytest_comfygen.verify.sheet import MOST_CELLS, SOFTWARE, Cell, sheet_of


def preview(colour: str, size: tuple[int, int] = (100, 200), mode: str = "RGB") -> Preview:
    file = BytesIO()
    Image.new(mode, size, colour).save(file, "webp", lossless=True)
    return Preview(file.getvalue(), Size(*size))


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def test_pictures_stand_in_rows_in_their_order() -> None:
    colours = ["red", "lime", "blue", "yellow", "magenta"]

    sheet = opened(sheet_of([Cell(colour, "current", preview(colour)) for colour in colours], "game"))

    centres = [(12 + 204 * column + 96, 40 + 238 * row + 96) for row in range(2) for column in range(4)]
    assert [sheet.getpixel(place) for place in centres[:5]] == [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 0),
        (255, 0, 255),
    ]


def test_a_missing_picture_leaves_its_place_empty() -> None:
    sheet = opened(sheet_of([Cell("a", "missing", None), Cell("b", "current", preview("red"))], "game"))

    assert (sheet.getpixel((108, 136)), sheet.getpixel((312, 136))) == ((228, 228, 225), (255, 0, 0))


def test_names_are_written_below_and_cut_where_the_room_ends() -> None:
    def ink(name: str) -> int:
        sheet = opened(sheet_of([Cell(name, "", None)], ""))
        return sum(sheet.crop((12, 233, 204, 250)).convert("L").histogram()[:200])

    beside = opened(sheet_of([Cell("W" * 500, "", None)], "")).crop((205, 225, 215, 270)).convert("L")

    assert 0 == ink("") < ink("kin") < ink("kin_of_the_north")
    assert beside.getextrema() == (244, 244)


@pytest.mark.parametrize(("count", "size"), [(1, (828, 290)), (MOST_CELLS, (2460, 11952)), (5000, (2460, 11952))])
def test_it_is_bounded(count: int, size: tuple[int, int]) -> None:
    sheet = opened(sheet_of([Cell("kin", "current", None)] * count, "game"))

    assert sheet.size == size


def test_it_says_of_itself_what_it_is() -> None:
    assert opened(sheet_of([], "game")).info["Software"] == SOFTWARE

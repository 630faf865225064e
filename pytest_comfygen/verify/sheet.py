"""A contact sheet: many pictures in one, with their names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from pytest_comfygen.records.gallery import Preview

__all__ = ["MOST_CELLS", "SOFTWARE", "Cell", "sheet_of"]

MOST_CELLS = 600
SOFTWARE = "pytest-comfygen contact sheet"

_PICTURE_PX, _TEXT_PX, _GAP_PX, _HEAD_PX, _MOST_COLUMNS = 192, 34, 12, 40, 12
_GROUND, _WELL, _INK, _SOFT = "#f4f4f2", "#e4e4e1", "#1d1f21", "#5c6166"
_COLOURS = {
    "failed": "#b3261e",
    "missing": "#b3261e",
    "stale": "#9a5b00",
    "edited": "#9a5b00",
    "orphan": "#9a5b00",
    "unrecorded": "#9a5b00",
    "generated": "#1f7a3d",
    "restored": "#1f7a3d",
}


class Cell(NamedTuple):
    """One picture of a sheet; without a preview its place stays empty."""

    name: str
    outcome: str
    preview: Preview | None


def sheet_of(cells: Sequence[Cell], title: str) -> bytes:
    """A PNG with the pictures in rows.

    :param cells: in their order; of very many the first `MOST_CELLS` are shown, and the title says so.
    """
    shown = cells[:MOST_CELLS]
    if len(shown) < len(cells):
        title = f"{title} · the first {len(shown)} of {len(cells)}"
    columns = max(4, min(_MOST_COLUMNS, math.ceil(math.sqrt(len(shown)))))
    width, height = _PICTURE_PX + _GAP_PX, _PICTURE_PX + _TEXT_PX + _GAP_PX
    rows = math.ceil(len(shown) / columns)
    sheet = Image.new("RGB", (columns * width + _GAP_PX, _HEAD_PX + rows * height + _GAP_PX), _GROUND)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (_GAP_PX, _GAP_PX, sheet.width - _GAP_PX, _GAP_PX + 15), title, _INK)
    for number, cell in enumerate(shown):
        row, column = divmod(number, columns)
        _hang(sheet, draw, cell, _GAP_PX + column * width, _HEAD_PX + row * height)
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", SOFTWARE)
    file = BytesIO()
    sheet.save(file, "png", pnginfo=info)
    return file.getvalue()


def _hang(sheet: Image.Image, draw: ImageDraw.ImageDraw, cell: Cell, left: int, top: int) -> None:
    draw.rectangle((left, top, left + _PICTURE_PX - 1, top + _PICTURE_PX - 1), _WELL)
    if cell.preview:
        with Image.open(BytesIO(cell.preview.data)) as picture:
            small = picture.convert("RGBA")
        small.thumbnail((_PICTURE_PX, _PICTURE_PX))
        place = (left + (_PICTURE_PX - small.width) // 2, top + (_PICTURE_PX - small.height) // 2)
        sheet.paste(small, place, small)
    right, below = left + _PICTURE_PX, top + _PICTURE_PX + 3
    _write(draw, (left, below, right, below + 13), cell.name, _INK)
    _write(draw, (left, below + 15, right, below + 27), cell.outcome, _COLOURS.get(cell.outcome, _SOFT))


def _write(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], text: str, colour: str) -> None:
    """One line of text, cut where the box ends."""
    left, top, right, bottom = box
    font = ImageFont.load_default(bottom - top)
    shown = text
    while shown and draw.textlength(shown if shown == text else f"{shown}…", font) > right - left:
        shown = shown[:-1]
    draw.text((left, top), shown if shown == text else f"{shown}…", colour, font)

"""A small exhibition, and what a page of one holds."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import BytesIO
from typing import Any

from PIL import Image

from pytest_comfygen.records import Size
from pytest_comfygen.records.gallery import Ending, Entry, Exhibit, Exhibition, Plate, Preview

__all__ = ["data_of", "exhibit", "exhibition", "picture", "plate"]


def picture(colour: str, size: tuple[int, int] = (60, 80)) -> bytes:
    """A PNG of one colour."""
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "png")
    return file.getvalue()


def plate(colour: str = "red", size: tuple[int, int] = (60, 80), **changes: Any) -> Plate:
    """A picture of one colour, held whole."""
    file, data = BytesIO(), picture(colour, size)
    Image.new("RGB", size, colour).save(file, "webp", lossless=True)
    found = Plate(
        role="now",
        label="now",
        name="assets/kin.png",
        medium="image",
        media_type="image/png",
        size_bytes=len(data),
        preview=Preview(file.getvalue(), Size(*size)),
        data=data,
    )
    return replace(found, **changes)


def exhibit(name: str = "kin", *plates: Plate, outcome: str = "current", **changes: Any) -> Exhibit:
    """An image with these pictures.

    :param changes: fields of its entry and of how it ended.
    """
    of_entry = {key: value for key, value in changes.items() if key in Entry.__slots__}
    of_ending = {key: value for key, value in changes.items() if key not in Entry.__slots__}
    item = f"jobs/kins.comfyjob.yaml::{name}"
    entry = Entry(id=item, name=name, root="/game", output=f"assets/{name}.png", where="jobs/kins.comfyjob.yaml:5:3")
    return Exhibit(
        entry=replace(entry, **of_entry),
        ending=replace(Ending(id=item, outcome=outcome), **of_ending),
        plates=plates,
        change="changed" if len(plates) > 1 else "same",
        commands=(("To make it again", f'pytest "{item}" --comfy-update all'),),
    )


def exhibition(*exhibits: Exhibit, **changes: Any) -> Exhibition:
    """All of them."""
    found = Exhibition(
        title="game", commit="0123abcd", made_at="2026-01-02 03:04", summary="images: 1 current", exhibits=exhibits
    )
    return replace(found, **changes)


def data_of(page: str) -> dict[str, Any]:
    """What the page's script reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data

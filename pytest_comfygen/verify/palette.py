"""The colours of a picture, for jobs that want few, or certain ones."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from pytest_comfygen.records import Finding, Palette
from pytest_comfygen.verify.looks import shown_colour

__all__ = ["judge_palette"]

_SHOWN_COLOURS = 3
_MOST_COLOURS = 65_536  # as many as a job may ask for
_FIX = "have the workflow reduce the colours, or change `verify: {palette: …}`"


def judge_palette(pixels: Image.Image, wanted: Palette | None) -> Iterator[Finding]:
    """Whether the picture has the colours that it may have."""
    if wanted is None:
        return
    colours = _colours(pixels)
    if colours is None:
        least = wanted.most or len(wanted.colours)
        yield _refused("too-many-colours", f"more than {_MOST_COLOURS} colours", f"at most {least}")
        return
    if wanted.most is not None and len(colours) > wanted.most:
        yield _refused("too-many-colours", f"{len(colours)} colours", f"at most {wanted.most}")
    strange = sorted(colours.difference(wanted.colours)) if wanted.colours else ()
    if strange:
        shown = ", ".join(map(shown_colour, strange[:_SHOWN_COLOURS]))
        more = f" and {len(strange) - _SHOWN_COLOURS} more" if len(strange) > _SHOWN_COLOURS else ""
        yield _refused("strange-colours", f"{shown}{more}", f"only the {len(wanted.colours)} of the palette")


def _colours(pixels: Image.Image) -> set[tuple[int, int, int]] | None:
    """The colours that can be seen, each once; None when there are more than anybody asks for."""
    seen = _seen(pixels) if pixels.has_transparency_data else pixels.convert("RGB")
    if seen is None:
        return set()
    found = seen.getcolors(maxcolors=_MOST_COLOURS)
    return None if found is None else {colour for _, colour in found if isinstance(colour, tuple)}  # type: ignore[misc]  # of an RGB picture, three numbers


def _seen(pixels: Image.Image) -> Image.Image | None:
    """The picture in which what is fully transparent has the colour of another pixel; None when all is."""
    mask = pixels.convert("RGBA").getchannel("A").point(lambda value: 255 if value else 0)
    box = mask.getbbox()
    if box is None:
        return None
    left, top, right, _ = box
    some = left + mask.crop((left, top, right, top + 1)).tobytes().index(255)
    opaque = pixels.convert("RGB")
    canvas = Image.new("RGB", pixels.size, opaque.getpixel((some, top)))
    canvas.paste(opaque, mask=mask)
    return canvas


def _refused(code: str, found: str, wanted: str) -> Finding:
    return Finding(code, "error", found, wanted, _FIX)

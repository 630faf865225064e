"""The placeholder pictures: landscapes in the colours of their seed, with the prompt written on them.

A picture depends on its sampling values alone, so that equal jobs give equal pixels with one version of Pillow.
"""

from __future__ import annotations

import colorsys
import math
import random
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image, ImageDraw, ImageFont, ImageOps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_comfygen.sketch.values import Sampling

Colour: TypeAlias = tuple[int, int, int]
Size: TypeAlias = tuple[int, int]

_WORD = "SKETCH"
_INK = (250, 248, 240)
_SHADE = (12, 14, 22)
_EMPTY = (128, 128, 128)  # what an unsampled latent decodes to
_LONGEST_PROMPT = 1500  # characters; no panel holds more
_SMALLEST_PANEL = 128  # pixels of the shorter side
_NIGHTS = 0.3  # share of seeds
_SMOOTH_BELOW = 4_000_000  # pixels; larger pictures have small enough jags


@dataclass(frozen=True, slots=True)
class _Palette:
    """The colours of one seed, from the sky's zenith to the nearest hill."""

    zenith: Colour
    middle: Colour
    horizon: Colour
    sun: Colour
    far: Colour
    near: Colour


class Painter:
    """Paints and stamps pictures.

    :param plain: paint coarse patterns instead, which cost next to nothing.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain
        self._fonts: dict[int, ImageFont.FreeTypeFont | ImageFont.ImageFont] = {}
        self._stamps: dict[int, Image.Image] = {}

    def paint(self, sampling: Sampling | None, size: Size, index: int) -> Image.Image:
        """The picture of a sampling, or grey without one.

        :param size: (width, height), pixels.
        :param index: position in the batch.
        """
        if sampling is None:
            return Image.new("RGB", size, _EMPTY)
        chance = random.Random(repr((astuple(sampling), size, index)))  # noqa: S311  # a picture is no secret
        if self._plain:
            return _pattern(chance, size)
        picture = _landscape(chance, _palette(sampling.seed + index), size)
        if min(size) >= _SMALLEST_PANEL:
            self._write_panel(picture, sampling, index)
        return picture

    def stamp(self, picture: Image.Image) -> Image.Image:
        """A copy that says in a corner that it is a sketch."""
        stamped = picture.copy()
        mark = self._mark(_font_px(picture.size, share=0.045, least=11))
        margin = min(picture.size) // 32
        room = (max(1, picture.width - margin), max(1, picture.height - margin))
        if mark.width > room[0] or mark.height > room[1]:
            mark = ImageOps.contain(mark, room)
        stamped.paste(mark, (margin, margin), mark)
        return stamped

    def _mark(self, font_px: int) -> Image.Image:
        """The word in a translucent pill."""
        if font_px not in self._stamps:
            font = self._font(font_px)
            left, top, right, bottom = font.getbbox(_WORD)
            pad = max(2, font_px // 3)
            size = (math.ceil(right - left) + 2 * pad, math.ceil(bottom - top) + 2 * pad)
            mark = Image.new("RGBA", size, (*_SHADE, 0))
            draw = ImageDraw.Draw(mark)
            draw.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), pad, (*_SHADE, 150))
            draw.text((pad - left, pad - top), _WORD, (*_INK, 255), font)
            self._stamps[font_px] = mark
        return self._stamps[font_px]

    def _write_panel(self, picture: Image.Image, sampling: Sampling, index: int) -> None:
        """Write the prompt and the main values over the lower part of the picture, on a translucent ground."""
        font_px = _font_px(picture.size, share=0.034, least=10)
        font, small = self._font(font_px), self._font(max(9, round(font_px * 0.7)))
        margin, pad = min(picture.size) // 24, font_px * 3 // 4
        room = picture.width - 2 * (margin + pad)
        most_lines = max(1, int(picture.height * 0.38 / (font_px * 1.35)) - 1)
        lines = _wrap(sampling.positive, font.getlength, room, most_lines)
        footer = _fit(_footer(picture.size, sampling, index), small.getlength, room)
        line_px = round(font_px * 1.35)
        height = 2 * pad + line_px * (len(lines) + 1)
        top = picture.height - margin - height
        draw = ImageDraw.Draw(picture, "RGBA")
        box = (margin, top, picture.width - margin, picture.height - margin)
        draw.rounded_rectangle(box, pad, (*_SHADE, 140))
        for number, line in enumerate(lines):
            draw.text((margin + pad, top + pad + number * line_px), line, (*_INK, 255), font)
        baseline = picture.height - margin - pad
        draw.text((margin + pad, baseline), footer, (*_INK, 190), small, anchor="ls")

    def _font(self, font_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        if font_px not in self._fonts:
            self._fonts[font_px] = ImageFont.load_default(font_px)
        return self._fonts[font_px]


def _font_px(size: Size, *, share: float, least: int) -> int:
    return max(least, round(math.sqrt(size[0] * size[1]) * share))


# --- words -----------------------------------------------------------------------------------------------------------


def _footer(size: Size, sampling: Sampling, index: int) -> list[str]:
    """What the picture was made with, the most telling first."""
    seed = f"seed {sampling.seed}" + (f" +{index}" if index else "")
    return [
        seed,
        f"{size[0]}x{size[1]}",
        f"{sampling.steps} steps",
        f"cfg {sampling.cfg:g}",
        f"{sampling.sampler} {sampling.scheduler}",
        _printable(sampling.checkpoint),
    ]


def _fit(parts: Sequence[str], length: Callable[[str], float], room: float) -> str:
    """As many parts as fit in a line, the first of them in any case."""
    line = parts[0]
    for part in parts[1:]:
        if length(f"{line}   {part}") > room:
            break
        line = f"{line}   {part}"
    return line


def _printable(text: str) -> str:
    """`text` on one line, without what no font can draw."""
    words = "".join(char if char.isprintable() else " " for char in text[:_LONGEST_PROMPT])
    return " ".join(words.split())


def _wrap(text: str, length: Callable[[str], float], room: float, most_lines: int) -> list[str]:
    """`text` in lines of at most `room` pixels; what is too much is cut, and dots say so.

    :param length: of a text, pixels.
    """
    lines = [""]
    for word in _printable(text).split(" "):
        joined = f"{lines[-1]} {word}".strip()
        if length(joined) <= room:
            lines[-1] = joined
            continue
        lines += _pieces(word, length, room)
        if len(lines) > most_lines + 1:
            break
    lines = [line for line in lines if line]
    if len(lines) <= most_lines:
        return lines
    last = lines[most_lines - 1]
    while last and length(f"{last}...") > room:
        last = last[:-1]
    return [*lines[: most_lines - 1], f"{last.rstrip()}..."]


def _pieces(word: str, length: Callable[[str], float], room: float) -> list[str]:
    """A word in pieces that fit a line each (scripts without spaces make long words)."""
    pieces = [""]
    for char in word:
        if pieces[-1] and length(pieces[-1] + char) > room:
            pieces.append("")
        pieces[-1] += char
    return pieces


# --- pictures --------------------------------------------------------------------------------------------------------


def _pattern(chance: random.Random, size: Size) -> Image.Image:
    """Eight by eight fields of random colours."""
    return Image.frombytes("RGB", (8, 8), chance.randbytes(8 * 8 * 3)).resize(size, Image.Resampling.NEAREST)


def _palette(seed: int) -> _Palette:
    chance = random.Random(seed)  # noqa: S311  # a picture is no secret
    drift, across = chance.uniform(0.05, 0.14), chance.uniform(0.38, 0.62)
    if chance.random() < _NIGHTS:
        hue = chance.uniform(0.52, 0.82)  # blue to violet: nights of other colours look like mud
        return _Palette(
            zenith=_colour(hue, 0.75, 0.22),
            middle=_colour(hue + drift, 0.6, 0.42),
            horizon=_colour(hue + 2 * drift, 0.42, 0.72),
            sun=_colour(hue + across, 0.1, 1.0),
            far=_colour(hue + drift, 0.45, 0.46),
            near=_colour(hue, 0.75, 0.12),
        )
    hue = chance.random()
    return _Palette(
        zenith=_colour(hue, 0.55, 0.8),
        middle=_colour(hue + drift, 0.3, 0.93),
        horizon=_colour(hue + across, 0.24, 1.0),
        sun=_colour(hue + across, 0.08, 1.0),
        far=_colour(hue + drift, 0.34, 0.82),
        near=_colour(hue - drift, 0.7, 0.3),
    )


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, min(1.0, value))
    return round(red * 255), round(green * 255), round(blue * 255)


def _between(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _landscape(chance: random.Random, palette: _Palette, size: Size) -> Image.Image:
    """A sky, a sun or moon, and ranges of hills that darken towards the viewer."""
    factor = 2 if size[0] * size[1] < _SMOOTH_BELOW else 1
    large = (size[0] * factor, size[1] * factor)
    picture = _sky(palette, large)
    draw = ImageDraw.Draw(picture)
    _draw_stars(chance, draw, palette, large)
    _draw_sun(chance, picture, palette)
    ranges = chance.randint(4, 6)
    horizon = chance.uniform(0.38, 0.52)
    for number in range(ranges):
        share = number / (ranges - 1)
        base = horizon + (0.94 - horizon) * share
        colour = _between(palette.far, palette.near, share**0.8)
        draw.polygon(_ridge(chance, large, base, rough=1 - share * 0.6), colour)
    return picture.reduce(factor) if factor > 1 else picture


def _sky(palette: _Palette, size: Size) -> Image.Image:
    column = Image.linear_gradient("L").resize((1, 256))
    sky = ImageOps.colorize(column, palette.zenith, palette.horizon, palette.middle, whitepoint=150, midpoint=80)
    return sky.resize(size, Image.Resampling.BILINEAR)


def _draw_stars(chance: random.Random, draw: ImageDraw.ImageDraw, palette: _Palette, size: Size) -> None:
    unit = min(size) / 400
    colour = _between(palette.zenith, palette.sun, 0.55)
    for _ in range(chance.randint(10, 40)):
        x, y = chance.random() * size[0], chance.random() ** 1.5 * size[1] * 0.4
        radius = unit * chance.uniform(0.4, 1.3)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour)


def _draw_sun(chance: random.Random, picture: Image.Image, palette: _Palette) -> None:
    radius = min(picture.size) * chance.uniform(0.07, 0.17)
    x, y = picture.width * chance.uniform(0.2, 0.8), picture.height * chance.uniform(0.2, 0.42)
    halo = round(radius * 3.2)
    # Pillow's gradient reaches 181 at the middle of its sides and 255 in its corners.
    glow = Image.radial_gradient("L").point([round(190 * max(0, 1 - level / 180) ** 2) for level in range(256)])
    picture.paste(palette.sun, (round(x) - halo, round(y) - halo), glow.resize((2 * halo, 2 * halo)))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), palette.sun)


def _ridge(chance: random.Random, size: Size, base: float, rough: float) -> list[tuple[float, float]]:
    """The outline of a range of hills: a few waves on top of each other.

    :param base: height of its middle, share of the picture's height from the top.
    :param rough: 0 gentle .. 1 steep.
    """
    waves = [
        (chance.uniform(0.6, 1.4) * 2**octave, chance.uniform(0, math.tau), 0.075 * rough / 1.9**octave)
        for octave in range(5)
    ]
    outline = [(0.0, float(size[1]))]
    for step in range(129):
        x = step / 128
        swell = sum(height * math.sin(math.tau * count * x + phase) for count, phase, height in waves)
        outline.append((x * size[0], (base - swell) * size[1]))
    return [*outline, (float(size[0]), float(size[1]))]

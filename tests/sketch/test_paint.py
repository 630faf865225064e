from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image, ImageChops, ImageStat

from pytest_comfygen.sketch.paint import Painter, _wrap
from pytest_comfygen.sketch.values import Sampling

DWARF = Sampling(
    seed=1,
    positive="a stout dwarf",
    negative="watermark",
    checkpoint="a.safetensors",
    steps=20,
    cfg=6.5,
    sampler="euler",
    scheduler="normal",
    denoise=1.0,
)
SIZES = [(64, 64), (512, 512), (832, 1216), (1024, 512)]


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures, 0..255."""
    means = ImageStat.Stat(ImageChops.difference(one, other)).mean
    return sum(means) / len(means)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_picture_has_its_size_and_is_the_same_each_time(size: tuple[int, int], plain: bool) -> None:  # noqa: FBT001  # a parameter of the table
    picture = Painter(plain=plain).paint(DWARF, size, 0)
    assert (picture.size, picture.mode) == (size, "RGB")
    assert Painter(plain=plain).paint(DWARF, size, 0).tobytes() == picture.tobytes()


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("size", [(64, 64), (256, 384)])
@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"positive": "a moon elf"},
        {"negative": ""},
        {"checkpoint": "b.safetensors"},
        {"steps": 21},
        {"cfg": 7.0},
        {"sampler": "lcm"},
        {"scheduler": "karras"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_value_changes_the_picture_visibly(change: dict[str, object], size: tuple[int, int], plain: bool) -> None:  # noqa: FBT001  # a parameter of the table
    painter = Painter(plain=plain)
    other = replace(DWARF, **change)  # type: ignore[arg-type]  # the table's values fit their fields
    assert difference(painter.paint(DWARF, size, 0), painter.paint(other, size, 0)) > 2


def test_the_pictures_of_a_batch_differ() -> None:
    painter = Painter()
    assert difference(painter.paint(DWARF, (64, 64), 0), painter.paint(DWARF, (64, 64), 1)) > 2


def test_colours_follow_the_seed_also_in_tiny_pictures() -> None:
    averages = {
        tuple(Painter().paint(replace(DWARF, seed=seed), (64, 64), 0).resize((1, 1)).tobytes()) for seed in range(20)
    }
    assert len(averages) == 20


def test_an_unsampled_latent_is_grey() -> None:
    assert Painter().paint(None, (16, 16), 0).getcolors() == [(256, (128, 128, 128))]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "矮人矿工肖像" * 400,
        "пещера גמד العفريت ไทย 🧔🏽‍♂️ z̷̨͝a̸l̵g̶o̴",
        "lone \ud800 surrogate, null \0, bell \a, right-to-left \u202e",
        "w" * 100_000,
        "many words " * 10_000,
    ],
    ids=["empty", "blank", "no spaces", "scripts", "controls", "one word", "endless"],
)
@pytest.mark.parametrize("size", [(64, 64), (128, 128), (320, 200)])
def test_no_prompt_is_too_strange(text: str, size: tuple[int, int]) -> None:
    assert Painter().paint(replace(DWARF, positive=text), size, 0).size == size


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a dwarf", ["a dwarf"]),
        ("a stout dwarf miner", ["a stout", "dwarf", "miner"]),
        ("a  stout\n dwarf", ["a stout", "dwarf"]),
        ("mountaineering", ["mountain", "eering"]),
        ("one two three four five six", ["one two", "three", "four..."]),
        ("one two three fourteen more", ["one two", "three", "fourt..."]),
    ],
)
def test_text_is_wrapped_to_its_room_and_cut_with_dots(text: str, lines: list[str]) -> None:
    assert _wrap(text, lambda part: float(len(part)), room=8, most_lines=3) == lines


@pytest.mark.parametrize("size", [(9, 64), (64, 9), (64, 64), (512, 512), (3, 2000)])
def test_every_size_can_be_stamped(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, (255, 136, 0))
    stamped = Painter().stamp(picture)
    assert stamped.size == size
    assert picture.getcolors() == [(size[0] * size[1], (255, 136, 0))], "the picture itself is left alone"
    assert difference(picture, stamped) > 0


def test_a_single_pixel_survives_its_stamp() -> None:
    assert Painter().stamp(Image.new("RGB", (1, 1))).size == (1, 1)


def test_the_stamp_stands_in_the_upper_left_corner_and_nowhere_else() -> None:
    blank = Image.new("RGB", (512, 512), (255, 136, 0))
    box = ImageChops.difference(blank, Painter().stamp(blank)).getbbox()
    assert box is not None
    assert box[2] < 256
    assert box[3] < 128

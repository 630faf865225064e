"""The stand-in's nodes for further kinds of generation do what can be seen of ComfyUI's."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from PIL import Image

from pytest_comfygen.sketch import kinds
from pytest_comfygen.sketch.actions import Bench
from pytest_comfygen.sketch.files import Folders
from pytest_comfygen.sketch.paint import Painter
from pytest_comfygen.sketch.values import Checkpoint, Latent

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_comfygen.sketch.actions import Made
    from pytest_comfygen.sketch.values import Pictures

RED, BLUE = ((Image.new("RGB", (64, 32), colour),) for colour in ("red", "blue"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(folders=Folders.below(tmp_path), painter=Painter())


def pictures(made: Made, slot: int = 0) -> Pictures:
    return cast("Pictures", made.values[slot])


def test_a_picture_of_the_input_folder_is_loaded_with_its_mask(bench: Bench) -> None:
    (bench.folders.root / "input" / "sub").mkdir()
    Image.new("RGBA", (8, 4), (255, 0, 0, 0)).save(bench.folders.root / "input" / "sub" / "a.png")

    made = kinds.load_image(bench, "sub/a.png")

    assert pictures(made)[0].size == (8, 4)
    assert pictures(made, 1)[0].getcolors() == [(32, (255, 255, 255))]


@pytest.mark.parametrize("name", ["../output/a.png", "none.png", "sub"])
def test_nothing_else_is_loaded(bench: Bench, name: str) -> None:
    (bench.folders.root / "input" / "sub").mkdir()
    Image.new("RGB", (8, 4)).save(bench.folders.root / "output" / "a.png")

    with pytest.raises(FileNotFoundError):
        kinds.load_image(bench, name)


@pytest.mark.parametrize(("channel", "grey"), [("red", 255), ("green", 10), ("alpha", 200)], ids=str)
def test_a_channel_of_a_picture_is_a_mask_and_alpha_counts_the_other_way(bench: Bench, channel: str, grey: int) -> None:
    Image.new("RGBA", (8, 4), (255, 10, 0, 55)).save(bench.folders.root / "input" / "a.png")

    assert pictures(kinds.load_mask(bench, "a.png", channel))[0].getcolors() == [(32, (grey, grey, grey))]


def test_a_mask_is_white_where_the_colour_is(bench: Bench) -> None:
    picture = Image.new("RGB", (8, 4), (1, 2, 3))
    picture.paste((1, 2, 4), (0, 0, 2, 4))

    mask = pictures(kinds.colour_to_mask(bench, (picture,), 0x010203))

    assert mask[0].histogram()[:256:255] == [8, 24]


def test_a_mask_makes_transparent_where_it_is_white(bench: Bench) -> None:
    mask = Image.new("RGB", (4, 2))
    mask.paste((255, 255, 255), (0, 0, 2, 2))

    joined = pictures(kinds.join_alpha(bench, RED, (mask,)))[0]

    assert (joined.mode, joined.size) == ("RGBA", (64, 32))
    assert (joined.getpixel((1, 1)), joined.getpixel((63, 31))) == ((255, 0, 0, 0), (255, 0, 0, 255))


def test_the_source_shows_where_the_mask_is_white(bench: Bench) -> None:
    mask = Image.new("RGB", (64, 32))
    mask.paste((255, 255, 255), (0, 0, 64, 16))

    made = pictures(kinds.composite(bench, RED, BLUE, 0, 0, False, (mask,)))[0]  # noqa: FBT003  # ComfyUI's input

    assert (made.getpixel((0, 0)), made.getpixel((0, 31))) == ((0, 0, 255), (255, 0, 0))


def test_a_latent_knows_what_it_was_made_of(bench: Bench) -> None:
    made = [kinds.encode_pixels(bench, one, Checkpoint("a")).values[0] for one in (RED, RED, BLUE)]

    assert made[0] == made[1] != made[2]
    assert isinstance(made[0], Latent)
    assert (made[0].width, made[0].height) == (64, 32)


def test_an_upscale_model_makes_it_four_times_as_large(bench: Bench) -> None:
    assert pictures(kinds.enlarge_with_model(bench, Checkpoint("4x"), RED))[0].size == (256, 128)


def test_a_model_remembers_what_was_laid_over_it(bench: Bench) -> None:
    base = Checkpoint("base")
    model, clip = kinds.lay_lora_over(bench, base, base, "ink.pt", 0.5, 0.0).values

    assert (model, clip) == (Checkpoint("base", ("ink.pt 0.5",)), Checkpoint("base", ("ink.pt 0.0",)))

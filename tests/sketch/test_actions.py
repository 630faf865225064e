from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from PIL import Image

from pytest_comfygen.sketch import actions
from pytest_comfygen.sketch.actions import Bench
from pytest_comfygen.sketch.files import Folders
from pytest_comfygen.sketch.paint import Painter

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_comfygen.sketch.actions import Made
    from pytest_comfygen.sketch.values import Pictures

GREY = (Image.new("RGB", (64, 32), (128, 128, 128)),)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(folders=Folders.below(tmp_path), painter=Painter())


def pictures(made: Made) -> Pictures:
    return cast("Pictures", made.values[0])


def test_an_empty_image_has_its_colour(bench: Bench) -> None:
    made = pictures(actions.empty_image(bench, 2, 3, 2, 0xFF8800))
    assert [picture.getcolors() for picture in made] == [[(6, (255, 136, 0))]] * 2


def test_inverting_twice_changes_nothing(bench: Bench) -> None:
    once = pictures(actions.invert(bench, GREY))
    assert once[0].getpixel((0, 0)) == (127, 127, 127)
    assert pictures(actions.invert(bench, once))[0].tobytes() == GREY[0].tobytes()


def test_noise_depends_on_its_seed_alone(bench: Bench) -> None:
    noisy = [pictures(actions.add_noise(bench, GREY, seed, 0.5))[0].tobytes() for seed in (1, 1, 2)]
    assert noisy[0] == noisy[1] != noisy[2]


def test_noise_of_no_strength_is_none(bench: Bench) -> None:
    assert pictures(actions.add_noise(bench, GREY, 1, 0.0))[0].tobytes() == GREY[0].tobytes()


def test_blur_softens_noise(bench: Bench) -> None:
    noisy = pictures(actions.add_noise(bench, GREY, 1, 1.0))
    spread = [picture.convert("L").getextrema() for picture in (*noisy, *pictures(actions.blur(bench, noisy, 5, 2.0)))]
    (low, high), (softer_low, softer_high) = cast("list[tuple[int, int]]", spread)
    assert softer_high - softer_low < high - low


@pytest.mark.parametrize(
    ("asked", "size"),
    [((32, 32), (32, 32)), ((0, 16), (32, 16)), ((128, 0), (128, 64)), ((0, 0), (64, 32)), ((1, 0), (1, 1))],
)
@pytest.mark.parametrize("crop", ["disabled", "center"])
def test_scaling_keeps_proportions_where_a_side_is_left_open(
    bench: Bench, asked: tuple[int, int], size: tuple[int, int], crop: str
) -> None:
    assert pictures(actions.scale(bench, GREY, "area", *asked, crop))[0].size == size


def test_scaling_to_other_proportions_can_cut_the_sides_off(bench: Bench) -> None:
    wide = Image.new("RGB", (90, 30), (255, 0, 0))
    wide.paste((0, 0, 255), (30, 0, 60, 30))
    scaled = pictures(actions.scale(bench, (wide,), "nearest-exact", 10, 10, "center"))[0]
    assert scaled.getcolors() == [(100, (0, 0, 255))]


def test_scaling_by_a_factor(bench: Bench) -> None:
    assert pictures(actions.scale_by(bench, GREY, "lanczos", 1.5))[0].size == (96, 48)


def test_text_nodes(bench: Bench) -> None:
    assert actions.length(bench, "nine char").values == (9,)
    assert actions.concatenate(bench, "a", "b", ", ").values == ("a, b",)
    assert actions.constant(bench, "a").values == ("a",)


def test_saved_pictures_carry_their_prompt(bench: Bench) -> None:
    made = actions.save(bench, GREY * 2, "kins/dwarf", {"1": "ü"}, {"workflow": {"a": 1}})
    expected = [{"filename": f"dwarf_0000{n}_.png", "subfolder": "kins", "type": "output"} for n in (1, 2)]
    assert made.ui == {"images": expected}
    with Image.open(bench.folders.root / "output" / "kins" / "dwarf_00002_.png") as picture:
        assert (picture.size, picture.info) == ((64, 32), {"prompt": '{"1": "\\u00fc"}', "workflow": '{"a": 1}'})


def test_previews_go_to_temp_under_ever_new_names(bench: Bench) -> None:
    shown: list[Any] = [actions.preview(bench, GREY).ui["images"][0] for _ in range(5)]
    assert {image["type"] for image in shown} == {"temp"}
    assert len({image["filename"] for image in shown}) == 5
    assert len(list((bench.folders.root / "temp").iterdir())) == 5

"""How alike two pictures are."""

from __future__ import annotations

import random
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pytest_comfygen.records import Checks, Likeness
from pytest_comfygen.verify.image import inspect
from pytest_comfygen.verify.likeness import Neighbours, distance_of
from pytest_comfygen.verify.structure import structural_similarity

BASELINE = Likeness(Path("/repository/approved.png"), None, distance=10, sha256="f" * 64)


def texture(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A picture with a structure of its own."""
    small = Image.frombytes("RGB", (8, 6), random.Random(seed).randbytes(8 * 6 * 3))
    return small.resize(size, Image.Resampling.BICUBIC)


def png(picture: Image.Image) -> bytes:
    data = BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def hash_of(bits: int) -> str:
    return f"{bits:064x}"


@pytest.mark.parametrize(("one", "other", "away"), [(0, 0, 0), (0, 1, 1), (0b1011, 0b0110, 3), (0, 2**256 - 1, 256)])
def test_the_distance_is_the_number_of_bits_that_differ(one: int, other: int, away: int) -> None:
    assert distance_of(hash_of(one), hash_of(other)) == away


@pytest.mark.parametrize("distance", [0, 1, 4, 15, 32])
def test_neighbours_are_those_that_a_comparison_with_all_finds(distance: int) -> None:
    chance = random.Random(distance)
    hashes = {f"h{number}": chance.getrandbits(256) for number in range(40)}
    for name in list(hashes)[:30]:  # and some that are near to others
        flipped = sum(1 << bit for bit in chance.sample(range(256), chance.randrange(40)))
        hashes[f"{name}-near"] = hashes[name] ^ flipped
    neighbours = Neighbours(distance)
    for name, number in hashes.items():
        neighbours.put(name, hash_of(number))

    for number in hashes.values():
        expected = {name: (number ^ other).bit_count() for name, other in hashes.items()}
        assert dict(neighbours.near(hash_of(number))) == {
            name: away for name, away in expected.items() if away <= distance
        }


def test_a_neighbour_that_moved_or_left_is_found_no_more() -> None:
    neighbours = Neighbours(2)
    neighbours.put("a", hash_of(0))
    neighbours.put("a", hash_of(2**200 - 1))
    neighbours.put("b", hash_of(1))
    neighbours.drop("b")
    neighbours.drop("nobody")

    assert neighbours.near(hash_of(0)) == []
    assert neighbours.near(hash_of(2**200 - 1)) == [("a", 0)]


# --- a baseline -------------------------------------------------------------------------------------------------------


def findings(picture: Image.Image, baseline: bytes, wanted: Likeness) -> list[tuple[str, str, str]]:
    found = inspect(png(picture), Checks(None, "png", similar_to=wanted), baseline).findings
    return [(one.code, one.found, one.wanted) for one in found]


@pytest.mark.parametrize(
    "picture",
    [texture(1), texture(1).filter(ImageFilter.GaussianBlur(1)), texture(1, (128, 96)), texture(1).convert("RGBA")],
    ids=["itself", "blurred", "enlarged", "with alpha"],
)
def test_a_picture_that_looks_like_its_baseline_passes(picture: Image.Image) -> None:
    assert findings(picture, png(texture(1)), BASELINE) == []


def test_a_picture_that_looks_otherwise_is_told_with_its_distance() -> None:
    ((code, found, wanted),) = findings(texture(2), png(texture(1)), BASELINE)

    assert (code, wanted) == ("unlike-baseline", "at most 10")
    assert found.endswith("of 256 bits unlike approved.png")


def test_a_baseline_that_is_no_picture_is_told() -> None:
    found = findings(texture(1), png(texture(1))[:200], BASELINE)

    told = "approved.png: not a whole picture of a reasonable size"
    assert found == [("baseline-unreadable", told, "a png, webp or jpeg that decodes")]


def test_a_baseline_that_would_fill_the_memory_is_not_decoded() -> None:
    bomb = bytearray(png(Image.new("L", (1, 1))))
    bomb[16:24] = (16000).to_bytes(4) * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4)

    assert [code for code, _, _ in findings(texture(1), bytes(bomb), BASELINE)] == ["baseline-unreadable"]


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"text"])
def test_a_baseline_of_another_kind_is_told(data: bytes) -> None:
    assert [code for code, _, _ in findings(texture(1), data, BASELINE)] == ["baseline-unreadable"]


def test_structure_is_compared_when_that_is_asked_for() -> None:
    blurred = texture(1).filter(ImageFilter.GaussianBlur(4))
    wanted = Likeness(Path("/approved.png"), None, distance=256, min_ssim=0.95, sha256="f" * 64)

    ((code, found, least),) = findings(blurred, png(texture(1)), wanted)

    assert (code, least) == ("unlike-baseline", "at least 0.95")
    assert found.startswith("SSIM 0.")
    assert findings(texture(1), png(texture(1)), wanted) == []


# --- structural similarity --------------------------------------------------------------------------------------------


def plainly(one: Image.Image, other: Image.Image) -> float:
    """The mean SSIM by its definition, window by window."""
    first, second = (np.asarray(each.convert("L"), dtype=float) for each in (one, other))
    found = []
    for top in range(first.shape[0] - 6):
        for left in range(first.shape[1] - 6):
            a, b = first[top : top + 7, left : left + 7].ravel(), second[top : top + 7, left : left + 7].ravel()
            cov = np.cov(a, b)
            high = (2 * a.mean() * b.mean() + 6.5025) * (2 * cov[0, 1] + 58.5225)
            found.append(high / ((a.mean() ** 2 + b.mean() ** 2 + 6.5025) * (cov[0, 0] + cov[1, 1] + 58.5225)))
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (texture(1, (20, 16)), texture(2, (20, 16))),
        (texture(1, (20, 16)), texture(1, (20, 16)).filter(ImageFilter.GaussianBlur(1))),
        (Image.new("L", (9, 9), 10), Image.new("L", (9, 9), 200)),
        (texture(3, (7, 7)), texture(4, (7, 7))),
    ],
)
def test_it_is_what_the_definition_says(one: Image.Image, other: Image.Image) -> None:
    assert structural_similarity(one, other) == pytest.approx(plainly(one, other), abs=1e-9)


def test_a_picture_is_like_itself_also_when_it_is_tiny() -> None:
    assert structural_similarity(texture(1), texture(1)) == pytest.approx(1)
    assert structural_similarity(texture(1, (3, 2)), texture(1, (3, 2))) == pytest.approx(1)


def test_the_inverse_of_a_picture_is_unlike_it() -> None:
    assert structural_similarity(texture(1), texture(1).point(lambda value: 255 - value)) < 0


def test_what_is_transparent_counts_as_black() -> None:
    clear = texture(1).convert("RGBA")
    clear.putalpha(0)

    assert structural_similarity(clear, Image.new("RGB", clear.size)) == pytest.approx(1)

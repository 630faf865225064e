"""Which of several images stands out."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pytest_comfygen.verify.siblings import Family, Traits

USUAL = Traits("64x64", "RGB", 100.0)
DARK = replace(USUAL, brightness=20.0)
WIDE = replace(USUAL, size="128x64")
GREY = replace(USUAL, mode="L")


@pytest.mark.parametrize(
    ("others", "own", "expected"),
    [
        ([USUAL] * 3, USUAL, []),
        ([USUAL] * 3, replace(USUAL, brightness=140.0), []),
        ([USUAL] * 3, DARK, [("mean brightness 20, and the median of 4 siblings is 100", "at most 50 away")]),
        ([USUAL] * 3, WIDE, [("size 128x64", "size 64x64, as 3 of 4")]),
        ([USUAL] * 3, GREY, [("mode L", "mode RGB, as 3 of 4")]),
        ([USUAL, WIDE, DARK], USUAL, []),
        ([USUAL], DARK, []),
        ([USUAL], WIDE, []),
        ([], USUAL, []),
        ([USUAL, WIDE, WIDE], USUAL, [("size 64x64", "one size for all")]),
        ([USUAL, USUAL, WIDE], WIDE, [("size 128x64", "one size for all")]),
        ([replace(USUAL, brightness=None)] * 3, DARK, []),
        ([USUAL] * 3, replace(USUAL, brightness=None), []),
    ],
)
def test_who_differs_from_most_is_told(others: list[Traits], own: Traits, expected: list[tuple[str, str]]) -> None:
    found = list(Family([*others, own]).judge(own, 50))

    assert expected == [(one.found, one.wanted) for one in found]
    assert {one.code for one in found} <= {"unlike-siblings"}


def test_the_order_does_not_matter() -> None:
    members = [USUAL, USUAL, WIDE, GREY, DARK, replace(USUAL, brightness=220.0), replace(WIDE, brightness=3.0)]

    def verdicts(seed: int) -> list[list[str]]:
        shuffled = random.Random(seed).sample(members, len(members))
        return [[one.found for one in Family(shuffled).judge(member, 50)] for member in members]

    assert all(verdicts(seed) == verdicts(0) for seed in range(20))

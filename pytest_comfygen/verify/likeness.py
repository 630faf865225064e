"""How alike two pictures are: by their difference hashes, and by structure where that is asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pytest_comfygen.records import Finding, Likeness

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Neighbours", "distance_of", "judge_likeness"]

_BITS = 256


def distance_of(one: str, other: str) -> int:
    """In how many of their 256 bits two difference hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def judge_likeness(
    pixels: Image.Image, dhash: str, baseline: tuple[Image.Image, str], wanted: Likeness
) -> Iterator[Finding]:
    """Whether a picture is as much like the baseline as is wanted.

    :param pixels: in their colours, without a palette.
    :param baseline: likewise, with its difference hash.
    """
    fix = "look at both; when the new one is meant, let it take the baseline's place, or allow for more in `verify:`"
    model, hash_of_model = baseline
    away = distance_of(dhash, hash_of_model)
    if away > wanted.distance:
        found = f"{away} of {_BITS} bits unlike {wanted.file.name}"
        yield Finding("unlike-baseline", "error", found, f"at most {wanted.distance}", fix)
    if wanted.min_ssim is not None:
        from pytest_comfygen.verify.structure import structural_similarity  # noqa: PLC0415  # needs an extra

        found_ssim = structural_similarity(pixels, model)
        if found_ssim < wanted.min_ssim:
            found = f"SSIM {found_ssim:.3f} with {wanted.file.name}"
            yield Finding("unlike-baseline", "error", found, f"at least {wanted.min_ssim:g}", fix)


class Neighbours:
    """Difference hashes, and which of them lie near to another one.

    Nobody is compared with everybody: two hashes that differ in at most N bits agree in one of N + 1 parts of them, so
    only those are compared that share a part.

    :param distance: how many bits may differ.
    """

    def __init__(self, distance: int) -> None:
        self._distance = distance
        cuts = [_BITS * number // (distance + 1) for number in range(distance + 2)]
        self._parts = [(low, (1 << (high - low)) - 1) for low, high in itertools.pairwise(cuts)]
        self._hashes: dict[str, int] = {}
        self._sharing: dict[tuple[int, int], set[str]] = {}

    def put(self, name: str, dhash: str) -> None:
        """Add a hash, or let it take the place of the one of this name."""
        self.drop(name)
        self._hashes[name] = number = int(dhash, 16)
        for part in self._parts_of(number):
            self._sharing.setdefault(part, set()).add(name)

    def drop(self, name: str) -> None:
        """Forget a hash, if there is one of this name."""
        number = self._hashes.pop(name, None)
        for part in self._parts_of(number) if number is not None else ():
            self._sharing[part].discard(name)

    def near(self, dhash: str) -> list[tuple[str, int]]:
        """The names of those that are near and in how many bits they differ, the nearest first."""
        number = int(dhash, 16)
        names: Iterable[str] = set().union(*(self._sharing.get(part, ()) for part in self._parts_of(number)))
        away = ((name, (number ^ self._hashes[name]).bit_count()) for name in names)
        return sorted((one for one in away if one[1] <= self._distance), key=lambda one: (one[1], one[0]))

    def _parts_of(self, number: int) -> Iterator[tuple[int, int]]:
        for low, mask in self._parts:
            yield low, number >> low & mask

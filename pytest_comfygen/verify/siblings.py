"""Whether the images of one job file agree, and which of them stand out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pytest_comfygen.records import Finding

__all__ = ["Family", "Traits"]

LEAST = 3  # of two that differ, nobody can say which one stands out


@dataclass(frozen=True, slots=True)
class Traits:
    """What siblings are compared in.

    :param brightness: mean, 0..255; None where the record of an earlier version does not say.
    """

    size: str
    mode: str
    brightness: float | None


class Family:
    """The siblings that there are, the one that is judged among them; their order does not matter."""

    def __init__(self, members: Iterable[Traits]) -> None:
        found = tuple(members)
        self._count = len(found)
        self._sizes = Counter(one.size for one in found)
        self._modes = Counter(one.mode for one in found)
        lights = sorted(one.brightness for one in found if one.brightness is not None)
        self._light = _median(lights) if len(lights) >= LEAST else None

    def judge(self, one: Traits, band: float) -> Iterator[Finding]:
        """In what a member stands out.

        :param band: how far its brightness may lie from the median.
        """
        if self._count < LEAST:
            return
        yield from self._odd("size", one.size, self._sizes)
        yield from self._odd("mode", one.mode, self._modes)
        if self._light is not None and one.brightness is not None and abs(one.brightness - self._light) > band:
            found = (
                f"mean brightness {one.brightness:.0f}, and the median of {self._count} siblings is {self._light:.0f}"
            )
            fix = "look at them side by side; `verify: {siblings: {brightness: …}}` allows for more"
            yield Finding("unlike-siblings", "error", found, f"at most {band:g} away", fix)

    def _odd(self, what: str, own: str, counts: Counter[str]) -> Iterator[Finding]:
        usual, often = counts.most_common(1)[0]
        if len(counts) == 1 or (own == usual and 2 * often > self._count):
            return
        wanted = f"{what} {usual}, as {often} of {self._count}" if 2 * often > self._count else f"one {what} for all"
        fix = f"give the items of this file one {what}, or leave this one out by `verify: {{siblings: false}}`"
        yield Finding("unlike-siblings", "error", f"{what} {own}", wanted, fix)


def _median(ordered: Sequence[float]) -> float:
    """The one in the middle, or the mean of both; Python's own module for this takes long to load."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2

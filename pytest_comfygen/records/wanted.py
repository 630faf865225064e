"""What a job wants of its picture beyond size, format and mode: one small value for each key of `verify:`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self, TypeAlias

__all__ = ["Bounds", "Duplicates", "Likeness", "Looks", "Palette", "Scoring", "Siblings", "Transparency"]

Duplicates: TypeAlias = Literal["allow"] | int | None
"""`allow`, or in how many of 256 bits two pictures' difference hashes must differ to count as different; None: equal
pixels are refused."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """From where to where a number may lie, both ends included.

    :param most: None for no upper bound.
    """

    least: float
    most: float | None = None

    def __contains__(self, number: float) -> bool:
        return self.least <= number and (self.most is None or number <= self.most)


@dataclass(frozen=True, slots=True)
class Transparency:
    """What is wanted of the alpha channel.

    :param rule: `needed`: some pixel lets something through; `forbidden`: none does; `share`: as `share` says.
    :param share: of pixels that are fully transparent, 0..1.
    """

    rule: Literal["needed", "forbidden", "share"]
    share: Bounds | None = None


@dataclass(frozen=True, slots=True)
class Palette:
    """Which colours a picture may have; those of fully transparent pixels do not count.

    :param colours: the only ones allowed, as (red, green, blue), sorted; empty for any.
    :param most: how many different ones; None for any number.
    """

    colours: tuple[tuple[int, int, int], ...] = ()
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Likeness:
    """The baseline that a picture must be like.

    :param file: the baseline, absolute.
    :param item: the item of the job's file that makes it; None for any other file.
    :param distance: in how many of 256 bits the difference hashes may differ.
    :param min_ssim: least structural similarity, -1..1; None to measure none.
    :param sha256: of the baseline's bytes, once somebody has looked.
    """

    file: Path
    item: str | None
    distance: int
    min_ssim: float | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Siblings:
    """How alike the images of one job file must be.

    :param brightness: how far the mean brightness may lie from the siblings' median, 0..255.
    """

    brightness: float


@dataclass(frozen=True, slots=True)
class Scoring:
    """The external scorer that is asked, and the least score that will do."""

    scorer: str
    least: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What the keys of `verify:` add to the checks of every picture; None where nothing is asked.

    :param file_bytes: how many bytes the file may have.
    """

    alpha: Transparency | None = None
    file_bytes: Bounds | None = None
    palette: Palette | None = None
    duplicates: Duplicates = None
    similar_to: Likeness | None = None
    siblings: Siblings | None = None
    scoring: Scoring | None = None

    def for_sketch(self) -> Self:
        """The same without them: a placeholder is not drawn to look like anything."""
        return replace(
            self,
            alpha=None,
            file_bytes=None,
            palette=None,
            duplicates=None,
            similar_to=None,
            siblings=None,
            scoring=None,
        )

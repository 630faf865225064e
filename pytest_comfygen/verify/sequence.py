"""Many pictures in the numbers of one."""

from __future__ import annotations

from PIL import Image

from pytest_comfygen.records import ImageStatistics
from pytest_comfygen.verify.image import measure

__all__ = ["Measured"]


class Measured:
    """The statistics of pictures that follow each other, as one: something in one of them is something in all."""

    def __init__(self) -> None:
        self._first: ImageStatistics | None = None
        self._telling: ImageStatistics | None = None
        self._extrema: tuple[tuple[int, int], ...] = ()
        self._stddev = 0.0
        self._transparent = 0.0
        self._count = 0

    def add(self, picture: Image.Image) -> None:
        """One more picture, of the mode of those before it."""
        now = measure(picture)
        if self._first is None:
            self._first, self._extrema = now, now.extrema
        if self._telling is None and now.stddev:
            self._telling = now
        pairs = zip(self._extrema, now.extrema, strict=True)
        self._extrema = tuple((min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs)
        self._stddev = max(self._stddev, now.stddev)
        self._transparent += now.transparency or 0.0
        self._count += 1

    def statistics(self) -> ImageStatistics:
        """Of all pictures; there must have been one."""
        first = self._first
        if first is None:
            msg = "no picture was measured"
            raise AssertionError(msg)
        return ImageStatistics(
            size=first.size,
            mode=first.mode,
            stddev=self._stddev,
            extrema=self._extrema,
            dhash=(self._telling or first).dhash,
            transparency=None if first.transparency is None else round(self._transparent / self._count, 6),
        )

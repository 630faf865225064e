"""What plays: animated pictures, video and sound."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_comfygen.records.words import ImageFormat

__all__ = ["PLAYING", "SOUND", "STREAMED", "VIDEO", "MediaStatistics", "Span"]

VIDEO: frozenset[ImageFormat] = frozenset(("mp4", "webm"))
SOUND: frozenset[ImageFormat] = frozenset(("flac", "mp3", "opus", "wav"))
STREAMED = VIDEO | SOUND  # what takes PyAV to decode
PLAYING: frozenset[ImageFormat] = STREAMED | {"gif"}  # formats that are never meant as stills


@dataclass(frozen=True, slots=True)
class Span:
    """A number that is wanted, or the range of it.

    :param most: None for no upper bound.
    """

    least: float
    most: float | None

    def __contains__(self, number: float) -> bool:
        return self.least <= number and (self.most is None or number <= self.most)

    def __str__(self) -> str:
        if self.most is None:
            return f"at least {self.least:g}"
        return f"{self.least:g}" if self.least == self.most else f"{self.least:g} to {self.most:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaStatistics:
    """What was measured of what plays.

    :param frames: number of pictures; None for sound.
    :param duration_s: seconds it plays, three decimals; 0 for a picture that stands still.
    :param rate: pictures a second on average, three decimals; None for sound.
    :param sample_rate_hz: of the first sound track, as of `channels` and `peak`; None without one.
    :param peak: loudest sample, 0..1, four decimals.
    """

    frames: int | None
    duration_s: float
    rate: float | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    peak: float | None = None

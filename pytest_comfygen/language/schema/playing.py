"""What `verify:` may want of animated pictures, video and sound."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field, model_validator

from pytest_comfygen.language.schema.closed import Closed, key
from pytest_comfygen.language.schema.values import Wants, _refuse as refuse

__all__ = ["RANGES", "Duration", "DurationKey", "Frames", "FramesKey"]

MOST_FRAMES = 1_000_000
MOST_SECONDS = 86_400
TOLERANCE_S = 0.1  # encoders fill their last frame: MP3 26 ms, AAC 21 ms, Opus 20 ms

FrameCount: TypeAlias = Annotated[int, Field(ge=1, le=MOST_FRAMES), Wants("an integer from 1 to 1 000 000")]
Seconds: TypeAlias = Annotated[
    float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False), Wants("a number from 0 to 86 400")
]


class Frames(Closed):
    """How many pictures an animation or a video has; also their number alone."""

    SHORT_TYPE: ClassVar[str] = "integer"

    min: FrameCount | None = key("At least so many.", 2, default=1)
    max: FrameCount | None = key("At most so many.", 240)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        if not 1 <= value <= MOST_FRAMES:
            raise refuse("out-of-range")
        return {"min": value, "max": value}

    @model_validator(mode="after")
    def _in_order(self) -> Frames:
        _check_order(self.min, self.max)
        return self


class Duration(Closed):
    """How many seconds it plays; also their number alone, which is met within a tenth of a second."""

    SHORT_TYPE: ClassVar[str] = "number"

    min: Seconds | None = key("At least so many seconds.", 4.5, default=0)
    max: Seconds | None = key("At most so many seconds.", 5.5)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return value
        if not 0 < value <= MOST_SECONDS:  # also for a number that is none
            raise refuse("out-of-range")
        return {"min": max(0.0, round(value - TOLERANCE_S, 6)), "max": min(MOST_SECONDS, round(value + TOLERANCE_S, 6))}

    @model_validator(mode="after")
    def _in_order(self) -> Duration:
        _check_order(self.min, self.max)
        return self


def _check_order(least: float | None, most: float | None) -> None:
    if least is None and most is None:
        raise refuse("out-of-range", "it says neither `min` nor `max`", "write a number, or {min: NUMBER}")
    if least is not None and most is not None and least > most:
        raise refuse("out-of-range", "its `min` is above its `max`", "exchange them")


FramesKey: TypeAlias = Annotated[Frames, Wants("an integer from 1 to 1 000 000, or a mapping of min and max")]
DurationKey: TypeAlias = Annotated[
    Duration, Wants("a number of seconds above 0 and up to 86 400, or a mapping of min and max")
]

RANGES: tuple[type[Frames | Duration], ...] = (Frames, Duration)

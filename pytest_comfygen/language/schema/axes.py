"""Values that stand for several: those of an axis, ranges, what a row may have in a column, files to include."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from pytest_comfygen.language.schema.values import Path, Wants, _refuse as refuse, _scalar as scalar
from pytest_comfygen.records import Scalar

__all__ = ["AxisValues", "Choice", "Includes", "Range", "Values"]

_NUMBER = r"[-+]?[0-9]{1,9}(?:\.[0-9]{1,9})?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?: step ({_NUMBER}))?")
_SCALARS = {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}}


class Range:
    """Numbers from the first to the last, which is among them when a step reaches it; made only when asked for."""

    __slots__ = ("first", "last", "step")

    def __init__(self, first: Decimal, last: Decimal, step: Decimal) -> None:
        self.first = first
        self.last = last
        self.step = step

    def __len__(self) -> int:
        return int((self.last - self.first) / self.step) + 1

    def __iter__(self) -> Iterator[int | float]:
        whole = all(number == number.to_integral_value() for number in (self.first, self.step))
        for number in range(len(self)):
            value = self.first + number * self.step
            yield int(value) if whole else float(value)


Values: TypeAlias = Sequence[Scalar] | Range


def _axis(value: object) -> object:
    if isinstance(value, str):
        return _range(value)
    if not isinstance(value, list):
        raise refuse("wrong-type")
    if not value:
        raise refuse("out-of-range")
    for one in value:
        if one is None:
            raise refuse("wrong-type")
        scalar(one)
    return tuple(value)


def _range(text: str) -> Range:
    match = _RANGE.fullmatch(text)
    if not match:
        raise refuse("wrong-type", hint="write a range as 1..5 or 0.2..0.8 step 0.2, and other values as a list")
    first, last = Decimal(match[1]), Decimal(match[2])
    step = Decimal(match[3]) if match[3] else Decimal(1 if last >= first else -1)
    if not step:
        raise refuse("out-of-range", f"the range {text} never ends", "a step of 0 goes nowhere: write step 1")
    if (last - first) / step < 0:
        raise refuse("out-of-range", f"the range {text} never reaches its end", "give the step the other sign")
    return Range(first, last, step)


def _choice(value: object) -> object:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise refuse("out-of-range")
    return tuple(scalar(one) for one in values)


AxisValues = Annotated[
    tuple[str | int | float | bool, ...] | Range,
    PlainValidator(_axis),
    WithJsonSchema({"anyOf": [_SCALARS, {"type": "string", "pattern": rf"^{_RANGE.pattern}$"}]}),
    Wants("a list of texts and numbers, or a range such as 1..5 or 0.2..0.8 step 0.2"),
]
Choice = Annotated[
    tuple[Scalar, ...],
    PlainValidator(_choice),
    WithJsonSchema({"anyOf": [{"type": ["string", "number", "boolean", "null"]}, _SCALARS]}),
    Wants("a text, a number, true or false, or a list of them"),
]
Includes = Annotated[
    list[Path],
    Field(max_length=20),
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "maxItems": 20, "items": {"type": "string"}}]}),
    Wants("a path, or a list of at most 20 paths"),
]

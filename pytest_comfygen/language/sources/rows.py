"""What every format of a source gives: columns, and rows that know their place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from pytest_comfygen.language.load import Spot, Value

__all__ = ["Rows", "SourceRow", "SpotOf", "columns_of"]

# From a row's own place, its number from 0, and a column to the place of the cell.
SpotOf: TypeAlias = Callable[[Spot, int, str], Spot]


class SourceRow(NamedTuple):
    """One row: where it begins, and its values by column."""

    spot: Spot
    values: Mapping[str, Value]


class Rows(NamedTuple):
    """The rows of one source.

    :ivar columns: all there are, also those that some rows lack.
    :ivar prompts: whether the rows are prompts alone, with nothing else in them.
    :ivar texts: whether every value is a text, also where a number is meant.
    :ivar scalars: whether no value is a list, also where several words are meant.
    """

    columns: Collection[str]
    rows: Iterator[SourceRow]
    prompts: bool = False
    texts: bool = False
    scalars: bool = False


def columns_of(rows: Iterable[SourceRow]) -> tuple[str, ...]:
    """Every column that some row has, in the order in which they appear."""
    return tuple(dict.fromkeys(column for row in rows for column in row.values))

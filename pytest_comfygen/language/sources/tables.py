"""Rows out of comma- or tab-separated text. Source: RFC 4180, and what spreadsheets write."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from typing import TypeAlias

from pytest_comfygen.errors import DuplicateKey, SourceInvalid, SyntaxInvalid, Where
from pytest_comfygen.language.load import Spot
from pytest_comfygen.language.sources.rows import Rows, SourceRow, SpotOf

__all__ = ["read_table", "table_spots"]

_Record: TypeAlias = tuple[int, list[str]]  # the line on which it begins, and its cells
_WhereOf: TypeAlias = Callable[[int], Where]


def read_table(text: str, shown: str, delimiter: str | None = None) -> Rows:
    """The rows below a header of column names; blank lines and white space around cells do not count.

    :param delimiter: when the format fixes it; else a comma, or a semicolon when the header has one and no comma.
    :raises JobFileError: syntax, duplicate-key (a column), source-invalid (ragged rows, columns without names).
    """
    delimiter = delimiter or _delimiter(text)
    records = _records(text, shown, delimiter)
    line, names = next(records, (1, []))
    if not names:
        raise SourceInvalid("the table is empty", where=Where(shown), hint="begin it with a row of column names")
    columns = [name.strip() for name in names]
    _check_columns(columns, lambda number: Where(shown, *_cell_spot(text, _line_starts(text), delimiter, line, number)))
    return Rows(columns, _rows(records, columns, shown), texts=True)


def table_spots(text: str, _shown: str, delimiter: str | None = None) -> SpotOf:
    """Where the cells of a table stand."""
    delimiter = delimiter or _delimiter(text)
    starts = _line_starts(text)
    _, names = next(_records(text, _shown, delimiter))
    numbers = {name.strip(): number for number, name in enumerate(names)}

    def spot_of(spot: Spot, _number: int, column: str) -> Spot:
        return _cell_spot(text, starts, delimiter, spot[0], numbers[column]) if column in numbers else spot

    return spot_of


def _records(text: str, shown: str, delimiter: str) -> Iterator[_Record]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if cells and (len(cells) > 1 or cells[0].strip()):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        hint = "close the quotes, and write a quote inside them twice"
        raise SyntaxInvalid(f"this is no table: {error}", where=Where(shown, line, 1), hint=hint) from None


def _rows(records: Iterator[_Record], columns: Sequence[str], shown: str) -> Iterator[SourceRow]:
    width = len(columns)
    for line, cells in records:
        if len(cells) != width:
            raise SourceInvalid(
                f"this row has {len(cells)} cells, and the header {width}",
                where=Where(shown, line, 1),
                hint="add the missing cells, or put a cell that holds the delimiter in quotes",
            )
        yield SourceRow((line, 1), dict(zip(columns, [cell.strip() for cell in cells], strict=True)))


def _check_columns(columns: Sequence[str], where: _WhereOf) -> None:
    first: dict[str, int] = {}
    for number, name in enumerate(columns):
        if not name:
            hint = "name it in the header, or remove it"
            raise SourceInvalid(f"column {number + 1} has no name", where=where(number), hint=hint)
        if name in first:
            raise DuplicateKey(
                f"the column {name[:60]!r} stands here again; it stood at {where(first[name])}",
                where=where(number),
                hint="rename or remove one of them",
            )
        first[name] = number


def _delimiter(text: str) -> str:
    header = text.lstrip("\n").partition("\n")[0]
    return ";" if ";" in header and "," not in header else ","


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\n", text))]


def _cell_spot(text: str, starts: Sequence[int], delimiter: str, line: int, number: int) -> Spot:
    """Line and column of a cell; quoted cells before it may go over several lines."""
    cell = re.compile(rf'"(?:[^"]|"")*"[^{re.escape(delimiter)}\n]*|[^{re.escape(delimiter)}\n]*')
    offset = starts[line - 1]
    for _ in range(number):
        found = cell.match(text, offset)
        offset = found.end() + 1 if found else offset
    before = text.count("\n", starts[line - 1], offset)
    return line + before, offset - starts[line - 1 + before] + 1

"""A document as plain values that remember where each key and value stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pytest_comfygen.errors import Where

Value: TypeAlias = "str | int | float | bool | Table | Row | None"

# Key line, key column, value line, value column; 1-based, and 0 for values that come from no file.
Mark: TypeAlias = tuple[int, int, int, int]
Spot: TypeAlias = tuple[int, int]

# More than any job file needs, and little enough that no file can keep a machine busy.
MAX_DEPTH = 32
MAX_NODES = 2_000_000
MAX_DIGITS = 100


class Table(dict[str, Value]):
    """A mapping and the places of its keys and values. A plain `dict` to everyone who does not ask."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        self.marks: dict[str, Mark] = {}

    def put(self, key: str, value: Value, mark: Mark) -> None:
        """Add an entry with its place."""
        self[key] = value
        self.marks[key] = mark


class Row(list[Value]):
    """A list and the places of its entries."""

    __slots__ = ("spots",)

    def __init__(self) -> None:
        super().__init__()
        self.spots: list[Spot] = []


@dataclass(frozen=True, slots=True)
class Document:
    """What one file holds.

    :param file: the path as shown to the user.
    :param root: the top value; None when the file holds nothing.
    :param spot: where the top value stands.
    :param commented: where plain texts stand that a comment follows on their last line.
    """

    file: str
    root: Value
    spot: Spot
    commented: frozenset[Spot] = frozenset()

    def where(self, path: Sequence[str | int], *, of_key: bool = False) -> Where | None:
        """Where the value at `path` stands, or the nearest value around it that exists.

        :param of_key: give the place of the last key instead of its value's.
        :returns: None for values that come from no file.
        """
        line, column = self.spot
        node = self.root
        for depth, step in enumerate(path, start=1):
            if isinstance(node, Table) and step in node:
                mark = node.marks[str(step)]
                line, column = mark[:2] if of_key and depth == len(path) else mark[2:]
                node = node[str(step)]
            elif isinstance(node, Row) and isinstance(step, int) and step < len(node):
                line, column = node.spots[step]
                node = node[step]
            else:
                break
        return Where(self.file, line, column) if line else None


class Places(Mapping[str, Where]):
    """Where the values stand that shaped one job: its own before the defaults' before the file's.

    Built when first asked, because few jobs are ever asked and there may be a hundred thousand.
    """

    __slots__ = ("_file", "_known", "_tables")

    def __init__(self, file: str, tables: Sequence[Table]) -> None:
        """:param tables: in rising order of precedence."""
        self._file = file
        self._tables = tables
        self._known: dict[str, Mark] | None = None

    def of_key(self, key: str) -> Where | None:
        """Where the key itself stands, rather than its value."""
        mark = self._marks().get(key)
        return Where(self._file, *mark[:2]) if mark else None

    def _marks(self) -> dict[str, Mark]:
        if self._known is None:
            self._known = {key: mark for table in self._tables for key, mark in _flat(table)}
        return self._known

    def __getitem__(self, key: str) -> Where:
        return Where(self._file, *self._marks()[key][2:])

    def __iter__(self) -> Iterator[str]:
        return iter(self._marks())

    def __len__(self) -> int:
        return len(self._marks())


def _flat(table: Table, prefix: str = "") -> Iterator[tuple[str, Mark]]:
    """Every key below `table` in dotted form, entries of lists by number; values of no file are left out."""
    for key, mark in table.marks.items():
        if mark[2]:
            yield prefix + key, mark
        value = table[key]
        if isinstance(value, Table):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, Row):
            yield from _flat_row(value, f"{prefix}{key}.")


def _flat_row(row: Row, prefix: str) -> Iterator[tuple[str, Mark]]:
    for number, (value, spot) in enumerate(zip(row, row.spots, strict=True)):
        if spot[0]:
            yield f"{prefix}{number}", (*spot, *spot)
        if isinstance(value, Table):
            yield from _flat(value, f"{prefix}{number}.")

"""Rows out of documents: a list of mappings in JSON, YAML or TOML, or mappings by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time

from pytest_comfygen.errors import SourceInvalid, SyntaxInvalid, TooDeep, TooLarge, Where
from pytest_comfygen.language.load import Document, Row, Spot, Table, Value, document_of, parse
from pytest_comfygen.language.sources.rows import Rows, SourceRow, SpotOf, columns_of

__all__ = ["document_spots", "read_listed", "read_toml", "toml_spots"]

MAX_TOML_CHARACTERS = 4 * 1024 * 1024  # the standard library's parser is slow, and gives up no sooner

_TOML_PLACE = re.compile(r" \(at line (?P<line>\d+), column (?P<column>\d+)\)$")
_TOML_HEAD = re.compile(r"^[ \t]*\[{1,2}[ \t]*(?P<key>[^\[\]\n]+?)[ \t]*\]{1,2}")
_SHAPE = "write a list of mappings, one a row, or a mapping of names to mappings"


def read_listed(text: str, shown: str) -> Rows:
    """The rows of a JSON or YAML document.

    It is a list of mappings, a mapping with one key that holds such a list, or a mapping of names to mappings, whose
    names then are the column `name`.

    :raises JobFileError: whatever the document's format refuses, source-invalid.
    """
    found = list(_entries(parse(text, shown)))
    return Rows(columns_of(found), iter(found))


def document_spots(text: str, shown: str) -> SpotOf:
    """Where the values of a document stand; it is read once more."""
    tables = [row.values for row in _entries(parse(text, shown))]

    def spot_of(spot: Spot, number: int, column: str) -> Spot:
        table = tables[number]
        return table.marks[column][2:] if isinstance(table, Table) and column in table else spot

    return spot_of


def read_toml(text: str, shown: str) -> Rows:
    """The rows of a TOML document: the tables of one array (`[[kin]]`), or tables by name (`[kin_elf]`).

    :raises JobFileError: syntax, too-deep, too-large, source-invalid.
    """
    rows = list(_entries(_toml_document(text, shown)))
    heads = _toml_heads(text)
    spots = heads if len(heads) == len(rows) else [(0, 0)] * len(rows)  # inline tables have no heads
    found = [SourceRow(spot, row.values) for spot, row in zip(spots, rows, strict=True)]
    return Rows(columns_of(found), iter(found))


def toml_spots(text: str, _shown: str) -> SpotOf:
    """Where the keys of a table stand, as far as a line that begins with the key tells."""
    lines = text.split("\n")

    def spot_of(spot: Spot, _number: int, column: str) -> Spot:
        key = re.compile(rf"[ \t]*[\"']?{re.escape(column)}[\"']?[ \t]*=[ \t]*")
        for number in range(spot[0], len(lines)):
            if found := key.match(lines[number]):
                return number + 1, found.end() + 1
            if _TOML_HEAD.match(lines[number]):
                break
        return spot

    return spot_of


def _entries(document: Document) -> Iterator[SourceRow]:
    root = document.root
    if isinstance(root, Table) and len(root) == 1 and isinstance(inner := next(iter(root.values())), Row):
        root = inner
    if isinstance(root, Row):
        for entry, spot in zip(root, root.spots, strict=True):
            yield SourceRow(spot, _mapping(entry, document.file, spot))
    elif isinstance(root, Table) and root:
        for name, entry in root.items():
            spot = root.marks[name][:2]
            yield SourceRow(spot, _named(name, spot, _mapping(entry, document.file, spot), document.file))
    else:
        raise SourceInvalid("the file holds no rows", where=Where(document.file, *document.spot), hint=_SHAPE)


def _mapping(entry: Value, shown: str, spot: Spot) -> Table:
    if not isinstance(entry, Table):
        raise SourceInvalid("this row is no mapping", where=Where(shown, *spot), hint=_SHAPE)
    return entry


def _named(name: str, spot: Spot, entry: Table, shown: str) -> Table:
    if "name" in entry:
        where = Where(shown, *entry.marks["name"][:2])
        raise SourceInvalid(f"the row {name[:60]!r} has a second name", where=where, hint="remove the key `name`")
    row = Table()
    for key, value in entry.items():
        row.put(key, value, entry.marks[key])
    row.put("name", name, (*spot, *spot))
    return row


def _toml_document(text: str, shown: str) -> Document:
    import tomllib  # noqa: PLC0415  # few runs read TOML

    if len(text) > MAX_TOML_CHARACTERS:
        message = f"the file is larger than {MAX_TOML_CHARACTERS:,} characters"
        raise TooLarge(message, where=Where(shown), hint="split the file, or use jsonl")
    try:
        values = _plain(tomllib.loads(text))
    except RecursionError:
        raise TooDeep("the values are nested too deep", where=Where(shown)) from None
    except ValueError as error:
        raise _toml_error(str(error), shown) from None
    assert isinstance(values, Mapping)  # noqa: S101  # a TOML document is one
    return document_of(values, shown)


def _toml_error(problem: str, shown: str) -> SyntaxInvalid:
    place = _TOML_PLACE.search(problem)
    where = Where(shown, int(place["line"]), int(place["column"])) if place else Where(shown)
    return SyntaxInvalid(f"this is not TOML: {_TOML_PLACE.sub('', problem)}", where=where)


def _plain(value: object) -> object:
    """A value without TOML's dates and times, which are texts here."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, (date, time, datetime)) else value


def _toml_heads(text: str) -> list[Spot]:
    """Where tables begin that are no tables inside another: `[a]` and `[[a]]`, not `[a.b]`."""
    heads = ((number, _TOML_HEAD.match(line)) for number, line in enumerate(text.split("\n"), start=1))
    return [(number, 1) for number, found in heads if found and "." not in found["key"]]

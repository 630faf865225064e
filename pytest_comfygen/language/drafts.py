"""What will be a job, before its texts are filled in; and how rows become such drafts."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, NamedTuple, TypeGuard, cast

from pytest_comfygen.errors import KeyConflict, Where
from pytest_comfygen.language import naming
from pytest_comfygen.language.load import Document, Row, Table, Value
from pytest_comfygen.language.load.yaml_text import read_scalar
from pytest_comfygen.language.merge import merged
from pytest_comfygen.language.places import JobPlaces
from pytest_comfygen.language.schema import Keys, keys_of, plain_type, validate_item
from pytest_comfygen.language.sets import VARIABLES
from pytest_comfygen.language.surroundings import Surroundings
from pytest_comfygen.language.template import is_variable_name
from pytest_comfygen.records import Scalar

__all__ = ["ITEM_KEYS", "Draft", "RowReader", "as_item", "is_scalar"]

ITEM_KEYS = Keys.__annotations__.keys()

# A key of a text is a template; as a variable it would stand in other texts unfilled.
_NO_VARIABLES = frozenset({"name", "prompt", "negative"})
_WORDS = re.compile(r"[\s,;]+")


class Draft(NamedTuple):
    """One image to be: its name, its keys with the defaults under them, and the variables that its row gives."""

    name: str
    keys: Keys
    where: Where
    places: JobPlaces
    variables: Mapping[str, Scalar] = types.MappingProxyType({})


class RowReader:
    """Makes a draft of each row of a source, and of each combination of a matrix.

    :param base: the keys that all rows share, with the defaults under them.
    :param name: the text that makes the names.
    :param keys: the columns that set a key of the item.
    :param texts: whether all values are texts, and are read as the key wants them.
    :param scalars: whether none is a list, and a text is read as words where the key wants a list.
    """

    def __init__(  # noqa: PLR0913  # what all rows share, and how their values are meant
        self,
        base: Keys,
        name: str,
        around: Surroundings,
        *,
        keys: Collection[str],
        texts: bool,
        scalars: bool = False,
    ) -> None:
        self._base = base
        self._name = name
        self._around = around
        self._keys = tuple(keys)
        self._read = {key: _reader_of(key) for key in keys} if texts else {}
        if scalars:
            self._read = {key: read for key in keys if (read := _reader_of(key)) is _words}
        self._texts = texts
        self._shared = {name: value for name, value in (base.get("vars") or {}).items() if value is not None}
        self._variables: dict[tuple[str, ...], Sequence[str]] = {}

    def name(self, values: Mapping[str, Value], number: int) -> str:
        """The name of a row's item.

        :raises JobFileError: unknown-variable, bad-template, too-large.
        """
        return self._around.fill(self._name, {"row": number, **self._shared, **self._scalars(values)})

    def draft(self, name: str, values: Mapping[str, Value], number: int, where: Where, places: JobPlaces) -> Draft:
        """The draft of a row.

        :param number: the row's, from 1.
        :param where: the place of the row.
        :raises JobFileError: bad-name, and what the schema says of the keys that the row sets.
        """
        naming.check_name(name)
        found = self._scalars(values)
        variables = {column: found[column] for column in self._variables_in(found)}
        if "row" not in self._shared:
            variables.setdefault("row", number)
        keys = self._with_own_keys(values, places) if self._keys else self._base
        return Draft(name, keys, where, places, variables)

    def is_variable(self, column: str) -> bool:
        """Whether a column is a variable: its name can be written as `${…}`, and is no text's key.

        :raises JobFileError: conflicting-keys (every item has such a variable, and the column does not set it).
        """
        if column in VARIABLES and column != "name" and column not in self._keys:
            raise KeyConflict(
                f"every item has a ${{{column}}} of its own, and so has this", hint=_conflict_hint(column)
            )
        return is_variable_name(column) and column not in _NO_VARIABLES

    def _scalars(self, values: Mapping[str, Value]) -> Mapping[str, Scalar]:
        """The values that can be variables: no lists, no mappings, and none that is null."""
        if self._texts:
            return cast("Mapping[str, str]", values)
        return {column: value for column, value in values.items() if value is not None and is_scalar(value)}

    def _variables_in(self, values: Mapping[str, Scalar]) -> Sequence[str]:
        columns = tuple(values)
        if columns not in self._variables:
            self._variables[columns] = [column for column in columns if self.is_variable(column)]
        return self._variables[columns]

    def _with_own_keys(self, values: Mapping[str, Value], places: JobPlaces) -> Keys:
        own = {key: values[key] for key in self._keys if values.get(key) is not None}
        if self._texts:
            own = {key: cell for key, cell in own.items() if cell}
        if self._read:
            own |= {key: read(cell) for key, read in self._read.items() if isinstance(cell := own.get(key), str)}
        return merged(self._base, validate_item(own, lambda: _document(own, places)))


def as_item(keys: Keys) -> Keys:
    """The keys of an item alone, out of a source or a matrix that has others beside them."""
    return cast("Keys", {key: value for key, value in keys.items() if key in ITEM_KEYS})


def _conflict_hint(column: str) -> str:
    other = f"give the column another name: `rename: {{{column}: …}}`"
    return f"list `{column}` under `keys:` to set the key, or {other}" if column in ITEM_KEYS else other


def is_scalar(value: Value) -> TypeGuard[Scalar]:
    """Whether a value can be a variable: no list, no mapping."""
    return value is None or isinstance(value, (str, int, float))


def _reader_of(key: str) -> Callable[[str], Value]:
    """How a key wants a cell: as a text, as words, or as what YAML reads."""
    kind = plain_type(keys_of(Keys)[key])
    if kind is str or typing.get_origin(kind) is Literal:
        return str
    return _words if typing.get_origin(kind) is list else read_scalar


def _words(cell: str) -> Row:
    words = Row()
    words.extend(word for word in _WORDS.split(cell) if word)
    return words


def _document(own: Mapping[str, Value], places: JobPlaces) -> Document:
    """What a row sets, with the places of its cells."""
    table, where = Table(), Where("")
    for key, value in own.items():
        where = places[key]
        spot = (where.line, where.column)
        if isinstance(value, Row) and not value.spots:
            value.spots.extend(spot for _ in value)
        table.put(key, value, (*spot, *spot))
    return Document(where.file, table, (where.line, where.column))

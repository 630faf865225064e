"""Every combination of values becomes an item; how many there are is known before the first is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import product
from math import prod

from pytest_comfygen.errors import BadName, JobFileError, KeyConflict, MissingKey, TooLarge, Where
from pytest_comfygen.language.drafts import ITEM_KEYS, Draft, RowReader, as_item
from pytest_comfygen.language.merge import merged
from pytest_comfygen.language.places import Origin, RowPlaces, Steps
from pytest_comfygen.language.schema import MAX_ITEMS, Keys, Matrix, Values
from pytest_comfygen.language.surroundings import Surroundings
from pytest_comfygen.records import Scalar

__all__ = ["MatrixEntry"]

_STEPS: Steps = ("matrix",)


class MatrixEntry:
    """The matrix of a job file."""

    def __init__(self, entry: Matrix, defaults: Keys, origin: Origin, around: Surroundings) -> None:
        self._entry = entry
        self._axes: Mapping[str, Values] = entry.get("axes") or {}
        self._zip: Mapping[str, Values] = entry.get("zip") or {}
        self._base = as_item(merged(defaults, entry))
        self._origin = origin
        self._around = around

    def drafts(self) -> Iterator[Draft | JobFileError]:
        """A draft or a mistake for each combination; the last axis changes fastest, and `zip` after the axes."""
        try:
            self._check()
            reader = self._reader()
        except JobFileError as error:
            yield error.at(self._where())
            return
        for number, choice in enumerate(self._choices(), start=1):
            yield self._draft(reader, number, choice)

    def _check(self) -> None:
        if not self._axes and not self._zip:
            hint = "add `axes:`, a mapping of names to lists of values"
            raise MissingKey("the matrix has no axes", where=self._where(of_key=True), hint=hint)
        lengths = {name: len(values) for name, values in self._zip.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {length}" for name, length in lengths.items())
            hint = "give them all one length, or put one of them under `axes:`"
            raise KeyConflict(f"the lists of `zip` differ in length: {told}", where=self._where("zip"), hint=hint)
        if twice := next((name for name in self._zip if name in self._axes), None):
            where = self._where("zip", twice, of_key=True)
            raise KeyConflict(f"{twice!r} is an axis, too", where=where, hint="remove one of them")
        self._check_count(prod((len(values) for values in self._axes.values()), start=max(lengths.values(), default=1)))

    def _check_count(self, count: int) -> None:
        if count > MAX_ITEMS:
            sizes = [str(len(values)) for values in self._axes.values()]
            sizes += [str(len(values)) for values in list(self._zip.values())[:1]]
            raise TooLarge(
                f"the matrix makes {count:,} images ({' x '.join(sizes)}), and a file may have {MAX_ITEMS:,}",
                where=self._where(of_key=True),
                hint="use fewer values, or split the file",
            )

    def _reader(self) -> RowReader:
        names = (*self._axes, *self._zip)
        keys = [name for name in names if name in ITEM_KEYS]
        name = self._entry.get("name") or "-".join(f"${{{axis}}}" for axis in names)
        reader = RowReader(self._base, name, self._around, keys=keys, texts=False)
        for axis in names:
            group = "axes" if axis in self._axes else "zip"
            where = self._where(group, axis, of_key=True)
            try:
                fits = reader.is_variable(axis) or axis in ITEM_KEYS
            except KeyConflict as error:
                raise KeyConflict(error.message, where=where, hint="call the axis otherwise") from None
            if axis == "name":
                raise KeyConflict("every item has a ${name} of its own", where=where, hint="call the axis otherwise")
            if not fits:
                hint = "use letters, digits, `_` and `-`, beginning with a letter"
                raise BadName(f"the axis {axis[:60]!r} cannot be written as ${{…}}", where=where, hint=hint)
        return reader

    def _choices(self) -> Iterator[Mapping[str, tuple[int, Scalar]]]:
        """Each combination: for every axis, the number of the value and the value."""
        along = [[[(name, *one)] for one in enumerate(values)] for name, values in self._axes.items()]
        rows = enumerate(zip(*self._zip.values(), strict=True))
        together = [[(name, number, value) for name, value in zip(self._zip, row, strict=True)] for number, row in rows]
        for chosen in product(*along, together or [[]]):
            yield {name: (number, value) for group in chosen for name, number, value in group}

    def _draft(self, reader: RowReader, number: int, choice: Mapping[str, tuple[int, Scalar]]) -> Draft | JobFileError:
        where = self._where(of_key=True) or Where(self._origin.file)
        steps = {
            name if name in ITEM_KEYS else f"vars.{name}": ("axes" if name in self._axes else "zip", name, number)
            for name, (number, _) in choice.items()
        }
        places = RowPlaces(self._origin, _STEPS, steps, partial(_place, self._origin, steps))
        values = {name: value for name, (_, value) in choice.items()}
        try:
            return reader.draft(reader.name(values, number), values, number, where, places)
        except JobFileError as error:
            return error.at(self._where("name"))

    def _where(self, *steps: str | int, of_key: bool = False) -> Where | None:
        return self._origin.where((*_STEPS, *steps), of_key=of_key)


def _place(origin: Origin, steps: Mapping[str, Steps], key: str) -> Where:
    """Where a value stands in its list; a range stands as a whole."""
    return origin.where((*_STEPS, *steps[key])) or Where(origin.file)

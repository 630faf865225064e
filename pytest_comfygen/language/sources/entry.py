"""One entry of `from:`: which rows of its source become items, and what each says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from itertools import islice

from pytest_comfygen.errors import FileMissing, JobFileError, KeyConflict, MissingKey, SourceInvalid, UnknownKey, Where
from pytest_comfygen.language import naming
from pytest_comfygen.language.drafts import ITEM_KEYS, Draft, RowReader, as_item, is_scalar
from pytest_comfygen.language.load import Spot, Value
from pytest_comfygen.language.merge import merged
from pytest_comfygen.language.places import Origin, RowPlaces, Steps
from pytest_comfygen.language.schema import Keys, Source
from pytest_comfygen.language.sources import SourceFile
from pytest_comfygen.language.sources.answered import AnsweredSource
from pytest_comfygen.language.sources.rows import Rows, SourceRow
from pytest_comfygen.language.surroundings import Surroundings
from pytest_comfygen.language.template import as_text
from pytest_comfygen.records import relative

__all__ = ["SourceEntry"]

MAX_TOLD = 1000


class SourceEntry:
    """One source of a job file.

    :param number: the entry's, from 0.
    """

    def __init__(self, entry: Source, number: int, defaults: Keys, origin: Origin, around: Surroundings) -> None:
        self._entry = entry
        self._steps: Steps = ("from", number)
        self._base = as_item(merged(defaults, entry))
        self._origin = origin
        self._around = around

    def drafts(self) -> Iterator[Draft | JobFileError]:
        """A draft or a mistake for each row that is chosen, in the source's order."""
        try:
            file = self._open()
            rows = self._renamed(file.rows())
            chosen = self._chosen(rows)
            reader = self._reader(rows)
            gives = self._gives(rows, reader)
            for number, row in chosen:
                yield self._draft(reader, file, row, number, gives)
        except JobFileError as error:
            yield _with_file(error).at(self._at_source)

    @property
    def _at_source(self) -> Where | None:
        return self._where("file" if self._entry.get("source") is None else "source")

    def _open(self) -> SourceFile | AnsweredSource:
        file = self._entry.get("file")
        if file is None:
            where = self._at_source or Where(self._origin.file)
            return self._around.answered(self._entry.get("source") or "", self._entry.get("options") or {}, where)
        root = self._around.root
        path = naming.file_in(root, self._around.file.parent, file)
        shown = relative(path, root)
        if not path.is_file():
            raise FileMissing(f"the source {shown} does not exist", hint=naming.sibling_hint(path))
        return self._around.source(path, shown)

    def _renamed(self, rows: Rows) -> Rows:
        """The rows with the names that `rename` gives to columns, which everything else then knows."""
        renamed = self._entry.get("rename")
        if not renamed:
            return rows
        self._check_columns("rename", renamed, rows.columns)
        columns = [renamed.get(column, column) for column in rows.columns]
        if twice := next((column for column, count in Counter(columns).items() if count > 1), None):
            hint = "choose another name"
            raise KeyConflict(f"two columns are called {twice[:60]!r}", where=self._where("rename"), hint=hint)
        found = (
            SourceRow(row.spot, {renamed.get(column, column): value for column, value in row.values.items()})
            for row in rows.rows
        )
        return rows._replace(columns=columns, rows=found)

    def _reader(self, rows: Rows) -> RowReader:
        entry = self._entry
        for number, key in enumerate(entry.get("keys") or ()):
            if key not in ITEM_KEYS:
                raise _unknown("key of an item", key, ITEM_KEYS, self._where("keys", number))
        self._check_columns("keys", entry.get("keys") or (), rows.columns)
        if entry.get("name") is None and "name" not in rows.columns:
            hint = "add `name:`, such as `name: kin_${id}` when there is a column `id`"
            raise MissingKey("the rows have no names", where=self._where(), hint=hint)
        if entry.get("name") not in {None, "${name}"} and "name" in rows.columns:
            hint = "leave the key `name` out to use the column, or call the column `rename: {name: title}`"
            raise KeyConflict("the source has a column `name`, too", where=self._where("name"), hint=hint)
        name = entry.get("name") or "${name}"
        return RowReader(self._base, name, self._around, keys=self._keys(rows), texts=rows.texts, scalars=rows.scalars)

    def _keys(self, rows: Rows) -> tuple[str, ...]:
        """The columns that set keys; a prompt that stands alone on its line does, unless it has another name."""
        prompt = ["prompt"] if rows.prompts and "prompt" in rows.columns else []
        return tuple(dict.fromkeys([*(self._entry.get("keys") or ()), *prompt]))

    def _check_columns(self, key: str, wanted: Collection[str], columns: Collection[str]) -> None:
        for number, column in enumerate(wanted):
            if column not in columns:
                step = number if key == "keys" else column
                raise _unknown("column", column, columns, self._where(key, step, of_key=key != "keys"))

    def _chosen(self, rows: Rows) -> Iterator[tuple[int, SourceRow]]:
        """The rows that `where` and `limit` leave, with their numbers from 0."""
        wanted = {
            column: {as_text(one) for one in values} for column, values in (self._entry.get("where") or {}).items()
        }
        self._check_columns("where", wanted, rows.columns)
        chosen = ((number, row) for number, row in enumerate(rows.rows) if _passes(row.values, wanted))
        return self._some(islice(chosen, self._entry.get("limit")))

    def _some(self, chosen: Iterator[tuple[int, SourceRow]]) -> Iterator[tuple[int, SourceRow]]:
        first = next(chosen, None)
        if first is None:
            if self._entry.get("where"):
                hint = "values are compared as texts, and capitals count"
                raise SourceInvalid("no row has these values", where=self._where("where"), hint=hint)
            called = self._entry.get("file") or f"the source {self._entry.get('source')!r}"
            raise SourceInvalid(f"{called} has no row", where=self._at_source, hint="add a row, or remove the source")
        yield first
        yield from chosen

    def _gives(self, rows: Rows, reader: RowReader) -> Mapping[str, str]:
        """What a row gives to its job, each with its column in the file: keys and variables."""
        written = {new: old for old, new in (self._entry.get("rename") or {}).items()}
        found = {}
        for column in rows.columns:
            try:
                if reader.is_variable(column):
                    found[f"vars.{column}"] = written.get(column, column)
            except KeyConflict as error:
                raise type(error)(f"column {column!r}: {error.message}", where=self._where(), hint=error.hint) from None
        return found | {key: written.get(key, key) for key in self._keys(rows)}

    def _draft(
        self,
        reader: RowReader,
        file: SourceFile | AnsweredSource,
        row: SourceRow,
        number: int,
        gives: Mapping[str, str],
    ) -> Draft | JobFileError:
        where = Where(file.shown, *row.spot)
        places = RowPlaces(self._origin, self._steps, gives, partial(_place, file, row.spot, number, gives))
        try:
            name = reader.name(row.values, number + 1)
        except JobFileError as error:
            return self._of_row(error, number).at(self._where("name"))
        try:
            return reader.draft(name, row.values, number + 1, where, places)
        except JobFileError as error:
            return self._of_row(error, number).at(where)

    def _of_row(self, error: JobFileError, number: int) -> JobFileError:
        """The error with the row's number, when the row has no place of its own that says as much."""
        if self._entry.get("file") is not None:
            return error
        told = f"found for row {number + 1} of the source {self._entry.get('source')!r}"
        return type(error)(error.message, where=error.where, hint=error.hint, details=(told,), also=error.also)

    def _where(self, *steps: str | int, of_key: bool = False) -> Where | None:
        return self._origin.where((*self._steps, *steps), of_key=of_key)


def _place(file: SourceFile | AnsweredSource, spot: Spot, number: int, gives: Mapping[str, str], key: str) -> Where:
    return file.where(spot, number, gives[key])


def _with_file(error: JobFileError) -> JobFileError:
    """An error about a source as a whole names the source, since it is told at the key `file`."""
    if error.where is None or error.where.line:
        return error
    return type(error)(f"{error.where.file}: {error.message}", hint=error.hint, details=error.details)


def _passes(values: Mapping[str, Value], wanted: Mapping[str, Collection[str]]) -> bool:
    for column, texts in wanted.items():
        value = values.get(column)
        if not is_scalar(value) or (value if isinstance(value, str) else as_text(value)) not in texts:
            return False
    return True


def _unknown(what: str, name: str, known: Collection[str], where: Where | None) -> UnknownKey:
    some = sorted(islice(known, MAX_TOLD))
    near = get_close_matches(name, some, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(some)[:200]}"
    return UnknownKey(f"there is no {what} {name[:60]!r}", where=where, hint=hint)

"""Prompt sources: files whose rows become items, each with the place of its row and of every cell in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pytest_comfygen.errors import UnknownFormat, Where
from pytest_comfygen.language.load import Spot, read_text
from pytest_comfygen.language.sources.lines import json_line_spots, prompt_spots, read_json_lines, read_prompts
from pytest_comfygen.language.sources.listed import document_spots, read_listed, read_toml, toml_spots
from pytest_comfygen.language.sources.rows import Rows, SpotOf
from pytest_comfygen.language.sources.tables import read_table, table_spots

__all__ = ["SUFFIXES", "SourceFile", "open_source"]


class _Format(NamedTuple):
    """How the rows of a text are read, and how their cells are found again."""

    read: Callable[[str, str], Rows]
    spots: Callable[[str, str], SpotOf]


_FORMATS: Mapping[str, _Format] = {
    ".csv": _Format(read_table, table_spots),
    ".tsv": _Format(partial(read_table, delimiter="\t"), partial(table_spots, delimiter="\t")),
    ".json": _Format(read_listed, document_spots),
    ".jsonl": _Format(read_json_lines, json_line_spots),
    ".yaml": _Format(read_listed, document_spots),
    ".yml": _Format(read_listed, document_spots),
    ".toml": _Format(read_toml, toml_spots),
    ".txt": _Format(read_prompts, prompt_spots),
}
SUFFIXES = tuple(_FORMATS)


class SourceFile:
    """A source's text. Only the text is kept: few runs ever ask where a cell stands."""

    __slots__ = ("_format", "_spot_of", "_text", "shown")

    def __init__(self, text: str, shown: str, form: _Format) -> None:
        self.shown = shown
        self._text = text
        self._format = form
        self._spot_of: SpotOf | None = None

    @property
    def characters(self) -> int:
        """How long the text is."""
        return len(self._text)

    def rows(self) -> Rows:
        """The columns and the rows, which are read while they are asked for.

        :raises JobFileError: syntax, source-invalid, duplicate-key, and whatever else the format refuses; also later,
            from the rows.
        """
        return self._format.read(self._text, self.shown)

    def where(self, spot: Spot, number: int, column: str) -> Where:
        """Where a cell stands; the row's own place when it cannot be told.

        :param spot: the place of the row.
        :param number: the row's, from 0.
        """
        if self._spot_of is None:
            self._spot_of = self._format.spots(self._text, self.shown)
        return Where(self.shown, *self._spot_of(spot, number, column))


def open_source(path: Path, shown: str) -> SourceFile:
    """The source in a file, whose suffix says its format.

    :raises JobFileError: unknown-format, unreadable, too-large, not-utf8, syntax (control characters), secret.
    """
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        hint = f"use a file that ends in one of {', '.join(SUFFIXES)}"
        raise UnknownFormat(f"{path.name[-60:]!r} does not end like a source's name", hint=hint)
    return SourceFile(read_text(path, shown), shown, form)

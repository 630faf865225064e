"""Rows out of lines: a prompt a line, or a JSON mapping a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_comfygen.errors import FileMissing, JobFileError, SourceInvalid, Where
from pytest_comfygen.language.load import Document, Spot, Table, read_text
from pytest_comfygen.language.load.json_text import parse_json
from pytest_comfygen.language.naming import sibling_hint
from pytest_comfygen.language.sources.rows import Rows, SourceRow, SpotOf, columns_of

__all__ = ["json_line_spots", "prompt_spots", "read_json_lines", "read_prompts", "read_wildcard"]


def read_prompts(text: str, _shown: str) -> Rows:
    """A prompt a line; blank lines and white space around a prompt do not count."""
    lines = enumerate(text.split("\n"), start=1)
    rows = (SourceRow(_start(number, line), {"prompt": line.strip()}) for number, line in lines if line.strip())
    return Rows(("prompt",), rows, prompts=True, texts=True)


def prompt_spots(_text: str, _shown: str) -> SpotOf:
    """A prompt stands where its row does."""
    return lambda spot, _number, _column: spot


def read_json_lines(text: str, shown: str) -> Rows:
    """A JSON mapping a line; blank lines do not count.

    :raises JobFileError: as `parse_json`, and source-invalid (a line that is no mapping).
    """
    found = list(_json_rows(text, shown))
    return Rows(columns_of(found), iter(found))


def json_line_spots(text: str, shown: str) -> SpotOf:
    """Where the values stand, looked up in their line."""
    lines = text.split("\n")

    def spot_of(spot: Spot, _number: int, column: str) -> Spot:
        root = _line_document(lines[spot[0] - 1], spot[0], shown).root
        return (spot[0], root.marks[column][3]) if isinstance(root, Table) and column in root else spot

    return spot_of


def read_wildcard(path: Path, shown: str) -> tuple[str, ...]:
    """The lines that a wildcard stands for; blank lines do not count, nor those that begin with `#`.

    :raises JobFileError: file-missing, source-invalid (no line), unreadable, too-large, not-utf8, syntax, secret.
    """
    if not path.is_file():
        raise FileMissing(f"the wildcard {shown} does not exist", hint=sibling_hint(path))
    stripped = (line.strip() for line in read_text(path, shown).split("\n"))
    lines = tuple(line for line in stripped if line and not line.startswith("#"))
    if not lines:
        raise SourceInvalid(f"the wildcard {shown} has no line", hint="write a text on each line")
    return lines


def _json_rows(text: str, shown: str) -> Iterator[SourceRow]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            root = _line_document(line, number, shown).root
            if not isinstance(root, Table):
                hint = 'write {"column": value, …} on each line'
                raise SourceInvalid("this line is no mapping", where=Where(shown, *_start(number, line)), hint=hint)
            yield SourceRow(_start(number, line), root)


def _line_document(line: str, number: int, shown: str) -> Document:
    try:
        return parse_json(line, shown)
    except JobFileError:
        return parse_json("\n" * (number - 1) + line, shown)  # fails again, at the right line


def _start(number: int, line: str) -> Spot:
    return number, len(line) - len(line.lstrip()) + 1

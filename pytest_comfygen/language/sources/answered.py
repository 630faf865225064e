"""Rows of a source that has only a name: whoever loads the job file brings the one who answers for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from pytest_comfygen.errors import JobFileError, Where
from pytest_comfygen.language.load import Spot
from pytest_comfygen.language.load.text import check_text
from pytest_comfygen.language.sources.rows import Rows, SourceRow, columns_of
from pytest_comfygen.records import Scalar

__all__ = ["Answer", "AnsweredSource", "AskSource"]

Answer: TypeAlias = Sequence[Mapping[str, Scalar]]

# From a source's name, its options and its place to its rows, at most `MAX_ITEMS`; raises unknown-source.
AskSource: TypeAlias = Callable[[str, Mapping[str, Scalar], Where | None], Answer]


class AnsweredSource:
    """The rows that somebody answered with; all stand where the job file names their source.

    :param shown: the job file.
    """

    __slots__ = ("_answer", "_spot", "shown")

    def __init__(self, answer: Answer, where: Where) -> None:
        self.shown = where.file
        self._spot: Spot = (where.line, where.column)
        self._answer = answer

    @property
    def characters(self) -> int:
        """How long all texts are together."""
        return sum(len(value) for row in self._answer for value in row.values() if isinstance(value, str))

    def rows(self) -> Rows:
        """The columns and the rows.

        :raises JobFileError: syntax (control characters), secret.
        """
        found = [SourceRow(self._spot, _checked(row, number)) for number, row in enumerate(self._answer, start=1)]
        return Rows(columns_of(found), iter(found), scalars=True)

    def where(self, spot: Spot, _number: int, _column: str) -> Where:
        """Where a value stands: at the source."""
        return Where(self.shown, *spot)


def _checked(row: Mapping[str, Scalar], number: int) -> Mapping[str, Scalar]:
    """The row, in which stands nothing that a file may not hold."""
    try:
        check_text("\n".join(text for text in (*row, *row.values()) if isinstance(text, str)), None)
    except JobFileError as error:
        raise type(error)(f"row {number}: {error.message}", hint=error.hint) from None
    return row

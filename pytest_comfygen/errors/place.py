"""What every error of ours is: a message, its place in the user's file, and the next step."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Self

__all__ = ["ComfygenError", "Where"]


class Where(NamedTuple):
    """A place in a file, as editors and terminals link it.

    :param file: path as shown to the user, with forward slashes.
    :param line: 1-based; 0 when the place is the whole file.
    :param column: 1-based; 0 when the place is the whole line.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file, *(str(number) for number in (self.line, self.column) if number)]
        return ":".join(parts)


class ComfygenError(Exception):
    """The base of all errors we mean.

    :param message: what is wrong, with the offending value in it; one sentence, no full stop needed.
    :param where: the place in the user's file, when there is one.
    :param hint: the next thing to do or to type; a class may carry a default.
    :param details: further lines that belong to the message: a table of findings, the end of a log.
    :param also: further errors of the same kind found in the same pass, so that a user mends them in one go.
    """

    code: ClassVar[str] = "comfygen"
    wants_server: ClassVar[bool] = False
    default_hint: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        where: Where | None = None,
        hint: str | None = None,
        details: tuple[str, ...] = (),
        also: tuple[ComfygenError, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint if hint is not None else self.default_hint
        self.details = details
        self.also = also

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self._keywords(self.where))

    def at(self, where: Where | None) -> Self:
        """The same error with a place, unless it already has one; a mere file gives way to a line."""
        if where is None or (self.where is not None and (self.where.line or not where.line)):
            return self
        return type(self)(self.message, **self._keywords(where))

    def _keywords(self, where: Where | None) -> dict[str, Any]:
        return {"where": where, "hint": self.hint, "details": self.details, "also": self.also}


def _rebuild(kind: type[ComfygenError], message: str, keywords: dict[str, Any]) -> ComfygenError:
    return kind(message, **keywords)

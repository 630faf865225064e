"""The mistakes of one file, gathered so that its writer mends them in one go."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_comfygen.errors import JobFileError

__all__ = ["first_of"]

MAX_TOLD = 100


def first_of(errors: Iterable[JobFileError]) -> JobFileError:
    """The first error of a file by place, with the others in `also`, each place and message once.

    :param errors: at least one.
    """
    distinct = {(error.where, error.message): error for error in errors}
    first, *others = sorted(distinct.values(), key=_order)[:MAX_TOLD]
    if not others:
        return first
    return type(first)(first.message, where=first.where, hint=first.hint, details=first.details, also=tuple(others))


def _order(error: JobFileError) -> tuple[int, int]:
    return (error.where.line, error.where.column) if error.where else (0, 0)

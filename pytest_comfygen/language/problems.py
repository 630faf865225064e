"""The mistakes of one file, gathered so that its writer mends them in one go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_comfygen.errors import JobFileError, Where

__all__ = ["first_of"]

MAX_TOLD = 100


def first_of(errors: Iterable[JobFileError]) -> JobFileError:
    """The first error by place, with the others in `also`, each place and message once; file after file.

    :param errors: at least one.
    """
    distinct: dict[tuple[Where | None, str], JobFileError] = {}
    for error in errors:
        distinct.setdefault((error.where, error.message), error)
    files = {error.where.file if error.where else "": None for error in distinct.values()}
    in_order = {file: number for number, file in enumerate(files)}
    first, *others = sorted(distinct.values(), key=lambda error: _order(error, in_order))[:MAX_TOLD]
    if not others:
        return first
    return type(first)(first.message, where=first.where, hint=first.hint, details=first.details, also=tuple(others))


def _order(error: JobFileError, files: Mapping[str, int]) -> tuple[int, int, int]:
    where = error.where or Where("")
    return files[where.file], where.line, where.column

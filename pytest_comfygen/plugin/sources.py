"""Prompt sources in Python: a job file names one, and a `conftest.py` or plugin answers with its rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen.errors import ComfygenError, JobFileError, SourceInvalid, UnknownSource, Where
from pytest_comfygen.language.schema import MAX_ITEMS

if TYPE_CHECKING:
    from pluggy import HookRelay

    from pytest_comfygen.language.sources.answered import Answer, AskSource
    from pytest_comfygen.records import Scalar

__all__ = ["HOOK", "ask_hooks", "from_hook_on"]

HOOK = "pytest_comfygen_source"

_SCALARS = (str, int, float, bool, type(None))


def ask_hooks(hooks: HookRelay, job_file: Path, root: Path) -> AskSource:
    """Whoever answers for the sources that a job file names.

    :param hooks: those that hold for the job file's directory.
    :param root: what the names of `conftest.py` files are shown relative to.
    """

    def ask(name: str, options: Mapping[str, Scalar], where: Where | None) -> Answer:
        try:
            read_only = MappingProxyType(dict(options))
            answer = hooks.pytest_comfygen_source(name=name, options=read_only, job_file=job_file)
            rows = answer if answer is None else _some(answer, name)  # a generator is their code, too
        except JobFileError:
            raise
        except ComfygenError as error:
            raise SourceInvalid(f"{_called(name)}: {error.message}", hint=error.hint, details=error.details) from None
        except Exception as error:
            error.add_note(f"{HOOK} was asked for the source {name!r} at {where}")
            raise
        if rows is None:
            raise _nobodys(name, job_file, _asked(hooks, root))
        return [_row(row, number, name) for number, row in enumerate(rows, start=1)]

    return ask


def _some(answer: object, name: str) -> list[object]:
    if isinstance(answer, (str, bytes, Mapping)) or not isinstance(answer, Iterable):
        raise _wrong(name, f"gave {_described(answer)} instead of rows", "return a list of mappings, one a row")
    rows = list(islice(answer, MAX_ITEMS + 1))
    if len(rows) > MAX_ITEMS:
        raise _wrong(name, f"gave more than {MAX_ITEMS:,} rows", "give fewer, by one of `options:` for instance")
    return rows


def _row(row: object, number: int, name: str) -> Mapping[str, Scalar]:
    if not isinstance(row, Mapping):
        hint = "give {'column': value, …} for each row"
        raise _wrong(name, f"gave {_described(row)} as row {number}, which is no mapping", hint)
    return dict(_cells(row, number, name))


def _cells(row: Mapping[object, object], number: int, name: str) -> Iterator[tuple[str, Scalar]]:
    for column, value in row.items():
        if not isinstance(column, str) or not column:
            hint = "name columns by texts"
            raise _wrong(name, f"gave row {number} the column {str(column)[:60]!r}, which is no name", hint)
        if not isinstance(value, _SCALARS) or (isinstance(value, float) and not math.isfinite(value)):
            told = f"gave {_described(value)} as {column[:60]!r} in row {number}"
            raise _wrong(name, told, "give a text, a finite number, True, False or None")
        yield str.__str__(column), _plain(value)


def _plain(value: Scalar) -> Scalar:
    """The value as one of the plain types; an `Enum` can be a text, and shows itself as another one."""
    if value is None or type(value) in _SCALARS:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) else float(value)


def _described(value: object) -> str:
    return repr(value) if isinstance(value, float) else f"a value of type {type(value).__name__}"


def _called(name: str) -> str:
    return f"{HOOK}, asked for the source {name!r}"


def _wrong(name: str, what: str, hint: str) -> SourceInvalid:
    return SourceInvalid(f"{_called(name)}, {what}", hint=hint)


def _nobodys(name: str, job_file: Path, asked: tuple[str, ...]) -> UnknownSource:
    others = f"asked, and none knows it: {', '.join(asked)}" if asked else f"no conftest.py or plugin here has {HOOK}"
    return UnknownSource(
        f"nobody has rows for the source {name!r}",
        details=(others,),
        hint=f"correct the name, or write {HOOK}(name, options, job_file) in {job_file.parent.name}/conftest.py; "
        "it returns a list of mappings, one a row",
    )


def _asked(hooks: HookRelay, root: Path) -> tuple[str, ...]:
    """Who was asked, by their names; a `conftest.py` by its path."""
    names = [implementation.plugin_name for implementation in hooks.pytest_comfygen_source.get_hookimpls()]
    paths = (Path(name) for name in reversed(names))
    return tuple(path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix() for path in paths)


def from_hook_on(found: pytest.ExceptionInfo[BaseException]) -> pytest.ExceptionInfo[BaseException]:
    """What a hook raised, without our frames and pluggy's above it; anything else as it is."""
    rest = _after_ours(found.tb)
    while rest and rest.tb_frame.f_globals.get("__name__", "").startswith("pluggy."):
        rest = rest.tb_next
    return pytest.ExceptionInfo.from_exc_info((found.type, found.value, rest)) if rest else found


def _after_ours(traceback: TracebackType | None) -> TracebackType | None:
    """What comes below the last frame of this module; None when there is none."""
    rest: TracebackType | None = None
    while traceback:
        if traceback.tb_frame.f_code.co_filename == __file__:
            rest = traceback.tb_next
        traceback = traceback.tb_next
    return rest

"""What failed for one process, told to those that waited for it: they need not try one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pytest_comfygen import errors
from pytest_comfygen.errors import MachineError

__all__ = ["failure_shared"]


@contextmanager
def failure_shared(
    file: Path | None, asked_at: float, kinds: tuple[type[MachineError], ...], about: str = ""
) -> Iterator[None]:
    """Fail as another process did while we waited for it, else write down why what is done here failed.

    :param file: where that is written down; None when nobody waits.
    :param asked_at: when this process asked, as files' times are; what failed before is tried again.
    :param kinds: the errors that another process would have as well.
    :param about: what was asked for, where that can differ; who asks for something else tries.
    """
    if file is None:
        yield
        return
    if known := _known(file, asked_at, kinds, about):
        raise known
    try:
        yield
    except kinds as error:
        note = {
            "kind": type(error).__name__,
            "message": error.message,
            "details": list(error.details),
            "hint": error.hint,
            "about": about,
        }
        with suppress(OSError):
            file.write_text(json.dumps(note), encoding="utf-8")
        raise
    with suppress(OSError):
        file.unlink(missing_ok=True)


def _known(file: Path, asked_at: float, kinds: tuple[type[MachineError], ...], about: str) -> MachineError | None:
    with suppress(OSError, ValueError):
        if file.stat().st_mtime <= asked_at:
            return None
        match json.loads(file.read_bytes()):
            case {
                "kind": str(name),
                "message": str(message),
                "details": [*details],
                "hint": str() | None as hint,
                "about": str(asked),
            } if asked == about and (kind := _kind(name, kinds)):
                return kind(message, details=tuple(map(str, details)), hint=hint)
    return None


def _kind(name: str, kinds: tuple[type[MachineError], ...]) -> type[MachineError] | None:
    """The class of that name, if it is one of `kinds`."""
    found = getattr(errors, name, None) if name in errors.__all__ else None
    return found if isinstance(found, type) and issubclass(found, kinds) else None

"""An installation that failed, for the processes that waited for it: they need not try one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from pytest_comfygen import errors
from pytest_comfygen.engine.install.wish import InstallWish
from pytest_comfygen.errors import MachineError

__all__ = ["failure_noted", "raise_known_failure"]


@contextmanager
def failure_noted(file: Path, wish: InstallWish) -> Iterator[None]:
    """Write down why what is done here failed."""
    try:
        yield
    except MachineError as error:
        note = {
            "kind": type(error).__name__,
            "message": error.message,
            "details": list(error.details),
            "hint": error.hint,
            "wish": _identity(wish),
        }
        with suppress(OSError):
            file.write_text(json.dumps(note), encoding="utf-8")
        raise
    file.unlink(missing_ok=True)


def raise_known_failure(file: Path, wish: InstallWish, asked_at: float) -> None:
    """Fail as another process did while we waited for it; what failed before is tried again.

    :param asked_at: when this process asked, as files' times are.
    :raises MachineError: it asked for the same, and that failed.
    """
    with suppress(OSError, ValueError):
        if file.stat().st_mtime <= asked_at:
            return
        match json.loads(file.read_bytes()):
            case {
                "kind": str(kind),
                "message": str(message),
                "details": [*details],
                "hint": str() | None as hint,
                "wish": str(identity),
            } if identity == _identity(wish):
                raise getattr(errors, kind)(message, details=tuple(map(str, details)), hint=hint)


def _identity(wish: InstallWish) -> str:
    return sha256(repr(wish).encode()).hexdigest()

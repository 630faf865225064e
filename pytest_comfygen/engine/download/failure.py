"""A download that failed, for the processes that waited for it: gigabytes that are no use need not come eight times."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from pytest_comfygen.errors import DownloadFailed, HashMismatch, MachineError, ModelDamaged, PageInsteadOfModel

__all__ = ["failure_shared"]

# What costs a transfer or long waiting, and is no other for another process; a token may be.
_KINDS = MappingProxyType({one.code: one for one in (DownloadFailed, HashMismatch, ModelDamaged, PageInsteadOfModel)})


@contextmanager
def failure_shared(file: Path | None, asked_at: float) -> Iterator[None]:
    """Fail as another process did while we waited for it, else write down why what is done here failed.

    :param file: where that is written down; None when nobody waits.
    :param asked_at: when this process asked, as files' times are; what failed before is tried again.
    """
    if file is None:
        yield
        return
    if known := _known(file, asked_at):
        raise known
    try:
        yield
    except tuple(_KINDS.values()) as error:
        note = {"code": error.code, "message": error.message, "details": list(error.details), "hint": error.hint}
        with suppress(OSError):
            file.write_text(json.dumps(note), encoding="utf-8")
        raise
    with suppress(OSError):
        file.unlink(missing_ok=True)


def _known(file: Path, asked_at: float) -> MachineError | None:
    with suppress(OSError, ValueError):
        if file.stat().st_mtime <= asked_at:
            return None
        match json.loads(file.read_bytes()):
            case {
                "code": str(code),
                "message": str(message),
                "details": [*details],
                "hint": str() | None as hint,
            } if code in _KINDS:
                return _KINDS[code](message, details=tuple(map(str, details)), hint=hint)
    return None

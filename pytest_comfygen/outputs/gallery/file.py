"""The file of a gallery: written whole or not at all, and only over a gallery."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from pytest_comfygen.errors import WriteFailed
from pytest_comfygen.outputs.atomic import fresh_token, remove, replace, temp_path
from pytest_comfygen.outputs.guard import Guard

__all__ = ["SHEET_SOFTWARE", "is_ours", "write_file"]

PAGE_MARK = '<meta name="generator" content="pytest-comfygen gallery">'
SHEET_SOFTWARE = "pytest-comfygen contact sheet"  # as `verify.sheet` writes it
_HEAD_BYTES = 1024


def is_ours(path: Path) -> bool:
    """Whether a file is a gallery or a contact sheet of this plugin.

    :raises OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return PAGE_MARK.encode() in head or SHEET_SOFTWARE.encode() in head


def write_file(path: Path, pieces: Iterable[bytes], root: Path) -> None:
    """Write a gallery piece by piece, so that it is never held twice in memory.

    :param root: the repository, from which the path is named in an error.
    :raises WriteFailed: it cannot be written, or something else came there; what stood there still stands.
    """
    guard = Guard(root)
    with guard.translated(path):
        guard.refuse_link(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temp = temp_path(path, fresh_token())
        try:
            with temp.open("xb") as file:
                file.writelines(pieces)
            _refuse_anothers(path, guard)
            replace(temp, path, time.sleep)
        except BaseException:
            remove(temp)
            raise


def _refuse_anothers(path: Path, guard: Guard) -> None:
    """Look again: a file may have come while the run was under way."""
    if path.exists() and not is_ours(path):
        hint = "give another name, or move that file away"
        raise WriteFailed(f"{guard.name(path)} is there and is no gallery of ours", hint=hint)

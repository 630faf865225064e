"""The system's refusals become errors that say what was being written, why it failed and what helps."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pytest_comfygen.errors import WriteFailed
from pytest_comfygen.outputs.guard import Guard


def refusal(number: int, filename: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), filename)


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (
            refusal(errno.ENOSPC),
            "assets/dwarf.png cannot be written: No space left on device",
            "make room on the disk and run again",
        ),
        (
            refusal(errno.EDQUOT),
            f"assets/dwarf.png cannot be written: {os.strerror(errno.EDQUOT)}",
            "make room within your disk quota and run again",
        ),
        (
            refusal(errno.EROFS, "/repository/assets/dwarf.png"),
            "assets/dwarf.png cannot be written: Read-only file system",
            "the file system is mounted read-only: mount it writable",
        ),
        (
            refusal(errno.EACCES, "/repository/assets/.dwarf.png.7-c0ffee00.comfygen-tmp"),
            "assets/dwarf.png cannot be written: Permission denied",
            "change the permissions of the file or of its directory",
        ),
        (
            refusal(errno.EACCES, "/repository/.comfygen/pending"),
            "assets/dwarf.png cannot be written: Permission denied (at .comfygen/pending)",
            "change the permissions of the file or of its directory",
        ),
        (refusal(errno.EIO), "assets/dwarf.png cannot be written: Input/output error", None),
        (OSError("odd"), "assets/dwarf.png cannot be written: odd", None),
    ],
)
def test_a_refusal_names_the_file_the_reason_and_what_helps(error: OSError, message: str, hint: str | None) -> None:
    with (
        pytest.raises(WriteFailed) as caught,
        Guard(Path("/repository")).translated(Path("/repository/assets/dwarf.png")),
    ):
        raise error
    assert (message, hint) == (caught.value.message, caught.value.hint)
    assert caught.value.__cause__ is error


def test_other_errors_are_bugs_and_stay_what_they_are() -> None:
    with pytest.raises(ZeroDivisionError), Guard(Path("/repository")).translated(Path("/repository/a")):
        raise ZeroDivisionError

"""Writing a file so that whoever looks, and whenever we die, sees the old bytes or all of the new ones.

A rename puts a file in its place; `fsync` comes first, or a power cut could keep the rename and lose the bytes.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = [
    "TEMP_SUFFIX",
    "create",
    "fresh_token",
    "overwrite_durably",
    "remove",
    "replace",
    "sync_directory",
    "temp_path",
    "write_atomically",
    "write_durably",
]

TEMP_SUFFIX = ".comfygen-tmp"

_WRITE = os.O_WRONLY | getattr(os, "O_BINARY", 0)  # O_BINARY: Windows keeps the bytes

_IS_WINDOWS = os.name == "nt"

# Windows refuses to replace a file that a viewer or a virus scanner holds open for a moment; elsewhere a refusal is
# one for good.
_REPLACE_TRIES = 11 if _IS_WINDOWS else 1
_REPLACE_PAUSE_S = 0.1


def fresh_token() -> str:
    """A word for the name of a file that only this process writes, and only once; the process' id comes first."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def temp_path(path: Path, token: str) -> Path:
    """Where a file is written before it becomes `path`: beside it, because a rename works only within a file system."""
    return path.with_name(f".{path.name}.{token}{TEMP_SUFFIX}")


def create(path: Path) -> None:
    """Create `path`, empty, for whoever looks while the system runs; the disk learns of it when it pleases.

    :raises FileExistsError: something stands there, be it a dangling link.
    """
    os.close(os.open(path, _WRITE | os.O_CREAT | os.O_EXCL, 0o666))


def write_durably(path: Path, data: bytes) -> None:
    """Create `path` with `data` in it and wait until the disk has them; the umask decides who may read it.

    :raises FileExistsError: something stands there, be it a dangling link.
    """
    _fill(os.open(path, _WRITE | os.O_CREAT | os.O_EXCL, 0o666), data)


def overwrite_durably(path: Path, data: bytes) -> None:
    """Put `data` into the existing file `path`, for files whose readers expect them cut."""
    _fill(os.open(path, _WRITE | os.O_TRUNC), data)


def _fill(handle: int, data: bytes) -> None:
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(source: Path, target: Path, sleep: Callable[[float], None], *, tries: int = _REPLACE_TRIES) -> None:
    """Rename over what stands there; has a little patience where the system needs it."""
    while True:
        try:
            source.replace(target)
        except PermissionError:
            tries -= 1
            if tries <= 0:
                raise
            sleep(_REPLACE_PAUSE_S)
        else:
            return


def sync_directory(directory: Path) -> None:
    """Wait until the disk has what was created, renamed or removed in `directory`, where the system can say so."""
    if _IS_WINDOWS:  # a directory cannot be opened there
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system without that notion
            raise
    finally:
        os.close(handle)


def write_atomically(path: Path, data: bytes, token: str, sleep: Callable[[float], None]) -> None:
    """Make `path` hold `data`, replacing what stands there at once or not at all.

    :param token: makes the temporary name unique; who chose it can find the file again after a crash.
    """
    temp = temp_path(path, token)
    try:
        write_durably(temp, data)
        replace(temp, path, sleep)
    except BaseException:
        remove(temp)
        raise


def remove(path: Path) -> None:
    """Remove a file of ours if it is there; it is tidying, so it never hides the error that led to it."""
    with suppress(OSError):
        path.unlink()

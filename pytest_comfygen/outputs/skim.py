"""What many records say their images show, without reading them in full."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["recorded_pixels"]

_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_PIECE_BYTES = 4096  # most records are smaller, and larger buffers cost time
_LARGEST_BYTES = 4 << 20
# As our records are written; a text cannot hold this, because JSON escapes its quotes.
_PIXELS = re.compile(rb'"pixels_sha256"\s*:\s*"([0-9a-f]{64})"')


def recorded_pixels(outputs: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """The hash of the pixels of each image that has a readable record, in the order of `outputs`.

    For every image of a run, so each folder is opened once and nothing is parsed; whoever acts on an answer reads the
    record itself.
    """
    folder, handle = "", None
    try:
        for output in outputs:
            below, _, name = str(output).rpartition(os.sep)
            if below != folder:
                _close(handle)
                folder, handle = below, _opened(below)
            if found := _PIXELS.search(_read(below, handle, f"{name}.json")):
                yield output, found[1].decode()
    finally:
        _close(handle)


def _opened(folder: str) -> int | None:
    """A handle on the folder's records, on systems that have such; None when there are none."""
    if os.open not in os.supports_dir_fd:
        return None
    try:
        return os.open(f"{folder}{os.sep}.comfyrecords", os.O_RDONLY)
    except OSError:
        return None


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _read(folder: str, handle: int | None, name: str) -> bytes:
    """What the record holds, or nothing."""
    try:
        record = _record(folder, handle, name)
    except OSError:
        return b""
    try:
        data = os.read(record, _PIECE_BYTES)
        return data if len(data) < _PIECE_BYTES else data + os.read(record, _LARGEST_BYTES)
    except OSError:
        return b""
    finally:
        os.close(record)


def _record(folder: str, handle: int | None, name: str) -> int:
    if handle is not None:
        return os.open(name, _READ, dir_fd=handle)
    return os.open(f"{folder}{os.sep}.comfyrecords{os.sep}{name}", _READ)

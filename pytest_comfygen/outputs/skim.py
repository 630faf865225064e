"""What many records say their images show, without reading them in full."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["recorded_pixels"]

_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_LARGEST_BYTES = 4 << 20
# As our records are written; a text cannot hold this, because JSON escapes its quotes.
_PIXELS = re.compile(rb'"pixels_sha256"\s*:\s*"([0-9a-f]{64})"')


def recorded_pixels(outputs: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """The hash of the pixels of each image that has a readable record, in the order of `outputs`.

    For every image of a run, so each folder is opened once and nothing is parsed; whoever acts on an answer reads the
    record itself.
    """
    folder, handle = None, None
    try:
        for output in outputs:
            if output.parent != folder:
                _close(handle)
                folder, handle = output.parent, _opened(output.parent)
            found = _PIXELS.search(_read(folder, handle, f"{output.name}.json"))
            if found:
                yield output, found[1].decode()
    finally:
        _close(handle)


def _opened(folder: Path) -> int | None:
    """A handle on the folder's records, on systems that have such; None when there are none."""
    if os.open not in os.supports_dir_fd:
        return None
    try:
        return os.open(folder / ".comfyrecords", os.O_RDONLY)
    except OSError:
        return None


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _read(folder: Path, handle: int | None, name: str) -> bytes:
    try:
        if handle is not None:
            record = os.open(name, _READ, dir_fd=handle)
        elif os.open in os.supports_dir_fd:
            return b""
        else:
            record = os.open(folder / ".comfyrecords" / name, _READ)
    except OSError:
        return b""
    try:
        return os.read(record, _LARGEST_BYTES if os.fstat(record).st_size > 1 << 16 else 1 << 16)
    except OSError:
        return b""
    finally:
        os.close(record)

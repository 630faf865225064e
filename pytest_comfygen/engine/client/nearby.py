"""Pictures of a server of ours, read from its output directory instead of over HTTP."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pytest_comfygen.engine.client import PICTURE_LIMIT_BYTES
from pytest_comfygen.records import RemoteImage

__all__ = ["read_nearby"]


def read_nearby(output: Path, image: RemoteImage) -> bytes | None:
    """A file that a job left; None when it is not plainly there, and the server has to be asked.

    ComfyUI names a picture in the history after it has written it, and never writes to it again.

    :param output: the server's output directory.
    """
    path = output / image.subfolder / image.filename
    if image.type != "output" or Path(os.path.normpath(path)) != path or not path.is_relative_to(output):
        return None
    try:
        seen = path.lstat()
        is_plain = stat.S_ISREG(seen.st_mode) and 0 < seen.st_size <= PICTURE_LIMIT_BYTES
        return path.read_bytes() if is_plain else None
    except (OSError, ValueError):
        return None

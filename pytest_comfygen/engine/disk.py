"""Where on the disks something is to lie that may not be there yet, and what is free there."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["device_of", "existing", "free_bytes"]


def existing(path: Path) -> Path:
    """`path`, or the nearest directory above it that exists; `path` itself where there is none."""
    return next((one for one in (path, *path.parents) if one.exists()), path)


def device_of(path: Path) -> int:
    """The number of the file system that `path` is on or will be.

    :raises OSError: nothing of it exists.
    """
    return existing(path).stat().st_dev


def free_bytes(path: Path) -> int:
    """What is free where `path` is or will be.

    :raises OSError: nothing of it exists.
    """
    return shutil.disk_usage(existing(path)).free

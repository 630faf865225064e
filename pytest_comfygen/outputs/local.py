"""What lies in `.comfygen/` is this machine's own, and a link in it is not: a branch can bring one along."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from pytest_comfygen.settings import LOCAL

__all__ = ["is_run", "link_in", "link_on_the_way"]

_RUN = re.compile(r"[0-9a-f]{16}")
_JUNCTION = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)  # Windows has them, and they need no rights


def is_run(name: str) -> bool:
    """Whether a file or folder is named after a run of ours, so that it may be removed with what is in it."""
    return _RUN.fullmatch(name) is not None


def link_on_the_way(path: Path) -> Path | None:
    """The first link on the way to `path` from its `.comfygen/`, both counted; None elsewhere, too."""
    parts = path.parts
    if LOCAL not in parts:
        return None
    first = len(parts) - parts[::-1].index(LOCAL)
    way = (os.path.join(*parts[:end]) for end in range(first, len(parts) + 1))  # noqa: PTH118  # often for each image
    return next((Path(one) for one in way if _is_link(one)), None)


def link_in(directory: Path) -> Path | None:
    """A link that lies in `directory`: whatever is written by its name goes elsewhere."""
    with os.scandir(directory) as entries:
        names = sorted(entry.name for entry in entries)
    return next((one for one in map(directory.joinpath, names) if _is_link(one)), None)


def _is_link(path: str | Path) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) == (_JUNCTION or -1)

"""Temporary files that lie beside images and that no note knows: a power cut or an emptied `.comfygen/` left them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pytest_comfygen.outputs.atomic import TEMP_SUFFIX

__all__ = ["Strays"]

_STRAY_AFTER_S = 3600
_STRAY = re.compile(rf"\.(?P<name>.+)\.\d+-[0-9a-f]{{8}}{re.escape(TEMP_SUFFIX)}", re.DOTALL)


class Strays:
    """The strays of one repository.

    A directory is looked through once: with as many looks as images in it, ten thousand of them would cost minutes.

    :param now: the wall clock, as files' times are.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._looked_through: set[Path] = set()
        self._found: dict[Path, list[Path]] = {}

    def sweep(self, output: Path) -> None:
        """Remove the old strays of one output, which is about to be written; its directory is there."""
        if output.parent not in self._looked_through:
            self._look_through(output.parent)
        for temp in self._found.pop(output, ()):
            with suppress(FileNotFoundError):  # another run was quicker
                if self._now() - temp.stat().st_mtime > _STRAY_AFTER_S:
                    temp.unlink()

    def _look_through(self, directory: Path) -> None:
        with os.scandir(directory) as entries:
            for entry in entries:
                if stray := _STRAY.fullmatch(entry.name):
                    self._found.setdefault(directory / stray["name"], []).append(directory / entry.name)
        self._looked_through.add(directory)

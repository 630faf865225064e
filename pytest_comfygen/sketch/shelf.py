"""Which checkpoints are there: some by name, some as files, looked for anew each time, as ComfyUI does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_comfygen.sketch.catalogue import WEIGHTS_SUFFIXES, node_classes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_comfygen.sketch.catalogue import Catalogue
    from pytest_comfygen.sketch.files import Folders


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The checkpoints of a server.

    :param names: listed whatever there is.
    :param directories: the weights files in them are listed, by their paths below them.
    :param any_model: accept other model names, too.
    :param folders: where pictures to load are; None to take every name for one that is there.
    """

    names: tuple[str, ...] = ()
    directories: tuple[Path, ...] = ()
    any_model: bool = False
    folders: Folders | None = None

    def checkpoints(self) -> list[str]:
        """The names that are listed now."""
        return sorted({*self.names, *(name for directory in self.directories for name in _weights_below(directory))})

    def nodes(self) -> Catalogue:
        """All node classes by name, with the checkpoints and pictures that are there now."""
        return node_classes(self.checkpoints(), any_model=self.any_model, folders=self.folders)


def _weights_below(directory: Path) -> Iterator[str]:
    """Links are followed, `.git` is left out. Source: ComfyUI 0.3.64 folder_paths.py, recursive_search."""
    for folder, subfolders, files in os.walk(directory, followlinks=True):
        subfolders[:] = [name for name in subfolders if name != ".git"]
        for name in files:
            if name.lower().endswith(WEIGHTS_SUFFIXES):
                yield os.path.relpath(Path(folder, name), directory)

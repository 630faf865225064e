"""Which images a `--comfy-update all` was to make and has made, so that one that was interrupted can go on.

Each such run has a file: its first line is the selection, each further line an image that was made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from pytest_comfygen.outputs.local import is_run, link_on_the_way

__all__ = ["Remade"]


class Remade:
    """The runs that make all their images anew and have not come to their end.

    :param directory: of their files.
    :param run: what tells this run from others.
    """

    def __init__(self, directory: Path, run: str) -> None:
        self._directory = directory
        self._file = directory / f"{run}.txt"
        self._selections: dict[Path, frozenset[str]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to go on with."""
        return next(self._files(), None) is None

    def before(self) -> frozenset[str]:
        """What has been made already."""
        return frozenset[str]().union(*(made for _, _, made in self._runs()))

    def begin(self, selection: Iterable[str]) -> None:
        """Make a note of what this run is to make; earlier runs that were to make some of it are forgotten."""
        wanted = frozenset(selection)
        for file, others, _ in self._runs():
            if file != self._file and wanted & others:
                file.unlink(missing_ok=True)
        with suppress(OSError), self._file.open("x", encoding="utf-8") as lines:  # another worker may have been quicker
            lines.write(f"{json.dumps(sorted(wanted))}\n")
        self._selections = {}

    def add(self, output: str) -> None:
        """An image was made; where that cannot be written, going on makes it once more."""
        if not self._selections:
            self._selections = {file: selection for file, selection, _ in self._runs()}
        for file, selection in self._selections.items():
            with suppress(OSError):
                if output in selection:
                    with file.open("a", encoding="utf-8") as lines:
                        lines.write(f"{output}\n")

    def end(self) -> None:
        """Forget the runs of which all images are made."""
        for file, selection, made in list(self._runs()):
            if selection <= made:
                file.unlink(missing_ok=True)

    def _runs(self) -> Iterator[tuple[Path, frozenset[str], frozenset[str]]]:
        """Each run's file, what it was to make, and what was made."""
        for file in self._files():
            with suppress(OSError, ValueError):
                first, _, rest = file.read_text(encoding="utf-8", errors="replace").partition("\n")
                yield file, frozenset(map(str, json.loads(first))), frozenset(rest.splitlines())

    def _files(self) -> Iterator[Path]:
        if link_on_the_way(self._directory) is None:
            found = (file for file in self._directory.glob("*.txt") if is_run(file.stem))
            yield from (file for file in found if not file.is_symlink())

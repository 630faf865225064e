"""Which images a `--comfy-update all` has made, so that one that was interrupted can go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pytest_comfygen.outputs.local import is_run, link_on_the_way

__all__ = ["Remade"]


class Remade:
    """What a run has made so far, in a file that its processes add to.

    :param directory: of all runs' files; only the last run that was not finished is remembered.
    :param run: what tells this run from others.
    """

    def __init__(self, directory: Path, run: str) -> None:
        self._directory = directory
        self._file = directory / f"{run}.txt"
        self._has_begun = False

    def before(self) -> frozenset[str]:
        """What the runs have made that this one goes on with."""
        found: set[str] = set()
        for file in self._files():
            with suppress(OSError):
                found.update(file.read_text(encoding="utf-8", errors="replace").splitlines())
        return frozenset(found)

    def begin(self) -> None:
        """Forget what other runs made."""
        for file in self._files():
            if file != self._file:
                file.unlink(missing_ok=True)

    def add(self, output: str) -> None:
        """An image was made; where that cannot be written, going on makes it once more."""
        with suppress(OSError), self._file.open("a", encoding="utf-8") as lines:
            lines.write(f"{output}\n")

    def _files(self) -> Iterator[Path]:
        if link_on_the_way(self._directory) is None:
            yield from (file for file in self._directory.glob("*.txt") if is_run(file.stem))

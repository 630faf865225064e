"""Pictures that wait for a person to pick one: by their item's output, numbered from 1, on this machine only."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from pytest_comfygen.outputs.atomic import TEMP_SUFFIX, fresh_token, remove, write_atomically
from pytest_comfygen.outputs.guard import Guard
from pytest_comfygen.outputs.kept import is_whole, read_kept, record_beside
from pytest_comfygen.outputs.recordfile import dump
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import ImageRecord, KeptImage

__all__ = ["CANDIDATES", "Candidates"]

CANDIDATES = "candidates"  # the local directory


class Candidates:
    """The candidates of one repository's items.

    :param directory: where they lie; it exists.
    :param root: the repository's top, absolute.
    """

    def __init__(self, directory: Path, root: Path) -> None:
        self._directory = directory
        self._root = root
        self._guard = Guard(root)

    @classmethod
    def of(cls, store: Store, root: Path) -> Candidates:
        """Those of the repository at `root`."""
        return cls(store.local_directory(CANDIDATES), root)

    def folder(self, output: Path) -> Path:
        """Where the candidates of one item lie."""
        return self._directory / output.relative_to(self._root)

    def find(self, output: Path, number: int) -> KeptImage | None:
        """A candidate; None when there is none, or it is damaged."""
        kept = read_kept(self._path(output, number))
        return kept if kept and is_whole(kept) else None

    def put(self, output: Path, found: Sequence[KeptImage]) -> None:
        """Let these be the candidates of an item; the others are forgotten when all of these are written.

        :raises WriteFailed: one cannot be written.
        :raises OutsideRepository: a link is in the way.
        """
        folder = self.folder(output)
        self._guard.refuse_link(folder)
        for number, one in enumerate(found, start=1):
            self._write(output, number, one.data, one.record)
        kept = {self._path(output, number).name for number in range(1, len(found) + 1)}
        kept |= {f"{name}.json" for name in kept}
        ours = re.compile(rf"\d+{re.escape(output.suffix)}(\.json)?|\..*{re.escape(TEMP_SUFFIX)}")
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in kept and ours.fullmatch(path.name):
                remove(path)

    def _write(self, output: Path, number: int, data: bytes, record: ImageRecord) -> None:
        """Lay a candidate aside.

        :raises WriteFailed: it cannot be written.
        :raises OutsideRepository: a link is in the way.
        """
        path = self._path(output, number)
        with self._guard.translated(path):
            self._guard.refuse_link(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            for target, content in ((path, data), (record_beside(path), dump(record).encode())):
                write_atomically(target, content, fresh_token(), time.sleep)

    def _path(self, output: Path, number: int) -> Path:
        return self.folder(output) / f"{number}{output.suffix}"

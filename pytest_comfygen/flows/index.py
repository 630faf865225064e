"""The index of a job file's images, brought to what stands on the disk, or compared with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path

from pytest_comfygen.engine.locks import held
from pytest_comfygen.errors import IndexStale, RecordDamaged
from pytest_comfygen.outputs.index import IndexEntry, index_text, read_index, write_index
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import Index, Job, Size, relative

__all__ = ["Listing"]

_HINT = "the same command with --comfy-update stale writes it"
_LINES = 10


class Listing:
    """The images of one job file, as its index lists them.

    :param jobs: all of the file's, whatever this run has selected.
    :param sizes: of the images that this run has seen, by output, so that their records need not be read again.
    """

    def __init__(self, index: Index, jobs: Sequence[Job], store: Store, sizes: Mapping[Path, Size | None]) -> None:
        self._index = index
        self._jobs = jobs
        self._store = store
        self._sizes = sizes

    def update(self, lock: Path, waiting: Callable[[str], None]) -> None:
        """Write the index, unless it is what it should be.

        :param lock: held meanwhile, so that of several workers the last one lists what all have made.
        :raises ComfygenError: something else stands there, or it cannot be written.
        """
        index = self._index
        with held(lock, "writes the index", waiting):
            text = self._text()
            if read_index(index) != text:
                write_index(index, text)

    def check(self) -> None:
        """Compare the index with the images.

        :raises IndexStale: it is not there, or says something else.
        :raises ComfygenError: something else stands there, or it cannot be read.
        """
        wanted, found = self._text(), read_index(self._index)
        name = relative(self._index.path, self._index.root)
        if found is None:
            raise IndexStale(f"{name}, the index of the images, is missing", where=self._index.where, hint=_HINT)
        if found != wanted:
            changes = unified_diff(found.splitlines(), wanted.splitlines(), lineterm="", n=0)
            told = tuple(line for line in changes if not line.startswith(("---", "+++", "@@")))[:_LINES]
            message = f"{name} does not list the images that there are"
            raise IndexStale(message, where=self._index.where, details=told, hint=_HINT)

    def _text(self) -> str:
        return index_text(self._entries())

    def _entries(self) -> Iterator[IndexEntry]:
        """The images that stand there with their records, in the file's order."""
        for job in self._jobs:
            sizes = (self._sizes[job.output],) if job.output in self._sizes else self._recorded(job)
            if sizes and job.output.is_file():
                file = os.path.relpath(job.output, self._index.path.parent).replace(os.sep, "/")
                yield IndexEntry(job.name, file, *sizes, job.tags)

    def _recorded(self, job: Job) -> tuple[Size | None] | tuple[()]:
        """The size in the image's record, which is None for sound; nothing without a record."""
        try:
            record = self._store.record(job.output)
        except RecordDamaged:
            return ()
        return (record.verified.size,) if record else ()

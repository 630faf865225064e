"""The lists of their images that job files want: written at the end of a run, or else checked."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen.errors import ComfygenError, OutputCollision
from pytest_comfygen.flows.index import Listing
from pytest_comfygen.language.naming import collision_key
from pytest_comfygen.outputs.index import read_index
from pytest_comfygen.plugin.session import session_of
from pytest_comfygen.records import Event, Index, Job, JobFile, Size

if TYPE_CHECKING:
    from pytest_comfygen.outputs.store import Store

__all__ = ["IndexItem", "Indexes"]


class IndexItem(pytest.Item):
    """The index of a job file, as an item of a check."""

    def runtest(self) -> None:
        """Compare it with the images."""
        session_of(self.config).work.indexes.check(self.path)

    def reportinfo(self) -> tuple[Path, None, str]:
        """The job file that wants it."""
        return self.path, None, f"{self.path.name}: {self.name}"


class Indexes:
    """The indexes of all job files that a process of the run has loaded.

    :param store: the outputs of one repository.
    """

    def __init__(self, store: Callable[[Path], Store]) -> None:
        self._store = store
        self._wanted: dict[Path, tuple[Index, tuple[Job, ...]]] = {}
        self._sizes: dict[Path, Size | None] = {}
        self._ran: set[Path] = set()

    def add(self, path: Path, index: Index, job_file: JobFile) -> None:
        """Take in a job file that wants an index.

        :raises JobFileError: something else stands there, or another job file wants it.
        """
        key = collision_key(index.path)
        for other, _ in self._wanted.values():
            if collision_key(other.path) == key and other.where.file != index.where.file:
                raise OutputCollision(f"{index.path.name} is the index of {other.where}, too", where=index.where)
        read_index(index)
        self._wanted[path] = index, job_file.jobs

    def note(self, job: Job, size: Size | None) -> None:
        """Remember that an image of this file has run, and its size, so that its record need not be read again."""
        self._ran.add(job.file)
        self._sizes[job.output] = size

    def check(self, path: Path) -> None:
        """Compare a job file's index with its images.

        :raises ComfygenError: it is not what it should be.
        """
        self._listing(*self._wanted[path]).check()

    def update(self, locks: Callable[[], Path], notify: Callable[[Event], None]) -> None:
        """Bring the indexes of files whose images have run to what stands there; what cannot be written is told."""
        for index, jobs in self._wanted.values():
            if not any(job.file in self._ran for job in jobs[:1]):
                continue
            name = f"index-{sha256(bytes(index.path)).hexdigest()[:16]}"
            try:
                self._listing(index, jobs).update(locks() / name, lambda _: None)
            except ComfygenError as error:
                notify(Event(kind="notice", text=f"the index was not written: {error.at(index.where)}"))

    def _listing(self, index: Index, jobs: tuple[Job, ...]) -> Listing:
        return Listing(index, jobs, self._store(index.root), self._sizes)

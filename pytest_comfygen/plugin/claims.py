"""Which job makes which image, across all job files of a run and, where a record names them, those beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pytest_comfygen.errors import JobFileError, OutputCollision, SourceUnasked
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.language.naming import collision_key
from pytest_comfygen.plugin.asked import is_job_file
from pytest_comfygen.settings import LOCAL

if TYPE_CHECKING:
    from pytest_comfygen.records import ImageRecord, Job

__all__ = ["Claims"]


class Claims:
    """The outputs that jobs make; two jobs never share one."""

    def __init__(self) -> None:
        self._makers: dict[str, Job] = {}
        self._alone: Sequence[Job] = ()  # the jobs of the first file, until somebody asks what they make
        self._files: dict[Path, Sequence[Job] | None] = {}
        self._broken: set[Path] = set()

    def add(self, path: Path, jobs: Sequence[Job]) -> None:
        """Take in the jobs of a file that the run has loaded.

        :raises OutputCollision: another file's job makes one of their outputs.
        """
        if not self._files:
            self._alone = jobs
        elif collisions := self._taken_in(_by_output(jobs)):
            first, rest = collisions[0], collisions[1:]
            raise OutputCollision(first.message, where=first.where, also=rest)
        self._files[path] = jobs

    def clear(self) -> None:
        """Forget the jobs."""
        self._makers.clear()
        self._alone = ()
        self._files.clear()

    def is_claimed(self, output: Path) -> bool:
        """Whether a job of the files that were loaded makes `output`."""
        return collision_key(output) in self._known()

    def is_made_elsewhere(self, job: Job, record: ImageRecord) -> bool:
        """Whether the item that a record names still makes the output of `job`, in another file; one that is broken
        makes nothing.
        """
        path = _job_file_named(record, job.root)
        is_other = path != job.file and self.names_a_maker(record, job.root, job.output)
        return is_other and path not in self._broken

    def names_a_maker(self, record: ImageRecord, root: Path, output: Path) -> bool:
        """Whether the job file that a record names may have a job that makes `output`, loaded or not."""
        path = _job_file_named(record, root)
        if path is None or not path.is_file():
            return False
        if path not in self._files:
            self._files[path] = self._jobs_of(path, root)
        jobs, key = self._files[path], collision_key(output)
        return jobs is None or any(collision_key(one.output) == key for one in jobs)

    def _known(self) -> dict[str, Job]:
        """Who makes each output; a run of one file, as most are, need not know before it is asked."""
        if self._alone:
            self._makers |= _by_output(self._alone)
            self._alone = ()
        return self._makers

    def _taken_in(self, claims: Mapping[str, Job]) -> tuple[OutputCollision, ...]:
        """Take in what jobs make, unless another file's jobs make some of it: these are the collisions."""
        makers = self._known()
        taken = (key for key in claims if key in makers and makers[key].file != claims[key].file)
        collisions = tuple(_collision(claims[key], makers[key]) for key in taken)
        if not collisions:
            makers |= claims
        return collisions

    def _jobs_of(self, path: Path, root: Path) -> Sequence[Job] | None:
        """The jobs of a file that this run did not ask for; None when nobody can tell: it is broken, or has hooks."""
        try:
            return load_job_file(path, root).jobs
        except SourceUnasked:
            return None
        except JobFileError:
            self._broken.add(path)
            return None


def _by_output(jobs: Sequence[Job]) -> dict[str, Job]:
    return {collision_key(job.output): job for job in jobs}


def _collision(job: Job, other: Job) -> OutputCollision:
    message = f"{job.name} writes {job.output_name}, and so does {other.name} at {other.where}"
    return OutputCollision(message, where=job.where)


def _job_file_named(record: ImageRecord, root: Path) -> Path | None:
    """The job file that a record names, unless it names something else: a record comes from git, also a stranger's."""
    name = PurePosixPath(record.job)
    if (
        name.is_absolute()
        or ".." in name.parts
        or "\\" in record.job
        or ":" in record.job
        or name.parts[:1] == (LOCAL,)  # a quick picture belongs to nobody
        or not is_job_file(name.name)
    ):
        return None
    return root / name

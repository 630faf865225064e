"""The jobs of one file, and what only becomes visible among several: equal names and equal outputs."""

from __future__ import annotations

from pytest_comfygen.errors import DuplicateName, EmptyFile, JobFileError, OutputCollision, TooLarge, Where
from pytest_comfygen.language import naming
from pytest_comfygen.language.drafts import Draft
from pytest_comfygen.language.item import build_job
from pytest_comfygen.language.problems import first_of
from pytest_comfygen.language.schema import MAX_ITEMS
from pytest_comfygen.language.surroundings import Surroundings
from pytest_comfygen.records import Job, relative

__all__ = ["Gathered"]

MAX_MISTAKES = 1000


class Gathered:
    """Takes one draft after the other; mistakes are kept until the end, so that they are told together."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._shown = relative(around.file, around.root)
        self._jobs: list[Job] = []
        self._errors: list[JobFileError] = []
        self._names: dict[str, Where] = {}
        self._first_by_output: dict[str, Job] = {}

    def add(self, draft: Draft | JobFileError) -> None:
        """Take a draft, or the mistake that stands in its place.

        :raises JobFileError: too-large, or a thousand mistakes, at once.
        """
        if isinstance(draft, JobFileError):
            self._keep(draft)
            return
        if len(self._names) == MAX_ITEMS:
            hint = "split the file, or take fewer rows with `where:` or `limit:`"
            raise TooLarge(f"the file makes more than {MAX_ITEMS:,} images", where=draft.where, hint=hint)
        try:
            if self._names.setdefault(draft.name, draft.where) is not draft.where:
                raise _duplicate(draft, self._names[draft.name])
            job = build_job(draft, self._around)
            first = self._first_by_output.setdefault(naming.collision_key(job.output), job)
            if first is not job:
                raise _collision(first, job)
            self._jobs.append(job)
        except JobFileError as error:
            self._keep(self._for_item(error, draft))

    def jobs(self, empty: Where | None) -> tuple[Job, ...]:
        """The jobs.

        :param empty: where to say that there are none.
        :raises JobFileError: the first mistake by place, with the others in `also`.
        """
        if self._errors:
            raise first_of(self._errors)
        if not self._jobs:
            raise EmptyFile("the file makes no image", where=empty)
        return tuple(self._jobs)

    def _for_item(self, error: JobFileError, draft: Draft) -> JobFileError:
        """The error with the item that it was found for, when its place does not say so.

        A row may stand elsewhere than what is wrong; and one place of the job file may make many items.
        """
        is_of_many = bool(draft.variables) and draft.where.file == self._shown
        if error.where is None or error.details or (error.where.file == draft.where.file and not is_of_many):
            return error
        told = f"found for {draft.name} at {draft.where}"
        return type(error)(error.message, where=error.where, hint=error.hint, details=(told,), also=error.also)

    def _keep(self, error: JobFileError) -> None:
        self._errors.append(error)
        self._errors += [other for other in error.also if isinstance(other, JobFileError)]
        if len(self._errors) >= MAX_MISTAKES:
            raise first_of(self._errors)


def _collision(first: Job, job: Job) -> OutputCollision:
    same = "the same file" if first.output == job.output else "a file that differs only in case or accents"
    message = f"{job.name!r} writes {job.output_name}, and {first.name!r} at {first.where} writes {same}"
    return OutputCollision(message, where=job.where)


def _duplicate(draft: Draft, first: Where) -> DuplicateName:
    if first == draft.where:
        hint = "let every axis stand in `name:`, or a column that no two rows share, as `${…}`"
        where = draft.places.get("name", first)
        return DuplicateName(f"{draft.name!r} is the name of two combinations or rows", where=where, hint=hint)
    return DuplicateName(f"{draft.name!r} is the name of an item at {first}, too", where=draft.where)

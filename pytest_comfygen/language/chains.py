"""Items that are made from what other items make: each knows the other's file, and comes after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from pytest_comfygen.errors import ItemCycle, JobFileError, UnknownItem
from pytest_comfygen.language.problems import first_of
from pytest_comfygen.records import InputImage, Job

__all__ = ["inputs_of", "items_of", "linked"]

MAX_CHAIN = 100


def inputs_of(job: Job) -> Mapping[str, InputImage]:
    """The pictures that a job is made from, by the key that names each."""
    return job.recipe.inputs


def items_of(job: Job) -> tuple[str, ...]:
    """The items that a job is made from or compared with."""
    return tuple(item for _, item in _items_of(job)) if _comes_after_items(job) else ()


def linked(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """The jobs of a file with the files of the items that they are made from.

    They stay in their order, except that none comes before one that it is made from.

    :raises JobFileError: unknown-item, item-cycle.
    """
    if not any(map(_comes_after_items, jobs)):
        return tuple(jobs)
    makers = {job.output: job.name for job in jobs}
    jobs = [_with_items(job, makers) for job in jobs]
    by_name = {job.name: job for job in jobs}
    errors: list[JobFileError] = []
    for job in jobs:
        errors += [_unknown(job, key, name, by_name) for key, name in _items_of(job) if name not in by_name]
    if errors:
        raise first_of(errors)
    return tuple(_with_files(job, by_name) for job in _in_order(jobs, by_name))


def _comes_after_items(job: Job) -> bool:
    """Whether a job may be made from items, or is compared with one."""
    return job.recipe.has_inputs or job.checks.similar_to is not None


def _items_of(job: Job) -> Iterator[tuple[str, str]]:
    """The items that a job is made from or compared with, by the key that names each."""
    yield from ((key, image.item) for key, image in inputs_of(job).items() if image.item is not None)
    if job.checks.similar_to is not None and job.checks.similar_to.item is not None:
        yield "verify.similar_to", job.checks.similar_to.item


def _with_items(job: Job, makers: Mapping[Path, str]) -> Job:
    """The job with an item in the place of each file that an item makes."""
    return _with_inputs(job, lambda image: replace(image, item=image.item or makers.get(image.file)))


def _with_files(job: Job, by_name: Mapping[str, Job]) -> Job:
    def found(image: InputImage) -> InputImage:
        return image if image.item is None else replace(image, file=by_name[image.item].output)

    likeness = job.checks.similar_to
    if likeness is not None and likeness.item is not None:
        likeness = replace(likeness, file=by_name[likeness.item].output)
        job = replace(job, checks=replace(job.checks, similar_to=likeness))
    return _with_inputs(job, found)


def _with_inputs(job: Job, change: Callable[[InputImage], InputImage]) -> Job:
    return replace(job, recipe=job.recipe.with_inputs(change)) if job.recipe.has_inputs else job


def _in_order(jobs: Sequence[Job], by_name: Mapping[str, Job]) -> Iterator[Job]:
    """Each job after those that it is made from; a walk without recursion, since a chain may be long."""
    done: dict[str, int] = {}  # to the length of the chain up to each
    for start in jobs:
        path: dict[str, Iterator[tuple[str, str]]] = {}
        waiting = [] if start.name in done else [start.name]
        while waiting:
            name = waiting[-1]
            needs = path.setdefault(name, _items_of(by_name[name]))
            key, needed = next(((key, one) for key, one in needs if one not in done), ("", None))
            if needed is None:
                done[name] = 1 + max((done[one] for _, one in _items_of(by_name[name])), default=0)
                if done[name] > MAX_CHAIN:
                    raise _too_long(by_name[name])
                waiting.pop()
                del path[name]
                yield by_name[name]
            elif needed in path:
                raise _cycle(by_name[name], key, waiting[waiting.index(needed) :])
            else:
                waiting.append(needed)


def _too_long(job: Job) -> ItemCycle:
    told = f"{job.name!r} is made from more than {MAX_CHAIN} items, one after the other"
    return ItemCycle(told, where=job.where, hint="begin with a picture of the repository somewhere in between")


def _cycle(job: Job, key: str, names: Sequence[str]) -> ItemCycle:
    around = " → ".join((*names, names[0]))
    told = f"{job.name!r} is made from itself" if len(names) == 1 else f"the items are made from each other: {around}"
    return ItemCycle(told, where=job.place(f"{key}.item"))


def _unknown(job: Job, key: str, name: str, known: Mapping[str, Job]) -> UnknownItem:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "name an item of this file, or the path of a picture"
    return UnknownItem(f"no item of this file is called {name[:60]!r}", where=job.place(f"{key}.item"), hint=hint)

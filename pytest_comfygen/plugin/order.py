"""The order in which images are made: what loads the same models together, and nothing before what it is made from.

ComfyUI keeps the models of the last job. Two checkpoints that take turns are loaded anew for every image, which takes
longer than many a picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_comfygen.flows.loading import loads_of
from pytest_comfygen.language.chains import items_of
from pytest_comfygen.plugin.collect import ComfyItem
from pytest_comfygen.plugin.session import Session

if TYPE_CHECKING:
    import pytest

__all__ = ["arrange"]

Ranks = dict[tuple[object, ...], int]


def arrange(items: list[pytest.Item], images: list[ComfyItem], session: Session, *, only_listed: bool) -> None:
    """Bring the images, at the places that they have among `items`, into the order in which they are made.

    Where somebody was told another order than that of the job files, such as a plugin that shuffles, it stays.

    :param only_listed: nothing is made, and who reads the list looks for the order of the files.
    """
    ordered = images
    if not (only_listed or session.settings.makes_nothing) and _are_as_collected(images):
        ordered = _by_what_is_loaded(images, session.work.chained_files)
    for file in session.work.chained_files:
        ordered = _after_what_they_are_made_from(ordered, file)
    if ordered is not images:
        places, turns = set(images), iter(ordered)
        items[:] = [next(turns) if item in places else item for item in items]


def _are_as_collected(images: Sequence[ComfyItem]) -> bool:
    return all(one.place < following.place for one, following in pairwise(images))


# --- models ----------------------------------------------------------------------------------------------------------


def _by_what_is_loaded(images: list[ComfyItem], chained: set[Path]) -> list[ComfyItem]:
    """Images that need the same together, in the order in which the first of each kind comes."""
    levels = _levels(images, chained) if chained else {}
    ranks: Ranks = {}
    known: dict[tuple[int, int], tuple[int, ...]] = {}  # items share what they have in common
    keys: dict[ComfyItem, tuple[int, ...]] = {}
    for image in images:
        job = image.job
        same = (id(job.recipe), id(job.server))
        if same not in known:
            known[same] = tuple(_ranked(ranks, (job.server.urls, job.server.args, *loads_of(job))))
        keys[image] = (levels.get(image, 0), *known[same])
    if len(set(keys.values())) == 1:
        return images
    return sorted(images, key=keys.__getitem__)


def _ranked(ranks: Ranks, parts: Iterable[object]) -> Iterator[int]:
    """The place of each part among those that came with the same parts before it."""
    prefix: tuple[object, ...] = ()
    for part in parts:
        prefix = (*prefix, part)
        yield ranks.setdefault(prefix, len(ranks))


# --- chains ----------------------------------------------------------------------------------------------------------


def _levels(images: Sequence[ComfyItem], chained: set[Path]) -> dict[ComfyItem, int]:
    """How many images come before one at least, each made from the one before it."""
    levels: dict[ComfyItem, int] = {}
    named: dict[tuple[Path, str], int] = {}
    for image in images:  # as collected: none comes before what it is made from
        job = image.job
        if job.file in chained:
            before = (named[job.file, name] for name in items_of(job) if (job.file, name) in named)
            levels[image] = named[job.file, job.name] = max(before, default=-1) + 1
    return levels


def _after_what_they_are_made_from(images: list[ComfyItem], file: Path) -> list[ComfyItem]:
    """The images with those of one file in an order in which none comes before what it is made from.

    A plugin that shuffles does not know of it, and a worker that waits for an image further down waits in vain.
    """
    members = [image for image in images if image.job.file == file]
    if _is_in_order(members):
        return images
    sorted_members = iter(sorted(members, key=lambda image: image.number))
    return [next(sorted_members) if image.job.file == file else image for image in images]


def _is_in_order(members: Sequence[ComfyItem]) -> bool:
    awaited = {image.job.name for image in members}
    for image in members:
        if not awaited.isdisjoint(items_of(image.job)):
            return False
        awaited.discard(image.job.name)
    return True

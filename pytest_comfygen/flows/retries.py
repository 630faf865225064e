"""A picture that fails its checks is made again with the next seed, where the job allows for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from pytest_comfygen.errors import PictureRefused
from pytest_comfygen.language.graph import build_graph
from pytest_comfygen.records import Event, ImageRecord, Job

__all__ = ["kept_seed", "persevere"]

_SEEDS = 2**64

ResultT = TypeVar("ResultT")


def kept_seed(job: Job, record: ImageRecord | None, seed: int) -> int:
    """The seed to go on with: that of the record when a retry has found it, else `seed`."""
    if record is None or record.seed is None or not job.retries:
        return seed
    return record.seed if (record.seed - seed) % _SEEDS <= job.retries else seed


def persevere(job: Job, seed: int, attempt: Callable[[int], ResultT], notify: Callable[[Event], None]) -> ResultT:
    """Do `attempt` with a seed, and with the next ones as long as its picture is refused and retries are left.

    :param job: with the graph as it is sent.
    :raises PictureRefused: of the last attempt.
    """
    seeds = iter(_seeds(job, seed))
    tried, following = seed, next(seeds, None)
    while True:
        try:
            return attempt(tried)
        except PictureRefused as refusal:
            if following is None:
                raise _told(refusal, seed, tried) from None
            text = f"{refusal.message}; it is made again with seed {following}"
            notify(Event(kind="notice", job=job.id, text=text))
        tried, following = following, next(seeds, None)


def _seeds(job: Job, first: int) -> Iterator[int]:
    """The further seeds; none where the graph does not use them."""
    if job.retries and build_graph(job, first, "") != build_graph(job, (first + 1) % _SEEDS, ""):
        yield from ((first + number) % _SEEDS for number in range(1, job.retries + 1))


def _told(refusal: PictureRefused, first: int, last: int) -> PictureRefused:
    if first == last:
        return refusal
    count = (last - first) % _SEEDS + 1
    details = (*refusal.details, f"so did {count - 1} before it: seeds {first} to {last} were tried")
    return PictureRefused(refusal.message, where=refusal.where, hint=refusal.hint, details=details)

"""The baseline that a picture must be like: which one it is, and its bytes where it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_comfygen.errors import InputMissing, MetricsMissing
from pytest_comfygen.flows.inputs import missing
from pytest_comfygen.flows.media import media_missing
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import Checks, InputImage, Inspection, Job, relative

if TYPE_CHECKING:
    from pytest_comfygen.flows.plan import Plan

__all__ = ["awaited", "examine", "with_baseline"]

_KEY = "verify.similar_to"


def with_baseline(job: Job, store: Store) -> Job:
    """The job with the hash of its baseline among its check settings, so that another baseline is another check.

    :raises InputMissing: it is not there, and no item makes it.
    """
    likeness = job.checks.similar_to
    if likeness is None:
        return job
    seen = store.look(likeness.file)
    if not seen.exists and likeness.item is None:
        raise missing(job, _KEY, InputImage(likeness.file, likeness.item))
    found = replace(likeness, sha256=seen.lfs_oid or seen.sha256)
    return replace(job, checks=replace(job.checks, similar_to=found))


def awaited(
    job: Job, store: Store, plan_of: Callable[[Job, str], Plan], *, is_to_be_made: bool = False
) -> Mapping[str, Plan]:
    """The plan of the item that makes the baseline of `job`, where it has to come first.

    :param is_to_be_made: the picture of `job` is made anew, so it is compared with what the baseline will be.
    """
    likeness = job.checks.similar_to
    if likeness is None or likeness.item is None or (not is_to_be_made and store.look(likeness.file).exists):
        return {}
    plan = plan_of(job, likeness.item)
    return {} if plan.is_current else {likeness.item: plan}


def examine(data: bytes, job: Job, store: Store, checks: Checks | None = None) -> Inspection:
    """Decode, measure and judge a picture of `job`, with its baseline at hand.

    :param checks: instead of the job's.
    :raises InputMissing: the baseline is a Git LFS pointer.
    :raises MediaMissing: it takes PyAV, which is not installed.
    :raises MetricsMissing: numpy is wanted and is not installed.
    """
    from pytest_comfygen.verify.image import inspect  # noqa: PLC0415  # where all is current, nothing is decoded

    if missing_media := media_missing(job):
        raise missing_media
    try:
        return inspect(data, checks or job.checks, _read_baseline(job, store))
    except MetricsMissing as error:
        raise error.at(job.place(_KEY)) from None


def _read_baseline(job: Job, store: Store) -> bytes | None:
    """The baseline's bytes; None for a job without one, and for one that an item has yet to make."""
    likeness = job.checks.similar_to
    if likeness is None:
        return None
    seen = store.look(likeness.file)
    if not seen.exists and likeness.item is not None:
        return None
    if seen.lfs_oid is not None:
        told = f"{relative(likeness.file, job.root)} is a Git LFS pointer, not an image"
        raise InputMissing(told, where=job.place(_KEY), hint="git lfs pull")
    return store.read(likeness.file)

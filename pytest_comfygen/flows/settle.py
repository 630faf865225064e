"""Items that need no server: their image stays as it is, and at most its record is written."""

from __future__ import annotations

from dataclasses import replace

from pluggy import HookRelay

from pytest_comfygen.flows.plan import ADOPTED, Plan
from pytest_comfygen.language.graph import family, recipe_number
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import ImageRecord, Inspection, Job, JobResult, Verified, relative
from pytest_comfygen.verify.checks import settings_hash

__all__ = ["can_be_made_again", "settle", "verified"]


def settle(plan: Plan, store: Store, hooks: HookRelay) -> JobResult:
    """End an item that needs no server.

    :param hooks: users' own checks, for a picture that takes its place.
    :raises AssetError: what the plan refuses.
    """
    job = plan.job
    match plan.action:
        case "adopt":
            return _adopt(plan, store)
        case "refresh":
            return _refresh(plan, store)
        case "restore":
            from pytest_comfygen.flows.restore import restore  # noqa: PLC0415  # loaded when it was found

            return restore(plan, store, hooks)
        case "choose":
            return JobResult(outcome="unpicked", path=job.output, reasons=plan.reasons)
        case "keep":
            return JobResult(outcome="current", path=job.output, record=plan.record, uncompared=plan.uncompared)
        case "planned":
            return JobResult(outcome="planned", path=job.output, reasons=plan.reasons)
    if plan.problem is None:
        msg = f"nothing says what to do for {job.id}"
        raise AssertionError(msg)
    raise plan.problem


def can_be_made_again(plan: Plan) -> bool:
    """Whether what stands at the output, if anything, was made by a job: nothing that a person brought or edited, and
    nothing that broke.
    """
    record = plan.record
    if record is None or not plan.seen.exists:
        return not plan.seen.exists
    return record.encoding != ADOPTED and plan.seen.sha256 == record.file_sha256


def verified(job: Job, inspection: Inspection) -> Verified:
    """That an inspected picture passed the checks of `job`."""
    if inspection.statistics is None and inspection.media is None:
        msg = f"a picture of {job.id} passed its checks without being decoded"
        raise AssertionError(msg)
    return Verified(settings_hash(job.checks), inspection.statistics, inspection.media)


def _adopt(plan: Plan, store: Store) -> JobResult:
    """Record the image that stands there as what its job made."""
    inspection = _passed(plan.inspection)
    record = ImageRecord(
        job=relative(plan.job.file, plan.job.root),
        item=plan.job.name,
        fingerprint=plan.fingerprint,
        seed=plan.seed,
        family=family(plan.job),
        recipe=recipe_number(plan.job),
        graph_sha256=None,
        comfyui={},
        file_sha256=plan.seen.sha256 or "",
        pixels_sha256=inspection.pixels_sha256 or "",
        source_sha256=None,
        encoding=ADOPTED,
        verified=verified(plan.job, inspection),
        rerolled=plan.rerolled,
    )
    store.write_record(plan.job.output, record)
    return JobResult(outcome="adopted", path=plan.job.output, record=record, uncompared=plan.uncompared)


def _refresh(plan: Plan, store: Store) -> JobResult:
    """Write down what was accepted about an image that stays: its bytes were optimised, or its checks changed."""
    record, inspection = plan.record, _passed(plan.inspection)
    if record is None or plan.seen.sha256 is None:
        msg = f"nothing to refresh for {plan.job.id}"
        raise AssertionError(msg)
    record = replace(record, file_sha256=plan.seen.sha256, verified=verified(plan.job, inspection))
    store.write_record(plan.job.output, record)
    return JobResult(outcome="current", path=plan.job.output, record=record, uncompared=plan.uncompared)


def _passed(inspection: Inspection | None) -> Inspection:
    if inspection is None:
        msg = "the plan accepted a file that it never looked at"
        raise AssertionError(msg)
    return inspection

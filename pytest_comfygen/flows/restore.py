"""An image that was made from the same things before: found on this machine and put in its place without a server."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from hashlib import sha256
from typing import get_args

from pytest_comfygen.errors import AssetError
from pytest_comfygen.flows.fingerprint import compare
from pytest_comfygen.flows.plan import Plan, can_be_made_again
from pytest_comfygen.language.graph import recipe_number
from pytest_comfygen.outputs.imagecache import ImageCache
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import Fingerprint, ImageRecord, Job, JobResult, Part, relative
from pytest_comfygen.verify.checks import settings_hash

__all__ = ["keep", "restorable", "restore"]


def restorable(plan: Plan, cache: ImageCache) -> Plan:
    """The plan, with the image that was made of its fingerprint before, if one is kept and passed the same checks."""
    is_wanted_anew = any(reason.kind == "asked" for reason in plan.reasons)
    if plan.action != "make" or is_wanted_anew or plan.waits_for:
        return plan
    kept = cache.find(_key(plan.job, plan.fingerprint))
    if kept is None or kept.record.verified.settings != settings_hash(plan.job.checks):
        return plan
    changed, _ = compare(kept.record.fingerprint, plan.fingerprint, get_args(Part))
    return plan if changed else replace(plan, action="restore", kept=kept)


def restore(plan: Plan, store: Store) -> JobResult:
    """Put the kept image in its place.

    :raises AssetError: the output was changed meanwhile, or cannot be written.
    """
    job, kept = plan.job, plan.kept
    if kept is None:
        msg = f"nothing is kept for {job.id}"
        raise AssertionError(msg)
    record = replace(kept.record, job=relative(job.file, job.root), item=job.name, rerolled=plan.rerolled)
    try:
        if not can_be_made_again(plan):
            store.trash(job.output)
        store.publish(store.stage(job.output, kept.data), record, plan.seen)
    except AssetError as error:
        raise error.at(job.where) from None
    return JobResult(outcome="restored", path=job.output, record=record, reasons=plan.reasons)


def keep(job: Job, record: ImageRecord, cache: ImageCache, store: Store) -> None:
    """Keep an image that was just made; placeholders are not worth it."""
    if not record.comfyui.get("sketch"):
        cache.keep(_key(job, record.fingerprint), store.read(job.output), record)


def _key(job: Job, fingerprint: Fingerprint) -> str:
    """What an image is made of and written as, in one word; without models' hashes, which are not known everywhere."""
    models = {key: value for key, value in fingerprint.models.items() if not key.endswith("sha256")}
    made_of = asdict(fingerprint) | {"models": models, "format": job.format, "metadata": job.keep_metadata}
    made_of["recipe"] = recipe_number(job)
    return sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

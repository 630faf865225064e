"""An image that was made from the same things before: found on this machine and put in its place without a server."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from pluggy import HookRelay

from pytest_comfygen.errors import AssetError
from pytest_comfygen.flows.fingerprint import compare
from pytest_comfygen.flows.plan import Plan
from pytest_comfygen.flows.settle import can_be_made_again
from pytest_comfygen.flows.verdicts import failing_of, refusal, users_findings
from pytest_comfygen.language.graph import recipe_number
from pytest_comfygen.outputs.imagecache import ImageCache
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import PARTS, Finding, Fingerprint, ImageRecord, Job, JobResult, KeptImage, relative
from pytest_comfygen.verify.checks import settings_hash

__all__ = ["fits", "is_sound", "keep", "restorable", "restore"]


def restorable(plan: Plan, cache: ImageCache) -> Plan:
    """The plan, with the image that was made of its fingerprint before, if one is kept and passed the same checks."""
    is_wanted_anew = any(reason.kind == "asked" for reason in plan.reasons)
    if plan.action != "make" or is_wanted_anew or plan.waits_for:
        return plan
    kept = cache.find(_key(plan.job, plan.fingerprint))
    if kept is None or not fits(kept, plan.job, plan.fingerprint) or not is_sound(kept, plan.job):
        return plan
    return replace(plan, action="restore", kept=kept)


def fits(kept: KeptImage, job: Job, fingerprint: Fingerprint) -> bool:
    """Whether an image was made of what the fingerprint says, and passed the checks that the job has now."""
    if kept.record.verified.settings != settings_hash(job.checks):
        return False
    changed, _ = compare(kept.record.fingerprint, fingerprint, PARTS)
    return not changed


def is_sound(kept: KeptImage, job: Job) -> bool:
    """Whether an image passes its checks now, and shows what its record says: nobody knows who wrote the files."""
    from pytest_comfygen.verify.image import inspect  # noqa: PLC0415  # few runs have an image to put back

    found = inspect(kept.data, job.checks)
    return not found.errors and found.pixels_sha256 == kept.record.pixels_sha256


def restore(plan: Plan, store: Store, hooks: HookRelay) -> JobResult:
    """Put the kept image in its place.

    :param hooks: users' own checks.
    :raises PictureRefused: one of them finds an error.
    :raises AssetError: the output was changed meanwhile, or cannot be written.
    """
    job, kept = plan.job, plan.kept
    if kept is None:
        msg = f"nothing is kept for {job.id}"
        raise AssertionError(msg)
    record = replace(kept.record, job=relative(job.file, job.root), item=job.name, rerolled=plan.rerolled)
    try:
        staged = store.stage(job.output, kept.data)
        with store.discarding(staged):
            warnings = _asked(job, staged.path, hooks)
            if not can_be_made_again(plan):
                store.trash(job.output)
            store.publish(staged, record, plan.seen)
    except AssetError as error:
        raise error.at(job.where) from None
    return JobResult(outcome="restored", path=job.output, record=record, reasons=plan.reasons, warnings=warnings)


def _asked(job: Job, path: Path, hooks: HookRelay) -> tuple[Finding, ...]:
    """What users' own checks say, unless it is an error."""
    found = users_findings(job, path, hooks)
    if failing := failing_of(found):
        raise refusal(job, "kept", failing, hint="--comfy-update all makes another one")
    return found


def keep(job: Job, record: ImageRecord, cache: ImageCache, store: Store) -> None:
    """Keep an image that was just made; placeholders are not worth it."""
    if not record.comfyui.get("sketch"):
        cache.keep(_key(job, record.fingerprint), store.read(job.output), record)


def _key(job: Job, fingerprint: Fingerprint) -> str:
    """What an image is made of and written as, in one word; without models' hashes, which are not known everywhere."""
    models = {key: value for key, value in fingerprint.models.items() if not key.endswith("sha256")}
    made_of: dict[str, object] = {part: fingerprint.part(part) for part in PARTS}
    made_of |= {"models": models, "format": job.format, "metadata": job.keep_metadata, "recipe": recipe_number(job)}
    return sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

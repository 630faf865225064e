"""What has to be done for one image, and why, before any server is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_comfygen.errors import (
    AssetError,
    ComfygenError,
    ImageEdited,
    ImageMissing,
    ImageStale,
    ImageUnrecorded,
    JobFileError,
    MediaMissing,
    OwnedByAnother,
    PictureRefused,
    RecordDamaged,
    SeedFixed,
)
from pytest_comfygen.flows.baselines import awaited, examine, with_baseline
from pytest_comfygen.flows.fingerprint import compare, fingerprint_of
from pytest_comfygen.flows.inputs import look_at_inputs
from pytest_comfygen.flows.media import media_missing
from pytest_comfygen.flows.retries import kept_seed
from pytest_comfygen.language.seeds import seed_from_nonce
from pytest_comfygen.outputs.report import finding_rows, reason_lines
from pytest_comfygen.outputs.store import OnDisk, Store
from pytest_comfygen.records import (
    Finding,
    Fingerprint,
    ImageRecord,
    Inspection,
    Job,
    KeptImage,
    Model,
    PlannedAction,
    Reason,
)
from pytest_comfygen.settings import Settings
from pytest_comfygen.verify.checks import settings_hash
from pytest_comfygen.verify.container import looks_like

__all__ = ["ADOPTED", "Owner", "Plan", "make_plan", "plan_sketch", "seed_for"]

ADOPTED = "adopted"  # the encoding of an image that we did not write
_DAMAGE = frozenset(("truncated", "damaged", "not-an-image"))

# Given the job file and item that a record names, the output that this item has today; None when there is none.
Owner = Callable[[Job, ImageRecord], bool]
Known = Callable[[Model], str | None]
Others = Callable[[Job, str], "Plan"]
Judge = Callable[[Job, Path], tuple[Finding, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do for one image.

    :param action: `make` needs a server; `keep` nothing; `refresh` writes the record of an accepted file; `adopt`
        records a file as it stands; `planned` is a missing image that may be missing; `refuse` raises `problem`.
    :param seen: the output as it was when this was decided; publishing refuses when it has changed since.
    :param inspection: of the file that stands there, where it had to be decoded.
    :param kept: what was made of the same fingerprint before, for `restore`.
    :param rerolled: the seed was drawn on request, now or before.
    :param waits_for: the plans of the items that this picture is made from and that are not current, by item.
    """

    job: Job
    action: PlannedAction
    seed: int
    fingerprint: Fingerprint
    seen: OnDisk
    record: ImageRecord | None = None
    reasons: tuple[Reason, ...] = ()
    uncompared: tuple[str, ...] = ()
    inspection: Inspection | None = None
    problem: ComfygenError | None = None
    rerolled: bool = False
    kept: KeptImage | None = None
    waits_for: Mapping[str, Plan] = field(default_factory=dict)

    @property
    def is_current(self) -> bool:
        """Whether the picture that stands there is what the job says, even if it is to be made again."""
        if self.action != "make":
            return self.action in ("keep", "refresh")
        is_intact = self.record is not None and self.record.file_sha256 in (self.seen.sha256, self.seen.lfs_oid)
        return is_intact and all(reason.kind == "asked" for reason in self.reasons)


def seed_for(job: Job, record: ImageRecord | None, nonce: str, *, reroll: bool = False) -> int:
    """The seed of this run: the job's; or a recorded one that was drawn by chance, or found by a retry; or one from
    the run's nonce.

    :param reroll: draw one, whatever the job's rule and record say; all of a run draw the same.
    """
    is_drawn = job.seed.value is None or (record is not None and record.rerolled and job.seed.rule != "fixed")
    if reroll or (is_drawn and (record is None or record.seed is None)):
        return seed_from_nonce(nonce, job.name)
    if is_drawn and record is not None and record.seed is not None:
        return record.seed
    return kept_seed(job, record, job.seed.value or 0)


def plan_sketch(job: Job, *, nonce: str) -> Plan:
    """Draw it, whatever stands in the repository."""
    return _feasible(_drawn(job, nonce))


def _drawn(job: Job, nonce: str) -> Plan:
    seed = seed_for(job, None, nonce)
    return Plan(job=job, action="make", seed=seed, fingerprint=fingerprint_of(job, seed), seen=OnDisk(exists=False))


def _feasible(plan: Plan) -> Plan:
    """Refuse to make what could not be checked here."""
    missing = media_missing(plan.job) if plan.action == "make" else None
    return _refused(plan, missing) if missing else plan


def make_plan(  # noqa: PLR0913  # what was asked for, and what is known here
    job: Job,
    store: Store,
    settings: Settings,
    *,
    nonce: str,
    owned_elsewhere: Owner,
    sha256_of: Known,
    plan_of: Others,
    score: Judge,
) -> Plan:
    """Decide for one job; heals what a killed run left of this output, and changes nothing else.

    :param nonce: drawn once a run, for `seed: random`.
    :param owned_elsewhere: whether the other item that a record names still has this output.
    :param sha256_of: the hash of a model, None where it cannot be known.
    :param plan_of: the plan of another item of the job's file, which the picture is made from.
    :param score: what the job's external scorer says against a picture.
    """

    def decide() -> Plan:
        return _decide(
            job, store, settings, nonce=nonce, owned_elsewhere=owned_elsewhere, sha256_of=sha256_of, plan_of=plan_of
        )

    try:
        plan = decide()
        is_doubtful = isinstance(plan.problem, ImageEdited | ImageUnrecorded)
        plan = decide() if is_doubtful and store.wait_for_others(job.output) else plan
        if job.checks.scoring is not None:
            plan = _scored(plan, store, settings, score)
        if job.retries and plan.action == "make":
            plan = _from_the_first_seed(plan, sha256_of)
        if job.checks.similar_to and plan.action == "make":
            coming = awaited(plan.job, store, plan_of, is_to_be_made=True)
            plan = replace(plan, waits_for={**plan.waits_for, **coming})
        return _feasible(plan)
    except (AssetError, JobFileError, MediaMissing) as error:
        return _refused(_drawn(job, nonce), error)


def _decide(  # noqa: PLR0913  # as make_plan
    job: Job, store: Store, settings: Settings, *, nonce: str, owned_elsewhere: Owner, sha256_of: Known, plan_of: Others
) -> Plan:
    job = with_baseline(job, store) if job.checks.similar_to else job
    store.heal(job.output)
    seen = store.look(job.output)
    record, damage = _recorded(job, store)
    reroll = settings.reroll and job.status != "approved"
    seed = seed_for(job, record, nonce, reroll=reroll)
    inputs = look_at_inputs(job, store, record, plan_of)
    fingerprint = fingerprint_of(job, seed, sha256_of, inputs.hashes)
    plan = Plan(
        job=job,
        action="keep",
        seed=seed,
        fingerprint=fingerprint,
        seen=seen,
        record=record,
        rerolled=job.seed.rule != "random" and (reroll or (record is not None and record.rerolled)),
        waits_for={**inputs.waits_for, **awaited(job, store, plan_of)} if job.checks.similar_to else inputs.waits_for,
    )
    if reroll and job.seed.rule == "fixed":
        return _refused(plan, _seed_fixed(job))
    if record is not None and _names_another(job, record) and owned_elsewhere(job, record):
        return _refused(plan, _owned_by_another(job, record))
    if not seen.exists:
        return _for_missing(plan, settings)
    if record is None:
        return _for_unrecorded(plan, store, settings, damage)
    return _for_recorded(plan, record, store, settings)


# --- the four states of an output -----------------------------------------------------------------------------------


def _for_missing(plan: Plan, settings: Settings) -> Plan:
    reasons = (Reason("missing"),)
    if settings.adopt:
        return _refused(plan, ImageMissing(f"{plan.job.output_name} is missing, so there is nothing to adopt"))
    if settings.update != "none":
        return replace(plan, action="make", reasons=reasons)
    if plan.job.status == "planned":
        return replace(plan, action="planned", reasons=reasons)
    pick = f"pytest --comfy-pick {plan.job.name}=N, once a run has made its candidates"
    hint = pick if plan.job.candidates > 1 else None
    return _refused(plan, ImageMissing(f"{plan.job.output_name} is missing", hint=hint))


def _for_unrecorded(plan: Plan, store: Store, settings: Settings, damage: RecordDamaged | None) -> Plan:
    if settings.adopt:
        return _adoption(plan, store)
    if settings.overwrite_edited and settings.update != "none":
        return replace(plan, action="make", reasons=(Reason("asked"),))
    unrecorded = ImageUnrecorded(
        f"{plan.job.output_name} has no record of what made it, so it is left alone",
        hint="--comfy-adopt records it as it stands, --comfy-overwrite-edited makes it anew",
    )
    return _refused(plan, damage or unrecorded)


def _for_recorded(plan: Plan, record: ImageRecord, store: Store, settings: Settings) -> Plan:
    if record.file_sha256 in (plan.seen.sha256, plan.seen.lfs_oid):
        return _for_intact(plan, record, store, settings, refresh=False)
    if plan.seen.lfs_oid is not None:
        return _for_edited(plan, store, settings)
    data = store.read(plan.job.output)
    inspection = examine(data, plan.job, store)
    if inspection.pixels_sha256 == record.pixels_sha256:
        return _for_intact(replace(plan, inspection=inspection), record, store, settings, refresh=True)
    if inspection.pixels_sha256 is None and _is_damaged(data, inspection, plan.job):
        return _for_reasons(plan, (Reason("damaged", new=inspection.findings[0].found),), store, settings)
    return _for_edited(plan, store, settings)


def _for_edited(plan: Plan, store: Store, settings: Settings) -> Plan:
    if settings.adopt:
        return _adoption(plan, store)
    if settings.overwrite_edited and settings.update != "none":
        return replace(plan, action="make", reasons=(Reason("asked"),))
    return _refused(
        plan,
        ImageEdited(
            f"{plan.job.output_name} was changed since it was made, so it is left alone",
            hint="--comfy-adopt keeps it as it stands, --comfy-overwrite-edited makes it anew, or take it from git",
        ),
    )


# --- a file that is what its record says ----------------------------------------------------------------------------


def _for_intact(plan: Plan, record: ImageRecord, store: Store, settings: Settings, *, refresh: bool) -> Plan:
    changed, uncompared = compare(record.fingerprint, plan.fingerprint, plan.job.stale_on)
    changed += tuple(Reason("input", "inputs", name) for name in plan.waits_for)
    if settings.reroll and not changed and record.seed != plan.seed:  # `stale_on` need not name the parameters
        changed = (Reason("changed", "params", "seed", record.seed, plan.seed),)
    plan = replace(plan, uncompared=uncompared)
    recheck = refresh or record.verified.settings != settings_hash(plan.job.checks)
    if recheck and plan.seen.lfs_oid is None:
        inspection = plan.inspection or examine(store.read(plan.job.output), plan.job, store)
        plan, refresh = replace(plan, inspection=inspection), True
        changed += tuple(
            Reason("check", key=finding.code, old=finding.found, new=finding.wanted) for finding in inspection.errors
        )
    if changed:
        return _for_reasons(plan, changed, store, settings)
    is_kept = record.encoding == ADOPTED or plan.job.status == "approved"
    if settings.update == "all" and not settings.adopt and not is_kept:
        return replace(plan, action="make", reasons=(Reason("asked"),))
    return replace(plan, action="refresh" if refresh and settings.update != "none" else "keep")


def _scored(plan: Plan, store: Store, settings: Settings, score: Judge) -> Plan:
    """The plan of a picture that its scorer has not seen under these settings, with what it says."""
    if plan.inspection is None or plan.action not in ("keep", "refresh", "adopt"):
        return plan
    known = plan.record.verified.settings if plan.record and plan.action != "adopt" else ""
    if known == settings_hash(plan.job.checks) or not (failing := score(plan.job, plan.job.output)):
        return plan
    if settings.adopt:
        return _not_adopted(plan, failing)
    reasons = tuple(Reason("check", key=one.code, old=one.found, new=one.wanted) for one in failing)
    return _for_reasons(plan, reasons, store, settings)


def _from_the_first_seed(plan: Plan, sha256_of: Known) -> Plan:
    """A picture that is made from something else, or fails, begins with its first seed again.

    One that is only asked for, or gone, is made with the seed that a retry has found.
    """
    first = plan.job.seed.value
    if (
        plan.rerolled
        or first in (None, plan.seed)
        or all(reason.kind in ("asked", "missing", "damaged") for reason in plan.reasons)
    ):
        return plan
    fingerprint = fingerprint_of(plan.job, first, sha256_of, plan.fingerprint.inputs)
    return replace(plan, seed=first, fingerprint=fingerprint)


def _for_reasons(plan: Plan, reasons: tuple[Reason, ...], store: Store, settings: Settings) -> Plan:
    if settings.adopt:
        return _adoption(plan, store)
    if plan.record is not None and plan.record.encoding == ADOPTED:
        return _for_stale_adopted(plan, reasons, settings)
    if settings.update in ("stale", "all"):
        return replace(plan, action="make", reasons=reasons)
    lines = tuple(reason_lines(reasons))
    stale = ImageStale(f"{plan.job.output_name} is stale: {lines[0]}", details=lines[1:])
    return _refused(replace(plan, reasons=reasons), stale)


def _for_stale_adopted(plan: Plan, reasons: tuple[Reason, ...], settings: Settings) -> Plan:
    """An adopted image is somebody's work, so neither a changed job nor damage is leave to overwrite it."""
    plan = replace(plan, reasons=reasons)
    if settings.overwrite_edited and settings.update != "none":
        return replace(plan, action="make")
    return _refused(
        plan,
        ImageEdited(
            f"{plan.job.output_name} was adopted as it stood and is no longer what its job says, so it is left alone",
            details=tuple(reason_lines(reasons)),
            hint="--comfy-adopt keeps it for the job as it is now, --comfy-overwrite-edited makes it anew",
        ),
    )


def _adoption(plan: Plan, store: Store) -> Plan:
    """Adopt the file as it stands, when it passes its checks."""
    if plan.seen.lfs_oid is not None:
        pointer = ImageUnrecorded(f"{plan.job.output_name} is a Git LFS pointer, not an image", hint="git lfs pull")
        return _refused(plan, pointer)
    inspection = examine(store.read(plan.job.output), plan.job, store)
    failing = inspection.errors
    if failing or inspection.pixels_sha256 is None:
        return _not_adopted(plan, failing)
    return replace(plan, action="adopt", inspection=inspection)


def _not_adopted(plan: Plan, failing: tuple[Finding, ...]) -> Plan:
    return _refused(
        plan,
        PictureRefused(
            f"{plan.job.output_name} cannot be adopted: {', '.join(one.code for one in failing)}",
            details=tuple(finding_rows(failing)),
            hint="mend the image, or the job's size and `verify:` keys",
        ),
    )


# --- small pieces ---------------------------------------------------------------------------------------------------


def _is_damaged(data: bytes, inspection: Inspection, job: Job) -> bool:
    """A broken copy of what stood there, such as a torn download; anything else may be somebody's work."""
    codes = {finding.code for finding in inspection.findings}
    return not data or (looks_like(data, job.format) and not codes.isdisjoint(_DAMAGE))


def _recorded(job: Job, store: Store) -> tuple[ImageRecord | None, RecordDamaged | None]:
    try:
        return store.record(job.output), None
    except RecordDamaged as damage:
        return None, damage


def _names_another(job: Job, record: ImageRecord) -> bool:
    return f"{record.job}::{record.item}" != job.id


def _owned_by_another(job: Job, record: ImageRecord) -> OwnedByAnother:
    return OwnedByAnother(
        f"{job.output_name} belongs to {record.job}::{record.item}, which still makes it",
        hint="give one of the two another name or output",
    )


def _seed_fixed(job: Job) -> SeedFixed:
    return SeedFixed(
        f"{job.name} has the seed {job.seed.value}, so there is no other to draw",
        where=job.place("seed"),
        hint="write another number, or leave `seed` out",
    )


def _refused(plan: Plan, problem: ComfygenError) -> Plan:
    return replace(plan, action="refuse", problem=problem.at(plan.job.where))

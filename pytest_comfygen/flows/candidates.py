"""Several pictures of one item, made aside for a person to pick from; picking one publishes it without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_comfygen.errors import AssetError, CandidateMissing, ComfygenError, PictureRefused
from pytest_comfygen.flows.fingerprint import compare
from pytest_comfygen.flows.plan import Plan
from pytest_comfygen.flows.restore import fits, is_sound
from pytest_comfygen.outputs.candidates import Candidates
from pytest_comfygen.outputs.report import reason_lines
from pytest_comfygen.records import PARTS, Fingerprint, Job, JobResult, KeptImage, Reason

if TYPE_CHECKING:
    from pytest_comfygen.flows.generate import Workplace

__all__ = ["SEEDS", "FingerprintOf", "choice", "make_candidates", "pick"]

SEEDS = 1 << 53  # as language.seeds chooses them

# The fingerprint of a job with another seed.
FingerprintOf = Callable[[int], Fingerprint]


def choice(plan: Plan, candidates: Candidates, fingerprint_of: FingerprintOf, *, anew: bool) -> Plan:
    """The plan; when all candidates lie there already, there is nothing to make and one to be picked.

    :param anew: others were asked for: only those count that this run has made.
    """
    count = plan.job.candidates
    is_wanted_anew = any(reason.kind == "asked" for reason in plan.reasons)
    if plan.action != "make" or count == 1 or plan.waits_for or is_wanted_anew:
        return plan
    found = list(_fitting(plan, candidates, fingerprint_of))
    is_other = anew and (not found or found[0].record.seed != plan.seed)
    return plan if len(found) < count or is_other else replace(plan, action="choose")


def make_candidates(
    plan: Plan, workplace: Workplace, candidates: Candidates, fingerprint_of: FingerprintOf
) -> JobResult:
    """Make all candidates of `plan`, each with a seed of its own, and leave what stands at the output alone.

    Those of an earlier run that are what the job says stay. One that fails its checks makes room for the next seed, as
    often as the job allows for retries.

    :raises JobError: ComfyUI did not make one, or too many failed their checks; those that passed can be picked.
    :raises AssetError: one cannot be written.
    """
    from pytest_comfygen.flows.generate import make_aside  # noqa: PLC0415  # to pick one, nothing is made

    job, refusal = plan.job, None
    found = list[KeptImage]()
    there = {one.record.seed: one for one in _fitting(plan, candidates, fingerprint_of)}
    seeds = [(plan.seed + number) % SEEDS for number in range(job.candidates + job.retries)]
    for number, seed in enumerate(seeds):
        one = replace(plan, seed=seed, fingerprint=fingerprint_of(seed))
        following = next((later for later in seeds[number + 1 : job.candidates] if later not in there), None)
        try:
            found.append(there.get(seed) or KeptImage(*make_aside(one, _with_next(job, following, workplace))))
        except PictureRefused as error:
            refusal = error
        if len(found) == job.candidates:
            break
    try:
        candidates.put(job.output, found)
    except AssetError as error:
        raise error.at(job.where) from None
    if refusal and len(found) < job.candidates:
        raise refusal
    return JobResult(outcome="unpicked", path=job.output, reasons=plan.reasons)


def _with_next(job: Job, seed: int | None, workplace: Workplace) -> Workplace:
    """A workplace that sends the next candidate ahead, and not before the last one the images that come after them.

    Else their models would be loaded between two candidates.
    """
    if seed is None:
        return workplace
    from pytest_comfygen.flows.generate import send_ahead  # noqa: PLC0415  # as above

    def send() -> None:
        if workplace.line.has_room:
            with suppress(ComfygenError):  # it will meet the same when its turn has come
                send_ahead(job, seed, workplace)

    return replace(workplace, send_ahead=send)


def pick(plan: Plan, number: int, candidates: Candidates, fingerprint_of: FingerprintOf) -> Plan:
    """The plan that publishes a candidate.

    :raises CandidateMissing: there is none of that number, or it was made of something else than the job says now.
    :raises AssetError: what stands at the output may not be replaced.
    """
    job = plan.job
    if plan.problem and plan.action == "refuse":
        raise plan.problem
    kept = candidates.find(job.output, number)
    if kept is None:
        raise _missing(job, number, candidates)
    fingerprint = fingerprint_of(kept.record.seed or 0)
    if not fits(kept, job, fingerprint) or not is_sound(kept, job):
        raise _outdated(job, number, compare(kept.record.fingerprint, fingerprint, PARTS)[0])
    is_drawn = job.seed.rule != "random" and kept.record.seed != job.seed.value
    return replace(plan, action="restore", kept=kept, rerolled=is_drawn)


def _fitting(plan: Plan, candidates: Candidates, fingerprint_of: FingerprintOf) -> Iterator[KeptImage]:
    """The candidates that were made of what the job says."""
    for number in range(1, plan.job.candidates + 1):
        kept = candidates.find(plan.job.output, number)
        if kept is not None and fits(kept, plan.job, fingerprint_of(kept.record.seed or 0)):
            yield kept


def _missing(job: Job, number: int, candidates: Candidates) -> CandidateMissing:
    there = ", ".join(str(one) for one in range(1, job.candidates + 1) if candidates.find(job.output, one))
    if job.candidates == 1:
        return CandidateMissing(
            f"{job.name} has no candidates", where=job.where, hint="write `candidates: 4`, and run it to make some"
        )
    told = f"there are {there}" if there else "none was made yet"
    hint = f"pick one of these, or make others: pytest -k {job.name} --comfy-reroll"
    return CandidateMissing(f"{job.name} has no candidate {number}: {told}", where=job.where, hint=hint)


def _outdated(job: Job, number: int, changed: tuple[Reason, ...]) -> CandidateMissing:
    return CandidateMissing(
        f"candidate {number} of {job.name} was made of something else than the job says now",
        where=job.where,
        details=tuple(reason_lines(changed)) or ("its checks changed",),
        hint=f"make new ones: pytest -k {job.name} --comfy-update stale",
    )

"""What users' own checks say of a picture, before it takes its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pluggy import HookRelay

from pytest_comfygen.errors import PictureRefused
from pytest_comfygen.outputs.report import finding_rows
from pytest_comfygen.records import Finding, Job

__all__ = ["failing_of", "refusal", "users_findings"]


def users_findings(job: Job, path: Path, hooks: HookRelay) -> tuple[Finding, ...]:
    """What `pytest_comfygen_verify` finds in the picture at `path`.

    :raises TypeError: an implementation returns something else than findings.
    """
    found: tuple[Finding, ...] = ()
    for answer in hooks.pytest_comfygen_verify(job=job, path=path):
        if not isinstance(answer, list | tuple) or not all(_is_sound(one) for one in answer):
            msg = f"pytest_comfygen_verify must return a list of Findings with texts in every field, not {answer!r}"
            raise TypeError(msg)
        found += tuple(answer)
    return found


def failing_of(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that a picture may not have; the others are warnings."""
    return tuple(one for one in found if one.severity == "error")


def refusal(
    job: Job, which: str, failing: Sequence[Finding], *, details: Iterable[str] = (), hint: str | None = None
) -> PictureRefused:
    """What is said of a picture that failed.

    :param which: the picture, in a word: new, kept.
    :param details: what there is to say below the findings.
    :param hint: what to do where no finding tells it.
    """
    return PictureRefused(
        f"the {which} picture of {job.name} failed: {', '.join(one.code for one in failing)}",
        where=job.where,
        details=(*finding_rows(failing), *details),
        hint=next((one.fix for one in failing if one.fix), hint),
    )


def _is_sound(finding: object) -> bool:
    """Whether a hook's finding is one: a misspelt severity must not let a picture pass."""
    if not isinstance(finding, Finding) or finding.severity not in ("error", "warning"):
        return False
    return all(isinstance(text, str) for text in (finding.code, finding.found, finding.wanted, finding.fix))

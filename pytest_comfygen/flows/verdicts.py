"""What users' own checks say of a picture, before it takes its place."""

from __future__ import annotations

from pathlib import Path

from pluggy import HookRelay

from pytest_comfygen.records import Finding, Job

__all__ = ["users_findings"]


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


def _is_sound(finding: object) -> bool:
    """Whether a hook's finding is one: a misspelt severity must not let a picture pass."""
    if not isinstance(finding, Finding) or finding.severity not in ("error", "warning"):
        return False
    return all(isinstance(text, str) for text in (finding.code, finding.found, finding.wanted, finding.fix))

"""The codes that the doctor tells, each with its heading in `docs/reference/doctor.md`, and how a finding is made."""

from __future__ import annotations

from pytest_comfygen.errors import ComfygenError
from pytest_comfygen.records import MachineFinding, Severity

__all__ = ["AS_IT_SHOULD_BE", "CODES", "finding_of", "fine"]

# Nothing is wrong: what was looked at.
AS_IT_SHOULD_BE = frozenset(
    {
        "checkout",
        "custom-node",
        "disk",
        "environment",
        "git",
        "ignored",
        "job-files",
        "leftovers",
        "lfs",
        "media",
        "model",
        "outputs",
        "python",
        "server",
        "settings",
        "token",
        "torch",
        "uv",
    }
)

# A job file that cannot be used has the code of its error, which is not among these.
CODES = AS_IT_SHOULD_BE | {
    "address-refused",
    "bad-response",
    "bad-setting",
    "checkout-changed",
    "checkout-foreign",
    "ci",
    "clone-left",
    "conflicting-settings",
    "custom-node-differs",
    "custom-node-failed",
    "custom-node-missing",
    "disk-too-small",
    "download-failed",
    "download-left",
    "foreign-server",
    "git-failed",
    "git-missing",
    "hash-mismatch",
    "install-incomplete",
    "install-missing",
    "install-running",
    "install-space",
    "item-unknown",
    "lfs-missing",
    "lfs-pointer",
    "licence",
    "licence-not-accepted",
    "lock-left",
    "media-missing",
    "model-damaged",
    "model-missing",
    "model-not-found",
    "no-job-files",
    "no-server",
    "not-comfyui",
    "not-ignored",
    "offline",
    "page-instead-of-model",
    "pickle-refused",
    "requirements-changed",
    "revision-differs",
    "server-dead",
    "server-failed",
    "server-silent",
    "server-too-slow",
    "server-unreachable",
    "server-unsupervised",
    "setting-without-effect",
    "size-mismatch",
    "token-missing",
    "token-refused",
    "torch-unfit",
    "url-unknown",
    "uv-missing",
    "venv-missing",
    "write-failed",
}


def fine(code: str, subject: str, found: str) -> MachineFinding:
    """Something is as it should be."""
    return MachineFinding(code=code, severity="ok", subject=subject, found=found)


def finding_of(
    error: ComfygenError, subject: str, *, severity: Severity = "error", command: str = ""
) -> MachineFinding:
    """What a run would say, said now."""
    details = f" ({'; '.join(detail.strip() for detail in error.details)})" if error.details else ""
    return MachineFinding(
        code=error.code,
        severity=severity,
        subject=subject,
        found=f"{error}{details}",
        wanted=error.hint or "",
        command=command,
    )

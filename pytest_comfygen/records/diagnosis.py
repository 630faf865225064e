"""What the doctor finds on a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "Diagnosis",
    "MachineFinding",
    "Severity",
]

Severity: TypeAlias = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFinding:
    """One thing that was looked at, and what is there.

    :param code: kebab-case; an error's own where a run would meet that error.
    :param severity: with an `error` no image can be made, or not all of them.
    :param subject: what was looked at: `git`, a model, a directory, an address.
    :param wanted: what should be there, or what to do about it in words; empty when it is as it should be.
    :param command: what to type to mend it; empty when no command does.
    """

    code: str
    severity: Severity
    subject: str
    found: str
    wanted: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that the doctor found, in the order in which a run would need it."""

    findings: tuple[MachineFinding, ...]

    @property
    def is_ready(self) -> bool:
        """Whether nothing keeps this machine from making the images."""
        return all(finding.severity != "error" for finding in self.findings)

"""What happens in a run and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pytest_comfygen.records.image import Finding, ImageRecord, Reason
from pytest_comfygen.records.server import Timing
from pytest_comfygen.records.words import Outcome

__all__ = [
    "Event",
    "JobResult",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened on the way; may be lost, unlike a record.

    :param kind: `foreseen` (so many pictures are to be made), `queued`, `started`, `progress`, `executed` (the server
        has done it), `fetched`, `published`, `notice`.
    :param value: position on the way to `maximum` (sampling steps, bytes or images, as `text` says).
    :param subject: what it is about when it is no job, such as a model's name.
    :param per_s: how much of `value` comes in a second just now, 0 when that is not known.
    """

    kind: Literal["foreseen", "queued", "started", "progress", "executed", "fetched", "published", "notice"]
    job: str = ""
    value: float = 0
    maximum: float = 0
    text: str = ""
    subject: str = ""
    per_s: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """How one item ended, when it ended well.

    :param path: where the picture lies (a sketch lies elsewhere than the job's output).
    :param uncompared: fingerprint values that could not be known here.
    :param drift: what has moved on since the image was made, in words.
    :param warnings: what users' own checks found and let pass.
    """

    outcome: Outcome
    path: Path
    record: ImageRecord | None = None
    reasons: tuple[Reason, ...] = ()
    timing: Timing = field(default_factory=Timing)
    uncompared: tuple[str, ...] = ()
    drift: str = ""
    warnings: tuple[Finding, ...] = ()

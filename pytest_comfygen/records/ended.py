"""How images ended, as programs and other people's pages are told."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one image ended; what is not known is None.

    :param item: its id, as it is typed where pytest was started.
    :param outcome: `generated`, `current`, `failed` …, as the summary line counts them.
    :param reason: why it was made.
    :param drift: what has moved on since it was made.
    :param error: the code of what went wrong.
    :param message: what went wrong, in one line.
    :param command: what to type next.
    """

    item: str
    outcome: str
    reason: str | None = None
    drift: str | None = None
    error: str | None = None
    message: str | None = None
    command: str | None = None
    output: str | None = None
    sha256: str | None = None
    seed: str | None = None
    checkpoint: str | None = None
    checkpoint_sha256: str | None = None
    comfyui: str | None = None
    queued_s: float | None = None
    load_s: float | None = None
    run_s: float | None = None

"""What a server is and what it made."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Execution",
    "RemoteImage",
    "ServerInfo",
    "Timing",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """A ComfyUI server that answers.

    :param version: ComfyUI's version as it says itself.
    :param commit: its git commit where that is known, else None.
    :param sketch: it is the embedded stand-in.
    :param owned: this run started it.
    """

    url: str
    version: str
    commit: str | None = None
    device: str = ""
    sketch: bool = False
    owned: bool = False


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """A file that a job left on the server. Source: ComfyUI history `outputs[node].images[]`."""

    node: str
    filename: str
    subfolder: str
    type: str


@dataclass(frozen=True, slots=True)
class Timing:
    """Where a job's time went, in seconds; None where the server did not tell."""

    queued_s: float | None = None
    load_s: float | None = None
    run_s: float | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """A job that ComfyUI finished with success."""

    prompt_id: str
    images: tuple[RemoteImage, ...]
    timing: Timing

"""The words that records are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

__all__ = [
    "OUTCOMES",
    "PARTS",
    "Graph",
    "History",
    "ImageFormat",
    "ObjectInfo",
    "Outcome",
    "Part",
    "Scalar",
    "SeedRule",
    "Status",
]

Scalar: TypeAlias = str | int | float | bool | None

# ComfyUI's own documents stay what they are: read-only mappings. Source: ComfyUI server.py, execution.py.
Graph: TypeAlias = Mapping[str, Mapping[str, Any]]
ObjectInfo: TypeAlias = Mapping[str, Mapping[str, Any]]
History: TypeAlias = Mapping[str, Any]

ImageFormat: TypeAlias = Literal["png", "webp", "jpeg", "gif", "mp4", "webm", "flac", "mp3", "opus", "wav"]
Status: TypeAlias = Literal["planned", "approved"]
SeedRule: TypeAlias = Literal["from-name", "from-prompt", "random", "fixed"]
Part: TypeAlias = Literal["prompt", "params", "workflow", "models", "inputs"]
Outcome: TypeAlias = Literal[
    "generated",
    "restored",
    "current",
    "identical",
    "adopted",
    "planned",
    "unpicked",
    "picked",
    "pruned",
    "failed",
    "missing",
    "stale",
    "edited",
    "orphan",
]

# In the order in which a person is told of them.
PARTS: tuple[Part, ...] = get_args(Part)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

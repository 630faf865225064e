"""Workflows as ComfyUI's page saves them; what is in this package is loaded when a job file uses one."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["is_page"]


def is_page(document: object) -> bool:
    """Whether a document is a workflow as ComfyUI's page saves it, rather than in API format."""
    return isinstance(document, Mapping) and isinstance(document.get("nodes"), list)

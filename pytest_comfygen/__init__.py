"""A pytest plugin that builds and tests the generated images of a repository, with a local ComfyUI."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_comfygen.errors import ComfygenError, Where
    from pytest_comfygen.records import Finding, ImageRecord, Job, JobResult
    from pytest_comfygen.settings import Settings

__all__ = ["ComfygenError", "Finding", "ImageRecord", "Job", "JobResult", "Settings", "Where", "__version__"]

_ROOMS = {
    "ComfygenError": "errors",
    "Finding": "records",
    "ImageRecord": "records",
    "Job": "records",
    "JobResult": "records",
    "Settings": "settings",
    "Where": "errors",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that loading the plugin costs nothing."""
    from importlib import import_module  # noqa: PLC0415  # lightness is this function's purpose

    if name == "__version__":
        return import_module("importlib.metadata").version("pytest-comfygen")
    if name in _ROOMS:
        return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)

"""What it takes to look into video and sound, where the images are such."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

from pytest_comfygen.flows.doctor.codes import finding_of, fine
from pytest_comfygen.flows.media import media_missing
from pytest_comfygen.records import STREAMED, Job, MachineFinding

__all__ = ["media_findings"]

_COMMAND = "pip install 'pytest-comfygen[media]'"


def media_findings(jobs: Iterable[Job]) -> Iterator[MachineFinding]:
    """Whether PyAV is here; nothing where no output plays what takes it."""
    playing = next((job for job in jobs if job.format in STREAMED), None)
    if playing is None:
        return
    if missing := media_missing(playing):
        yield finding_of(missing, "PyAV", command=_COMMAND)
    else:
        yield fine("media", "PyAV", _version())


def _version() -> str:
    try:
        return version("av")
    except PackageNotFoundError:  # put there by other means than a package
        return "it is here"

"""What takes PyAV, and whether it is here: before anything is made, not after."""

from __future__ import annotations

from pytest_comfygen.errors import MediaMissing
from pytest_comfygen.records import STREAMED, Job

__all__ = ["media_missing"]


def media_missing(job: Job) -> MediaMissing | None:
    """Why the output of `job` could not be looked into on this machine; None when it can be."""
    if job.format not in STREAMED:
        return None
    from pytest_comfygen.verify.streams import can_decode  # noqa: PLC0415  # few runs make what plays

    if can_decode():
        return None
    return MediaMissing(f"{job.output_name} cannot be checked without PyAV", where=job.place("output.file"))

"""Video and sound are decoded in full, measured and judged."""

from __future__ import annotations

from dataclasses import replace

from pytest_comfygen.records import Checks, Inspection
from pytest_comfygen.verify.checks import Seen, judge
from pytest_comfygen.verify.extents import end_of
from pytest_comfygen.verify.limits import TooMuch
from pytest_comfygen.verify.streams import Unreadable, packets_sha256, watch

__all__ = ["inspect_streams"]


def inspect_streams(seen: Seen, data: bytes, checks: Checks) -> Inspection:
    """Decode, measure and judge a video or a sound; never raises, whatever the bytes are, as long as PyAV is there.

    :param seen: its container is of the wanted format.
    """
    if seen.container is None:
        return Inspection(judge(seen, checks))
    whole = replace(seen.container, end=end_of(checks.format, data))
    seen = replace(seen, container=whole)
    if whole.end is None:
        return Inspection(judge(seen, checks))
    try:
        watched = watch(data, checks)
    except TooMuch as error:
        return _refused(replace(seen, container=replace(whole, size=error.size)), data, checks, error)
    except Unreadable as error:
        found = replace(whole, end=None) if error.is_cut else whole
        return Inspection(judge(replace(seen, container=found, fault=str(error)), checks))
    mode = watched.statistics.mode if watched.statistics else None
    seen = replace(seen, mode=mode, statistics=watched.statistics, media=watched.media)
    return Inspection(judge(seen, checks), watched.statistics, watched.sha256, watched.media)


def _refused(seen: Seen, data: bytes, checks: Checks, error: TooMuch) -> Inspection:
    """What is not decoded any further is still known by its packets."""
    try:
        sha256 = packets_sha256(data, checks.format)
    except Unreadable as unreadable:
        return Inspection((*judge(replace(seen, fault=str(unreadable)), checks), *error.findings))
    return Inspection((*judge(seen, checks), *error.findings), pixels_sha256=sha256)

"""How a process ends: asked first, killed when it does not, and everything it started with it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["is_running", "stop_family", "wait_until"]

KILL_S = 5.0
PAUSE_S = 0.02


def stop_family(process: psutil.Process, patience_s: float) -> bool:
    """End a process, its group and its descendants: SIGTERM, and after `patience_s` SIGKILL.

    :param process: known to be ours; psutil sees to it that a later process with its number is not meant.
    :returns: whether all of them are gone.
    """
    family = [process, *_descendants(process)]
    is_leader = _leads_a_group(process)
    _tell(family, signal.SIGTERM, process.pid if is_leader else None)
    wait_until(lambda: not is_running(process), patience_s)
    # Also when it ended as asked: what it started may not have.
    _tell(family, getattr(signal, "SIGKILL", signal.SIGTERM), process.pid if is_leader else None)
    return wait_until(lambda: not any(map(is_running, family)), KILL_S)


def is_running(process: psutil.Process) -> bool:
    """Whether the process still runs; one that ended and is not collected yet (a zombie) does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def wait_until(
    is_so: Callable[[], bool],
    limit_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> bool:
    """Wait for something to become so, at most `limit_s` seconds; whether it is."""
    ends_at = clock() + limit_s
    while not is_so():
        if clock() >= ends_at:
            return False
        sleep(PAUSE_S)
    return True


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _leads_a_group(process: psutil.Process) -> bool:
    """Whether the group is its own, so that a signal to the group reaches nobody else."""
    if not hasattr(os, "getpgid"):
        return False
    try:
        return is_running(process) and os.getpgid(process.pid) == process.pid
    except ProcessLookupError:
        return False


def _tell(family: list[psutil.Process], number: int, group: int | None) -> None:
    if group is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
    for process in family:
        with suppress(psutil.Error):
            process.send_signal(number)

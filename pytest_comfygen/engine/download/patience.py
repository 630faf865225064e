"""How long a download is tried, what it needs of the world, and what stands in its way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pytest_comfygen.engine.disk import free_bytes
from pytest_comfygen.engine.download.addresses import Resolve, resolve
from pytest_comfygen.errors import ComfygenError
from pytest_comfygen.records import Event

__all__ = ["Patience", "Setback", "Surroundings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often one download is tried.

    :param tries: so many in a row may bring nothing new.
    :param connect_s: time to connect.
    :param silence_s: time in which something has to come, at 1 KiB a second or more.
    :param total_s: time for the whole file, waiting for another process included.
    :param pause_s: the first pause between two tries; it doubles up to `longest_pause_s`.
    :param longest_wait_s: what of a server's `Retry-After` is heeded at most.
    """

    tries: int = 5
    connect_s: float = 10.0
    silence_s: float = 60.0
    total_s: float = 24 * 3600.0
    pause_s: float = 1.0
    longest_pause_s: float = 30.0
    longest_wait_s: float = 120.0

    def pause(self, tries: int, asked_s: float) -> float:
        """The pause after so many `tries`, or as long as the server asked for."""
        return max(min(self.pause_s * 2.0 ** (tries - 1), self.longest_pause_s), min(asked_s, self.longest_wait_s))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Surroundings:
    """What a download needs of the world; not shown, because callables may belong to objects that hold secrets.

    :param notify: takes progress and notices.
    :param clock: monotonic seconds.
    :param free_bytes: what is free where a directory is or will be.
    :param resolve: the addresses of a host by its name.
    :param failures: a directory for what failed, told to processes that waited for it; None when there are none.
    :param asked_at: when this process began, seconds since the epoch.
    """

    notify: Callable[[Event], object]
    patience: Patience = Patience()
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    free_bytes: Callable[[Path], int] = free_bytes
    resolve: Resolve = resolve
    failures: Path | None = None
    asked_at: float = field(default_factory=time.time)


class Setback(Exception):
    """A try that did not bring the whole file; not an error yet.

    :param error: what it is when nobody tries again.
    :param again: another try may well succeed.
    :param afresh: what was kept so far is of no use, and another try may succeed once without it.
    :param asked_s: how long the server asked to wait.
    """

    def __init__(
        self, error: ComfygenError, *, again: bool = False, afresh: bool = False, asked_s: float = 0.0
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.again = again
        self.afresh = afresh
        self.asked_s = asked_s

"""One job on a server of ours that may die under it: a restart, the job once more, and no third time.

ComfyUI runs one job at a time. So when a server dies that several processes share, only the job that was running can
have killed it; those that were waiting just wait again, and one that was done already is made again. It may die too
quickly to say that it had begun: then it was that job if nobody else used the server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from pytest_comfygen.engine.server import Lease, moved_aside
from pytest_comfygen.errors import ComfygenError, JobLost, JobSilent, ServerKilled, ServerUnreachable
from pytest_comfygen.records import Event, Job, JobResult

__all__ = ["patiently", "persistently"]

_MOST_DEATHS = 10
_SILENT_OR_GONE = (ServerUnreachable, JobLost, JobSilent)


class _Meeting(Protocol):
    """What has to be known of a server."""

    @property
    def lease(self) -> Lease | None:
        """Our use of it, when we started it."""


Met = TypeVar("Met", bound=_Meeting)
AnswerT = TypeVar("AnswerT")


def persistently(  # noqa: PLR0913  # a job, what it is made by, and what is known of the server
    attempt: Callable[[Met, Callable[[Event], None]], JobResult],
    meeting: Met,
    restarted: Callable[..., Met],
    job: Job,
    notify: Callable[[Event], None],
    *,
    works_for_others: Callable[[Met], bool],
) -> JobResult:
    """Do `attempt`, and again after a restart when a server of ours died or went silent under it.

    A job that was still waiting cannot tell silence from a long job before it; whoever has that one can.

    :param restarted: gives the server that takes the place of one that failed; `wedged` when it lives and is of no use.
    :param works_for_others: whether what the server does now is seen to by another process.
    :raises ServerKilled: the server died twice while it ran this job.
    """
    deaths = kills = 0
    while deaths < _MOST_DEATHS:
        watch = _Watch(notify)
        try:
            return attempt(meeting, watch)
        except _SILENT_OR_GONE as failure:
            wedged = isinstance(failure, JobSilent)
            if wedged and not watch.has_started and works_for_others(meeting):
                continue
            if meeting.lease is None or not (wedged or meeting.lease.has_died()):
                raise
            deaths += 1
            lease, told = meeting.lease, _killed(job, failure, meeting.lease)
        meeting = restarted(meeting, wedged=wedged)
        kills += not watch.has_ended and (watch.has_started or lease.was_alone)
        if kills > 1:
            raise told
        notify(Event(kind="notice", text=f"{told.message}; the server was restarted, and {job.name} is made once more"))
    raise told


def patiently(ask: Callable[[Met], AnswerT], meeting: Met, restarted: Callable[..., Met]) -> AnswerT:
    """Ask a server something; one of ours that died meanwhile, under somebody else's job, is started again.

    :param restarted: as for `persistently`.
    """
    for _ in range(_MOST_DEATHS):
        try:
            return ask(meeting)
        except ServerUnreachable:
            if meeting.lease is None or not meeting.lease.has_died():
                raise
        meeting = restarted(meeting, wedged=False)
    return ask(meeting)


class _Watch:
    """Passes events on, and notes whether the job came to run, and to its end."""

    def __init__(self, notify: Callable[[Event], None]) -> None:
        self._notify = notify
        self.has_started = False
        self.has_ended = False

    def __call__(self, event: Event) -> None:
        self.has_started = self.has_started or event.kind in {"started", "progress"}
        self.has_ended = self.has_ended or event.kind in {"executed", "fetched"}
        self._notify(event)


def _killed(job: Job, failure: ComfygenError, lease: Lease) -> ServerKilled:
    what = "went silent" if isinstance(failure, JobSilent) else "died"
    log = moved_aside(lease.server.log)
    return ServerKilled(
        f"ComfyUI {what} while it made {job.name}",
        where=job.where,
        details=lease.log_tail(),
        hint=f"see {log}; a smaller size or `server: {{args: [--lowvram]}}` takes less memory",
    )

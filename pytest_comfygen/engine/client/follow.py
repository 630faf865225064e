"""Waiting for one job: /history and /queue are the truth, the websocket wakes us and tells how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pytest_comfygen.engine.client import outcome
from pytest_comfygen.errors import JobLost, JobSilent, ServerTooSlow
from pytest_comfygen.records import Event, Execution, Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_comfygen.engine.client.answers import Queue
    from pytest_comfygen.engine.client.mail import JobMail
    from pytest_comfygen.engine.client.progress import Hint
    from pytest_comfygen.records import History

__all__ = ["Follower", "Server", "Submission"]

EAGER_S = 0.005  # the first and shortest pause between two looks
CALM_S = 0.25  # the shortest one while the websocket would wake us
SHARE = 0.1  # of the time waited so far: a job is noticed at most that much later than it ends
LONGEST_S = 0.5
LONGEST_CALM_S = 2.0
QUEUE_EVERY_S = 0.5  # the queue repeats every job's whole graph, so it is read less often than the history


class Server(Protocol):
    """What following asks of a server."""

    def history(self, prompt_id: str) -> History | None:
        """What became of a job, once it is over."""

    def queue(self) -> Queue:
        """All running and waiting jobs."""

    def forget(self, prompt_ids: Iterable[str]) -> None:
        """Delete or interrupt jobs."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as it was sent.

    :param at: when, seconds of the client's clock.
    :param classes: node id to node class.
    """

    prompt_id: str
    at: float
    classes: Mapping[str, str] = field(default_factory=dict)


class Follower:
    """Waits for one job until the server says how it ended, or nothing any more.

    :param silence_s: how long the server may show no change that concerns the job.
    """

    def __init__(  # noqa: PLR0913  # what it works with, and the limits that it keeps
        self,
        server: Server,
        hints: JobMail,
        job: Submission,
        notify: Callable[[Event], None],
        *,
        silence_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
    ) -> None:
        self._server = server
        self._hints = hints
        self._job = job
        self._notify = notify
        self._silence_s = silence_s
        self._clock = clock
        self._sleep = sleep
        self._sign_at = self._eager_at = clock()
        self._is_ending = False
        self._queue_due_at = clock() + (QUEUE_EVERY_S if hints.is_alive else 0.0)
        self._place: tuple[object, ...] = ()
        self._has_started = False
        self._started_at: float | None = None
        self._load = LoadTime()

    def run(self) -> Execution:
        """Wait.

        :raises JobError: when the job failed, was lost, interrupted or silent.
        :raises MachineError: when the server does not answer any more, or not as ComfyUI does.
        """
        try:
            if self._hints.is_alive:  # then it says at once when there is something to be seen
                self._wait()
            while (entry := self._look()) is None:
                self._refuse_silence()
                self._wait()
            finished_at = self._clock()
        finally:  # also what a server said just before it died: that our job had come to run
            while hint := self._hints.next(0):
                self._heed(hint)
        images = outcome.images(entry, self._job.prompt_id)
        return Execution(self._job.prompt_id, images, self._timing(entry, finished_at))

    def _look(self) -> History | None:
        """The job's history entry, once there is one."""
        try:
            return self._server.history(self._job.prompt_id) or self._seek_in_queue()
        except ServerTooSlow:
            return None  # loading a large model, ComfyUI answers nobody: that is silence, and bounded as such

    def _seek_in_queue(self) -> History | None:
        """See that the job is queued or running. It may have finished since the history was read: read it once more."""
        if self._clock() < self._queue_due_at:
            return None
        queue = self._server.queue()
        self._queue_due_at = self._clock() + QUEUE_EVERY_S
        if self._job.prompt_id in queue:
            self._note_place(queue)
            return None
        if entry := self._server.history(self._job.prompt_id):
            return entry
        raise JobLost(
            "the server no longer knows the job: somebody deleted it from the queue, or the server was restarted",
            hint="run it again",
        )

    def _note_place(self, queue: Queue) -> None:
        """Every change before us in the queue is a sign of life; jobs that others add behind us are none."""
        prompt_id = self._job.prompt_id
        ahead = queue.pending.index(prompt_id) if prompt_id in queue.pending else -1
        place = (ahead, *sorted(queue.running))
        if place == self._place:
            return
        self._place = place
        self._sign_at = self._clock()
        if ahead < 0:
            self._start()
        else:
            self._notify(Event(kind="queued", value=ahead + len(queue.running), text="jobs ahead"))

    def _start(self) -> None:
        if not self._has_started:
            self._has_started = True
            self._notify(Event(kind="started"))

    def _refuse_silence(self) -> None:
        silent_s = self._clock() - self._sign_at
        if silent_s < self._silence_s:
            return
        self._server.forget([self._job.prompt_id])
        what = "running" if self._has_started else "still waiting in the queue"
        raise JobSilent(
            f"no sign of progress for {silent_s:.0f} s; the job was {what}, and is interrupted now",
            hint="allow more by --comfy-timeout, or see in the server's log what it is doing",
        )

    def _wait(self) -> None:
        """Until it is time to look again: after a while, or when the server says that the job is done."""
        pause_s = self._pause_s()
        if not self._hints.is_alive:
            self._sleep(pause_s)
        until = self._clock() + (pause_s if self._hints.is_alive else 0.0)
        while hint := self._hints.next(until - self._clock()):
            if self._heed(hint):
                return
            if hint.kind == "ending":
                until = min(until, self._clock() + EAGER_S)

    def _pause_s(self) -> float:
        is_calm = self._hints.is_alive and not self._is_ending
        least, most = (CALM_S, LONGEST_CALM_S) if is_calm else (EAGER_S, LONGEST_S)
        return min(max(SHARE * (self._clock() - self._eager_at), least), most)

    def _heed(self, hint: Hint) -> bool:
        """Take a hint in, and tell whether to look at once."""
        if hint.kind == "connected":
            return True
        if hint.prompt_id != self._job.prompt_id:
            return False
        self._sign_at = self._clock()
        self._load.heed(hint, self._job.classes)
        if hint.kind == "started":
            self._started_at = hint.at
            self._start()
        elif hint.kind == "progress":
            text = self._job.classes.get(hint.node, hint.node)
            self._notify(Event(kind="progress", value=hint.value, maximum=hint.maximum, text=text))
        elif hint.kind == "ending":
            self._is_ending, self._eager_at = True, self._clock()
            self._notify(Event(kind="executed"))
        return hint.kind == "done"

    def _timing(self, entry: History, finished_at: float) -> Timing:
        """The waiting ended when the server said so, or else `run_s` before the job's end."""
        run_s = outcome.run_s(entry, self._job.prompt_id)
        started_at = self._started_at
        if started_at is None and run_s is not None:
            started_at = finished_at - run_s
        queued_s = None if started_at is None else max(0.0, started_at - self._job.at)
        return Timing(queued_s=queued_s, load_s=self._load.total_s, run_s=run_s)


class LoadTime:
    """Seconds spent in nodes that load models: from a loader's beginning to the next node's.

    :ivar total_s: None until the job's start was seen, because then some of it may have been missed.
    """

    def __init__(self) -> None:
        self.total_s: float | None = None
        self._since: float | None = None

    def heed(self, hint: Hint, classes: Mapping[str, str]) -> None:
        """Take in a hint about the job."""
        if hint.kind == "started":
            self.total_s = 0.0
        if self.total_s is None or hint.kind not in ("node", "done"):
            return
        if self._since is not None:
            self.total_s += hint.at - self._since
        self._since = hint.at if "Loader" in classes.get(hint.node, "") else None

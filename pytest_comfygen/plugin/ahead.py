"""While an image is made, those that come after it are sent to its server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, tee
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.journal import Journal, jobs_under_way
from pytest_comfygen.flows.dispatch import Dispatch
from pytest_comfygen.plugin.selection import is_skipped
from pytest_comfygen.records import Job

if TYPE_CHECKING:
    from pytest_comfygen.flows.plan import Plan
    from pytest_comfygen.plugin.collect import ComfyItem

__all__ = ["Ahead", "Upcoming"]

FAR_ENOUGH = 16  # so many images are passed over in looking for one that can be sent

Upcoming = Callable[[], "Iterable[ComfyItem]"]


class Ahead:
    """What this process has sent to its servers, each of which has a line of its own.

    :param directory: gives the directory of the journals: one run, one place, whatever repositories its files are of.
    :param plan: what has to be done for a job.
    """

    def __init__(self, directory: Callable[[], Path], plan: Callable[[Job], Plan]) -> None:
        self._directory = directory
        self._plan = plan
        self._journal: Journal | None = None
        self._lines: dict[str, Dispatch] = {}
        self._needless: set[str] = set()
        self._alone: set[str] = set()

    def line(self, server: str, client: ComfyClient) -> Dispatch:
        """The jobs that this process has at a server.

        :param server: its name for as long as the run lasts, also when it moves.
        """
        if server not in self._lines:
            self._journal = self._journal or Journal(self._directory())
            self._lines[server] = Dispatch(client, self._journal)
        return self._lines[server]

    def begin(self) -> None:
        """Another image's turn has come."""
        self._alone.clear()

    def lose(self, server: str) -> None:
        """The server was started again, or failed: nothing waits there any more.

        Nothing is sent after the image that is made now, so that no other kills the server again before it is fetched.
        """
        self._alone.add(server)
        if line := self._lines.pop(server, None):
            line.lose()

    def withdraw(self) -> None:
        """Take everything back that nobody has asked for."""
        for line in self._lines.values():
            line.withdraw()

    def close(self) -> None:
        """Stop writing down what is sent."""
        if self._journal is not None:
            self._journal.close()

    def is_somebody_elses(self, prompt_ids: Iterable[str]) -> bool:
        """Whether one of these jobs is that of another process of this repository, which lives."""
        own = self._journal.under_way if self._journal else frozenset()
        return not (jobs_under_way(self._directory()) - own).isdisjoint(prompt_ids)

    def where(self, job: Job) -> str | None:
        """The server at which a job of this item waits."""
        return next((server for server, line in self._lines.items() if line.has(job)), None)

    def waiting(self, server: str) -> int:
        """How many jobs of this process a server has."""
        return self._lines[server].waiting if server in self._lines else 0

    def has_room(self, server: str) -> bool:
        """Whether another job may be sent to a server before its turn."""
        return server not in self._alone and (server not in self._lines or self._lines[server].has_room)

    def send(self, servers: Sequence[str], upcoming: Upcoming, send: Callable[[ComfyItem, Plan], None]) -> None:
        """Send what comes next, as much as these servers are to have.

        :param send: submits one image, if it can be.
        """
        near, coming = tee(self._needed(upcoming()))
        self._take_back_what_was_passed(servers, near)
        if not any(map(self.has_room, servers)):
            return
        passed_over = 0
        for job_id, item in coming:
            if self.where(item.job):
                continue
            if not self._sent(job_id, item, send):
                passed_over += 1
            if passed_over == FAR_ENOUGH or not any(map(self.has_room, servers)):
                return

    def _needed(self, upcoming: Iterable[ComfyItem]) -> Iterator[tuple[str, ComfyItem]]:
        """The images that are not known yet to need no sending, by their jobs' ids."""
        return ((job_id, item) for item in upcoming if (job_id := item.job.id) not in self._needless)

    def _take_back_what_was_passed(self, servers: Sequence[str], upcoming: Iterator[tuple[str, ComfyItem]]) -> None:
        """Images whose turn went by without them, because a fixture skipped them, wait for nobody."""
        lines = [self._lines[server] for server in servers if server in self._lines]
        waiting = frozenset().union(*(line.items for line in lines))
        if not waiting:
            return
        near = {job_id for job_id, _ in islice(upcoming, len(waiting) + FAR_ENOUGH)}
        for line in lines:
            if passed := line.items - near:
                line.take_back(passed)

    def _sent(self, job_id: str, item: ComfyItem, send: Callable[[ComfyItem, Plan], None]) -> bool:
        """Send an image, unless it is current, or may be skipped, or shows what is made before it."""
        plan = None if is_skipped(item) else self._plan(item.job)
        if plan is None or plan.action != "make":
            self._needless.add(job_id)
            return False
        if plan.waits_for or item.job.candidates > 1:
            return False
        send(item, plan)
        return True

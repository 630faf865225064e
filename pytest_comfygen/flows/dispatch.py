"""Jobs are sent to a server before their turn, so that it never waits while we fetch, check and write a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, KeysView
from typing import NamedTuple
from uuid import uuid4

from pluggy import HookRelay

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.journal import Journal
from pytest_comfygen.errors import ComfygenError
from pytest_comfygen.language.graph import build_graph, canonical_sha256
from pytest_comfygen.records import Event, Execution, Job

__all__ = ["Dispatch"]

HORIZON_S = 0.5  # what waits is to keep the server busy that long: more would only make others' jobs wait
MOST_AHEAD = 8


class _Waiting(NamedTuple):
    """A job that was sent before its turn.

    :param drawn: the sha256 of what is drawn.
    """

    prompt_id: str
    drawn: str


class Dispatch:
    """What one process has sent to one server and not yet followed to its end.

    A job that was sent before its turn is taken by the item that asks for exactly its graph. What nobody takes is
    taken out of the server's queue by its id.
    """

    def __init__(self, client: ComfyClient, journal: Journal) -> None:
        self._client = client
        self._journal = journal
        self._ahead: dict[str, _Waiting] = {}
        self._run_s = math.inf
        self._followed = 0

    @property
    def waiting(self) -> int:
        """How many jobs of this process are there, with the one that is followed."""
        return len(self._ahead) + self._followed

    @property
    def has_room(self) -> bool:
        """Whether another job may be sent before its turn.

        One may always wait, and where pictures are made in milliseconds, as many as the server makes in `HORIZON_S`.
        """
        enough = MOST_AHEAD if self._run_s <= 0 else math.ceil(HORIZON_S / self._run_s)
        return len(self._ahead) < min(max(enough, 1), MOST_AHEAD)

    @property
    def items(self) -> KeysView[str]:
        """The ids of the items whose jobs wait there before their turn, as they are at any time."""
        return self._ahead.keys()

    def has(self, job: Job) -> bool:
        """Whether a job of this item waits there."""
        return job.id in self._ahead

    def send_ahead(self, job: Job, seed: int, hooks: HookRelay) -> None:
        """Submit a job before its turn.

        :raises ComfygenError: the server does not take it, of which its item will hear when its turn has come.
        """
        drawn = canonical_sha256(build_graph(job, seed, ""))
        self._ahead[job.id] = _Waiting(self._submit(job, seed, hooks), drawn)

    def make(self, job: Job, seed: int, hooks: HookRelay, notify: Callable[[Event], None]) -> tuple[str, str]:
        """Submit a job whose turn has come, unless it waits there already.

        :returns: the id to follow it by, and the sha256 of what is drawn.
        :raises ComfygenError: the server does not take it.
        """
        drawn = canonical_sha256(build_graph(job, seed, ""))
        if self.has(job) and self._ahead[job.id].drawn != drawn:
            self.take_back([job.id])
        waiting = self._ahead.pop(job.id, None)
        prompt_id = waiting.prompt_id if waiting else self._submit(job, seed, hooks)
        notify(Event(kind="queued", job=job.id))
        return prompt_id, drawn

    def _submit(self, job: Job, seed: int, hooks: HookRelay) -> str:
        prompt_id = str(uuid4())
        graph = build_graph(job, seed, _prefix(prompt_id))
        # Hooks get a graph of their own: one that is changed there must not be sent under an unchanged record.
        hooks.pytest_comfygen_before_submit(job=job, graph=build_graph(job, seed, _prefix(prompt_id)))
        self._journal.note(self._client.url, prompt_id)
        try:
            self._client.submit(graph, prompt_id)
        except BaseException as failure:
            if not isinstance(failure, ComfygenError):
                self.withdraw(prompt_id)  # Ctrl-C: it may have been taken
            self._journal.done(prompt_id)
            raise
        return prompt_id

    def follow(
        self, prompt_id: str, notify: Callable[[Event], None], meanwhile: Callable[[], None] = lambda: None
    ) -> Execution:
        """Wait until a job is done.

        :param meanwhile: done once, while the server is at work.
        :raises ComfygenError: as `ComfyClient.follow`.
        """
        self._followed = 1
        try:
            meanwhile()
            execution = self._client.follow(prompt_id, notify)
        except ComfygenError:
            raise
        except BaseException:
            self.withdraw(prompt_id)  # Ctrl-C: what nobody waits for must not keep the server busy
            raise
        finally:
            self._followed = 0
            self._journal.done(prompt_id)
        if execution.timing.run_s is not None:
            self._run_s = execution.timing.run_s
        return execution

    def take_back(self, items: Iterable[str]) -> None:
        """Take what was sent for these items out of the server's queue: it is not asked for any more."""
        gone = [self._ahead.pop(item).prompt_id for item in items]
        self._client.forget(gone)
        for prompt_id in gone:
            self._journal.done(prompt_id)

    def withdraw(self, *more: str) -> None:
        """Take what nobody has asked for yet out of the server's queue. Best effort within seconds.

        :param more: ids of further jobs that are no longer wanted.
        """
        self._client.forget([*(one.prompt_id for one in self._ahead.values()), *more])
        self.lose()

    def lose(self) -> None:
        """The server is gone, and what waited there with it."""
        for waiting in self._ahead.values():
            self._journal.done(waiting.prompt_id)
        self._ahead.clear()


def _prefix(prompt_id: str) -> str:
    """Where a server saves the pictures of a job.

    ComfyUI lists the whole folder for each picture that it saves, half a second for a million. So they are spread over
    4 096 folders. Source: ComfyUI folder_paths.py, v0.3.64, `get_save_image_path`.
    """
    return f"comfygen/{prompt_id[:3]}/{prompt_id}"

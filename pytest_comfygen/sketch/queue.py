"""The queue of prompts and the history of those that ran."""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_comfygen.sketch.validation import Graph

# Source: ComfyUI execution.py MAXIMUM_HISTORY_SIZE.
HISTORY_LIMIT = 10_000


class Item(NamedTuple):
    """A prompt in the queue, in the order in which the API lists its parts.

    :param number: smaller ones run first.
    :param outputs: ids of the output nodes to run.
    """

    number: float
    prompt_id: str
    prompt: Graph
    extra_data: dict[str, Any]
    outputs: list[str]


class PromptQueue:
    """Prompts that wait, the one that runs, and those that ran.

    :param changed: called when the number of prompts waiting and running may have changed.
    """

    def __init__(self, changed: Callable[[], None], history_limit: int = HISTORY_LIMIT) -> None:
        self._changed = changed
        self._history_limit = history_limit
        # The arrival number keeps prompts with equal number and id apart, so that graphs are never compared.
        self._waiting: list[tuple[float, str, int, Item]] = []
        self._arrivals = 0
        self._arrived = asyncio.Event()
        self.running: Item | None = None
        self._history: dict[str, Mapping[str, Any]] = {}

    @property
    def remaining(self) -> int:
        """How many prompts wait or run."""
        return len(self._waiting) + (self.running is not None)

    @property
    def pending(self) -> list[Item]:
        """The prompts that wait, not sorted (as ComfyUI lists them)."""
        return [entry[-1] for entry in self._waiting]

    def put(self, item: Item) -> None:
        """Let a prompt wait for its turn."""
        self._arrivals += 1
        heapq.heappush(self._waiting, (item.number, item.prompt_id, self._arrivals, item))
        self._arrived.set()
        self._changed()

    async def take(self) -> Item:
        """The next prompt, which then counts as running, as soon as there is one."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        self.running = heapq.heappop(self._waiting)[-1]
        self._changed()
        return self.running

    def finish(self, result: Mapping[str, Any]) -> None:
        """Move the running prompt to the history, with what came of it."""
        item, self.running = self.running, None
        if item is None:
            return
        if len(self._history) >= self._history_limit:
            del self._history[next(iter(self._history))]
        self._history[item.prompt_id] = {"prompt": item, **result}
        self._changed()

    def delete(self, prompt_ids: list[str]) -> None:
        """Drop prompts that wait; unknown ids and running prompts are left alone."""
        self._keep([entry for entry in self._waiting if entry[1] not in prompt_ids])

    def clear(self) -> None:
        """Drop all prompts that wait."""
        self._keep([])

    def _keep(self, entries: list[tuple[float, str, int, Item]]) -> None:
        changed = len(entries) < len(self._waiting)
        self._waiting = entries
        heapq.heapify(self._waiting)
        if changed:
            self._changed()

    def history(self, max_items: int | None = None, offset: int = -1) -> dict[str, Mapping[str, Any]]:
        """Prompts that ran, oldest first: `max_items` from `offset` on, or the last ones without an offset."""
        ids = list(self._history)
        if max_items is not None:
            start = offset if offset >= 0 else len(ids) - max_items
            ids = ids[max(start, 0) :][: max(max_items, 1)]
        elif offset > 0:
            ids = ids[offset:]
        return {prompt_id: self._history[prompt_id] for prompt_id in ids}

    def history_of(self, prompt_id: str) -> dict[str, Mapping[str, Any]]:
        """The history of one prompt; empty when it did not run, or not yet to its end."""
        return {prompt_id: self._history[prompt_id]} if prompt_id in self._history else {}

    def forget(self, prompt_ids: list[str]) -> None:
        """Drop prompts from the history."""
        for prompt_id in prompt_ids:
            self._history.pop(prompt_id, None)

    def forget_all(self) -> None:
        """Drop the whole history."""
        self._history.clear()

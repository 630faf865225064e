"""Running prompts: one at a time, node by node, with the messages that ComfyUI sends while it does.

Source: ComfyUI 0.3.64 execution.py, main.py and comfy_execution/progress.py, and what a running server was seen to do.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pytest_comfygen.sketch.agenda import Agenda, is_link, signature
from pytest_comfygen.sketch.validation import type_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from pytest_comfygen.sketch.actions import Bench, Made
    from pytest_comfygen.sketch.catalogue import Catalogue
    from pytest_comfygen.sketch.node_class import NodeClass
    from pytest_comfygen.sketch.queue import Item, PromptQueue

_SECRETS = ("auth_token_comfy_org", "api_key_comfy_org")
_log = logging.getLogger(__name__)


class Interrupted(Exception):
    """Somebody asked to stop the prompt."""


class Send(Protocol):
    """How a message leaves: to the client with that id, or to all without one."""

    def __call__(self, event: str, data: Mapping[str, Any], client_id: str | None = None, /) -> None:
        """Send one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a run needs.

    :param sleep: waits for a number of seconds.
    """

    catalogue: Catalogue
    bench: Bench
    send: Send
    seconds_per_step: float = 0.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class _Cached:
    """A node's result, kept for the next prompt.

    :param meta: which node it was when it ran: ComfyUI keeps telling the old ids.
    """

    made: Made
    meta: Mapping[str, Any]


class Executor:
    """Runs prompts and keeps the results of the last one, as ComfyUI's classic cache does."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._cache: dict[str, _Cached] = {}
        self._interrupted = False
        self._forgetful = False
        self.client_id: str | None = None
        self.node_id: str | None = None

    def interrupt(self) -> None:
        """End the running prompt before its next step. Without one, the wish is gone when the next prompt starts."""
        self._interrupted = True

    def forget_results(self) -> None:
        """Drop all kept results, after the running prompt."""
        self._forgetful = True

    async def work(self, queue: PromptQueue) -> None:
        """Run the queue's prompts for ever."""
        while True:
            item = await queue.take()
            started = time.perf_counter()
            queue.finish(await self.execute(item))
            if self.client_id is not None:
                self._stage.send("executing", {"node": None, "prompt_id": item.prompt_id}, self.client_id)
            _log.info("Prompt executed in %.2f seconds", time.perf_counter() - started)

    async def execute(self, item: Item) -> Mapping[str, Any]:
        """Run one prompt.

        :returns: what the history keeps of it besides the prompt itself: outputs, status, meta.
        """
        self._interrupted = False
        self.client_id = item.extra_data.get("client_id")
        performance = _Performance(item, self._stage, self.client_id)
        performance.say("execution_start", {})
        signatures = {node_id: signature(item.prompt, node_id) for node_id in item.prompt}
        self._keep_only(signatures.values())
        performance.say("execution_cached", {"nodes": list(self._kept(signatures))})
        completed = await self._perform(performance, signatures)
        self.node_id = None
        for secret in _SECRETS:
            item.extra_data.pop(secret, None)
        status = {"status_str": "success" if completed else "error", "completed": completed}
        shown = {node_id: kept for node_id, kept in self._kept(signatures).items() if kept.made.ui}
        return {
            "outputs": {node_id: kept.made.ui for node_id, kept in shown.items()},
            "status": {**status, "messages": performance.messages},
            "meta": {node_id: kept.meta for node_id, kept in shown.items()},
        }

    def _keep_only(self, keys: Iterable[str]) -> None:
        """Drop the results that this prompt has no use for."""
        kept = {} if self._forgetful else self._cache
        self._forgetful = False
        self._cache = {key: kept[key] for key in keys if key in kept}

    def _kept(self, signatures: Mapping[str, str]) -> dict[str, _Cached]:
        """The results that are there, by node id."""
        return {node_id: self._cache[key] for node_id, key in signatures.items() if key in self._cache}

    async def _perform(self, performance: _Performance, signatures: Mapping[str, str]) -> bool:
        """Run the nodes that have to run; whether all of them did."""
        item, catalogue = performance.item, self._stage.catalogue
        agenda = Agenda(
            item.prompt,
            is_output=lambda node_id: catalogue[item.prompt[node_id]["class_type"]].output_node,
            is_cached=lambda node_id: signatures[node_id] in self._cache,
        )
        for output in item.outputs:
            agenda.add(output)
        while agenda:
            node_id = agenda.next()
            if not await self._perform_node(performance, node_id, signatures):
                return False
            agenda.done(node_id)
        performance.say("execution_success", {})
        return True

    async def _perform_node(self, performance: _Performance, node_id: str, signatures: Mapping[str, str]) -> bool:
        kept = self._cache.get(signatures[node_id])
        if kept is not None:
            performance.tell("executed", _about(node_id, output=kept.made.ui or None))
            performance.finish(node_id)
            return True
        inputs: dict[str, Any] = {}
        try:
            performance.start(node_id)
            inputs |= self._inputs(performance.item, node_id, signatures)
            performance.tell("executing", _about(node_id))
            self.node_id = node_id
            made = await self._run(performance, node_id, inputs)
        except Interrupted:
            _log.info("Processing interrupted")
            performance.say("execution_interrupted", performance.failure(node_id), to_all=True)
            return False
        except Exception as error:  # noqa: BLE001  # whatever a node raises is the prompt's end, not the server's
            _log.exception("!!! Exception during processing !!! %s", error)
            performance.say("execution_error", performance.failure(node_id) | _fault(performance, error, inputs))
            return False
        if made.ui:
            performance.tell("executed", _about(node_id, output=made.ui))
        meta = {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}
        self._cache[signatures[node_id]] = _Cached(made, meta)
        performance.finish(node_id)
        performance.executed.append(node_id)
        return True

    def _inputs(self, item: Item, node_id: str, signatures: Mapping[str, str]) -> dict[str, Any]:
        """The node's inputs with links resolved; inputs that its class does not have are dropped."""
        node = item.prompt[node_id]
        node_class = self._stage.catalogue[node["class_type"]]
        given = {name: value for name, value in node["inputs"].items() if name in node_class.known}
        inputs = {
            name: self._cache[signatures[value[0]]].made.values[value[1]] if is_link(value) else value
            for name, value in given.items()
        }
        own = {"PROMPT": item.prompt, "EXTRA_PNGINFO": item.extra_data.get("extra_pnginfo")}
        return inputs | {name: own[kind] for name, kind in node_class.hidden.items()}

    async def _run(self, performance: _Performance, node_id: str, inputs: Mapping[str, Any]) -> Made:
        node_class: NodeClass = self._stage.catalogue[performance.item.prompt[node_id]["class_type"]]
        self._stop_if_interrupted()
        steps = node_class.steps(inputs)
        for step in range(1, steps + 1):
            await self._stage.sleep(self._stage.seconds_per_step)
            self._stop_if_interrupted()
            if node_class.reports_steps:
                performance.report(node_id, step, steps)
        return await asyncio.to_thread(node_class.run, self._stage.bench, **inputs)

    def _stop_if_interrupted(self) -> None:
        if self._interrupted:
            self._interrupted = False
            raise Interrupted


@dataclass(slots=True)
class _Performance:
    """One run of one prompt, and what is said about it.

    :param messages: those that the history keeps.
    :param executed: nodes that ran.
    :param progress: of each node, as `progress_state` shows it.
    """

    item: Item
    stage: Stage
    client_id: str | None
    messages: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    progress: dict[str, dict[str, Any]] = field(default_factory=dict)

    def say(self, event: str, data: Mapping[str, Any], *, to_all: bool = False) -> None:
        """Send a message that the history keeps, to the prompt's client."""
        message = {"prompt_id": self.item.prompt_id, **data, "timestamp": int(time.time() * 1000)}
        self.messages.append((event, message))
        if self.client_id is not None or to_all:
            self.stage.send(event, message, self.client_id)

    def tell(self, event: str, data: Mapping[str, Any]) -> None:
        """Send a passing message to the prompt's client."""
        if self.client_id is not None:
            self.stage.send(event, {**data, "prompt_id": self.item.prompt_id}, self.client_id)

    def start(self, node_id: str) -> None:
        """Show that a node runs."""
        self._show(node_id, value=0.0, max=1.0, state="running")

    def report(self, node_id: str, value: int, maximum: int) -> None:
        """Show that a node made a step; without a client id, everybody is shown."""
        self._show(node_id, value=value, max=maximum, state="running")
        message = {"value": value, "max": maximum, "prompt_id": self.item.prompt_id, "node": node_id}
        self.stage.send("progress", message, self.client_id)

    def finish(self, node_id: str) -> None:
        """Show that a node is done."""
        maximum = self.progress.get(node_id, {"max": 1})["max"]
        self._show(node_id, value=maximum, max=maximum, state="finished")

    def _show(self, node_id: str, **state: object) -> None:
        self.progress[node_id] = state | {
            "node_id": node_id,
            "prompt_id": self.item.prompt_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }
        message = {"prompt_id": self.item.prompt_id, "nodes": self.progress}
        self.stage.send("progress_state", message, self.client_id)

    def failure(self, node_id: str) -> dict[str, Any]:
        """What a message about a failed node says in any case."""
        class_type = self.item.prompt[node_id]["class_type"]
        return {"node_id": node_id, "node_type": class_type, "executed": list(self.executed)}


def _about(node_id: str, **more: object) -> dict[str, object]:
    return {"node": node_id, "display_node": node_id, **more}


def _fault(performance: _Performance, error: Exception, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "exception_message": f"{error}\n",
        "exception_type": type_name(error),
        "traceback": traceback.format_tb(error.__traceback__),
        "current_inputs": {name: [_plain(value)] for name, value in inputs.items()},
        "current_outputs": list(performance.item.prompt),
    }


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)

"""What ComfyUI says on its websocket. All of it is a hint: it wakes whoever waits, and may be lost without harm.

A thread of its own reads the socket the whole time, also while nobody follows a job: ComfyUI sends to one client after
the other, so a client that does not read would in the end hold up all of them.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlsplit

import websocket

from pytest_comfygen.engine.client.address import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Hint", "Hints", "read_hint"]

CONNECTIONS = 3
RECONNECT_S = 1.0
CONNECT_S = 5.0
JOIN_S = 1.0
MOST_WAITING = 1000

HintKind = Literal["connected", "started", "node", "progress", "alive", "ending", "done"]


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing that the server said.

    :param kind: `connected` (from now on nothing is missed), `started`, `node` (one begins), `progress` (a step),
        `alive` (anything else about a job), `ending` (the history will have the job in a moment), `done` (it has).
    :param at: when it came in, seconds of the client's clock.
    """

    kind: HintKind
    at: float
    prompt_id: str = ""
    node: str = ""
    value: float = 0
    maximum: float = 0


_KINDS: dict[str, HintKind] = {
    "execution_start": "started",
    "executing": "node",
    "progress": "progress",
    "progress_state": "alive",
    "execution_cached": "alive",
    "executed": "alive",
    "execution_success": "ending",
    "execution_error": "ending",
    "execution_interrupted": "ending",
}


def read_hint(text: str, at: float) -> Hint | None:
    """One message, or None for what is not about a job or not understood.

    A `status` with our session's id is the first one, sent when the server has noted where to send the others.

    `executing` without a node is a job's last message; its history entry is written before it, but after
    `execution_success`. Source: ComfyUI main.py, `prompt_worker`.
    """
    try:
        message = json.loads(text)
        data = message["data"]
        if message["type"] == "status":
            return Hint("connected", at) if "sid" in data else None
        kind = _KINDS[message["type"]]
        if kind == "node" and data["node"] is None:
            kind = "done"
        step = (float(data["value"]), float(data["max"])) if kind == "progress" else (0.0, 0.0)
        return Hint(kind, at, str(data["prompt_id"]), str(data.get("node") or ""), *step)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _proxy_options(host: str) -> dict[str, Any]:
    """No proxy before loopback, whatever the environment says; websocket-client heeds that beside a proxy only."""
    return {"http_proxy_host": host, "http_proxy_port": 1, "http_no_proxy": ["*"]} if is_loopback(host) else {}


class Hints:
    """The hints of one server for one client id.

    :param url: the server, as `normal_url` gives it.
    """

    def __init__(self, url: str, client_id: str, *, authorization: str | None, clock: Callable[[], float]) -> None:
        self._url = f"ws{url.removeprefix('http')}/ws?clientId={quote(client_id)}"
        self._authorization = authorization
        self._clock = clock
        self._news = threading.Condition()
        self._waiting: deque[Hint] = deque(maxlen=MOST_WAITING)
        self._is_alive = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._socket: websocket.WebSocket | None = None

    @property
    def is_alive(self) -> bool:
        """Whether hints come in, so that looking rarely is enough."""
        return self._is_alive

    def watch(self) -> None:
        """Start to listen, unless that is so already or the server has no websocket. Returns at once."""
        if not self._stop.is_set() and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._run, name="comfygen-hints", daemon=True)
            self._thread.start()

    def next(self, timeout_s: float) -> Hint | None:
        """The oldest hint; None after `timeout_s`, or at once when nobody listens any more."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or not self._is_alive, max(0.0, timeout_s))
            return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        if self._socket is not None:
            with suppress(OSError, AttributeError):  # the thread may have closed it a moment ago
                self._socket.abort()  # type: ignore[no-untyped-call]  # websocket-client; wakes the thread up
        if self._thread is not None:
            self._thread.join(JOIN_S)

    def _run(self) -> None:
        for _ in range(CONNECTIONS):
            try:
                self._listen()
            except websocket.WebSocketBadStatusException:
                self._stop.set()  # the server has no such socket, and will not have one later
            except (websocket.WebSocketException, OSError, ValueError):
                pass  # broken, or not reached: a hint's absence is no error
            if self._stop.wait(RECONNECT_S):
                return

    def _listen(self) -> None:
        self._socket = websocket.create_connection(
            self._url,
            timeout=CONNECT_S,
            header=[f"Authorization: {self._authorization}"] if self._authorization else [],
            suppress_origin=True,  # ComfyUI refuses an Origin that differs from its Host
            redirect_limit=0,
            skip_utf8_validation=True,  # byte by byte in Python, half a millisecond for each picture; see `_receive`
            **_proxy_options(urlsplit(self._url).hostname or ""),
        )
        try:
            self._socket.settimeout(None)
            while not self._stop.is_set():
                self._receive(self._socket)
        finally:
            with self._news:
                self._is_alive = False
                self._news.notify_all()
            self._socket.shutdown()  # type: ignore[no-untyped-call]  # websocket-client leaves it untyped

    def _receive(self, socket: websocket.WebSocket) -> None:
        """One frame; those that are not text are previews, and text that is not UTF-8 ends the connection."""
        kind, frame = socket.recv_data()
        if kind == websocket.ABNF.OPCODE_CLOSE:
            raise websocket.WebSocketConnectionClosedException("closed by the server")
        if kind == websocket.ABNF.OPCODE_TEXT and (hint := read_hint(frame.decode(), self._clock())):
            with self._news:
                self._is_alive = self._is_alive or hint.kind == "connected"
                self._waiting.append(hint)
                self._news.notify_all()

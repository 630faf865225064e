"""The WebSocket clients, and who hears what."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import WSCloseCode, WSMsgType, web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Message: TypeAlias = "tuple[str, Mapping[str, Any]]"

# Source: ComfyUI `/features`.
FEATURES = {"supports_preview_metadata": True, "max_upload_size": 100 * 1024 * 1024}
BACKLOG = 4096

_log = logging.getLogger(__name__)


class Sockets:
    """All open sockets by client id. A client id that connects again takes over; the older socket goes deaf."""

    def __init__(self) -> None:
        self._outboxes: dict[str, asyncio.Queue[str]] = {}
        self._open: set[web.WebSocketResponse] = set()

    def send(self, event: str, data: Mapping[str, Any], client_id: str | None = None) -> None:
        """Queue a message for one client, or for all when no id is given; it is lost on who is not connected."""
        text = json.dumps({"type": event, "data": data})
        if client_id is None:
            outboxes = list(self._outboxes.values())
        else:
            outboxes = [self._outboxes[client_id]] if client_id in self._outboxes else []
        for outbox in outboxes:
            if outbox.full():  # the client stopped reading; its messages must not fill our memory
                _log.warning("a client does not read its messages; dropped one of type %s", event)
            else:
                outbox.put_nowait(text)

    async def serve(self, request: web.Request, greetings: Callable[[str], list[Message]]) -> web.WebSocketResponse:
        """Serve one socket until it closes.

        :param greetings: the first messages to a client, by its id.
        """
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client_id = request.query.get("clientId") or uuid.uuid4().hex
        outbox = self._outboxes[client_id] = asyncio.Queue(BACKLOG)
        self._open.add(socket)
        writer = asyncio.create_task(_write(socket, outbox))
        try:
            for event, data in greetings(client_id):
                self.send(event, data, client_id)
            await self._listen(socket, client_id)
        finally:
            self._outboxes.pop(client_id, None)
            self._open.discard(socket)
            writer.cancel()
        return socket

    async def _listen(self, socket: web.WebSocketResponse, client_id: str) -> None:
        """Read what the client says; only flags in its first message are of interest."""
        first = True
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            if first and _event(message.data) == "feature_flags":
                self.send("feature_flags", FEATURES, client_id)
            first = False

    async def close(self) -> None:
        """Close all sockets, so that the server can end."""
        for socket in list(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY)


async def _write(socket: web.WebSocketResponse, outbox: asyncio.Queue[str]) -> None:
    try:
        while True:
            await socket.send_str(await outbox.get())
    except ConnectionError as error:
        _log.warning("send error: %s", error)


def _event(text: str) -> object:
    try:
        message = json.loads(text)
    except json.JSONDecodeError:
        return None
    return message.get("type") if isinstance(message, dict) else None

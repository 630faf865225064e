"""An ear between a client and a server: everything passes, and what the server says of its progress is kept."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

__all__ = ["Ear", "listening"]

_PROGRESS = re.compile(rb'\{"type": "progress", "data": \{"value": (\d+), "max": (\d+)')


class Ear(socketserver.ThreadingTCPServer):
    """Passes connections on to a server.

    :param url: the server's, `http://host:port`.
    """

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        parts = urlsplit(url)
        self.beyond = (parts.hostname or "", parts.port or 80)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.heard = dict[object, bytes]()

    def progress(self) -> set[tuple[int, int]]:
        """Each step that the server told, and of how many."""
        said = list(self.heard.values())
        return {(int(value), int(maximum)) for one in said for value, maximum in _PROGRESS.findall(one)}


class _Connection(socketserver.BaseRequestHandler):
    """One connection, as long as both ends hold it."""

    def handle(self) -> None:
        """Pass on what is said, both ways."""
        assert isinstance(self.server, Ear)
        ear = self.server
        with socket.create_connection(ear.beyond, timeout=60) as server:
            server.settimeout(None)
            asking = threading.Thread(target=_pass_on, args=(self.request, server), daemon=True)
            asking.start()
            ear.heard[self] = b""
            with contextlib.suppress(OSError):
                while said := server.recv(65536):
                    ear.heard[self] += said
                    self.request.sendall(said)
            with contextlib.suppress(OSError):
                self.request.shutdown(socket.SHUT_RDWR)
            asking.join(5)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while said := source.recv(65536):
            target.sendall(said)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def listening(url: str) -> Iterator[Ear]:
    """An ear at a port of its own, for as long as it is needed."""
    with Ear(url) as ear:
        thread = threading.Thread(target=ear.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield ear
        finally:
            ear.shutdown()
            thread.join(5)

"""What the servers of tests have in common that do as they are told: HTTP, byte by byte, over a socket."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO


@dataclass
class Wire:
    """The connection that a request came on."""

    socket: socket.socket
    closing: threading.Event
    is_open: bool = True

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def wait(self, seconds: float) -> bool:
        """Do nothing for so long; true when the server closes meanwhile."""
        return self.closing.wait(seconds)

    def close(self, *, reset: bool = False) -> None:
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.is_open = False


def response(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A whole answer; headers without a value are left out."""
    fields = {"Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode() + body


def read_head(reader: BinaryIO) -> tuple[str, str, Mapping[str, str]] | None:
    """Method, target and headers of the next request, names in lower case; None at the end of the connection."""
    start = reader.readline().decode("latin-1").split()
    if len(start) != 3:
        return None
    headers = {}
    while line := reader.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return start[0], start[1], headers

"""HTTP whose timeout bounds an answer as a whole.

The timeout that requests hands to a socket starts anew with each read, so a server that sends a byte now and then is
waited for without end. Here the same number is the time for status line, headers and body together, and every read
gets only what is left of it. A long body earns more time as it comes in, so a large picture on a slow line is no error.

The clock is the machine's own: what is bounded is the waiting of a real socket.
"""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING, Any, cast

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    import socket
    from collections.abc import Buffer  # type: ignore[attr-defined]  # of Python 3.12; for the type checker only

    from urllib3 import PoolManager, ProxyManager

__all__ = ["MIN_BYTES_PER_S", "BoundedAdapter"]

MIN_BYTES_PER_S = 128 * 1024
BUFFER_BYTES = 64 * 1024


class _BoundedReader(io.RawIOBase):
    """The bytes of one answer, each read with the time that is left as its timeout."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._ends_at = time.monotonic() + (sock.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer is not complete in time")
        self._sock.settimeout(left_s)
        received = self._raw.readinto(buffer)
        self._ends_at += (received or 0) / MIN_BYTES_PER_S
        return cast("int | None", received)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """An answer that reads through a `_BoundedReader`."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # passed on as they are
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_BoundedReader(raw, sock), BUFFER_BYTES)


class _BoundedHTTP(HTTPConnection):
    response_class = _BoundedResponse


class _BoundedHTTPS(HTTPSConnection):
    response_class = _BoundedResponse


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _BoundedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedHTTPS


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class BoundedAdapter(HTTPAdapter):
    """requests' transport over bounded answers, with and without a proxy."""

    poolmanager: PoolManager

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # passed on as they are
        """As requests does, with pools of bounded connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:  # noqa: ANN401  # passed on as they are
        """As requests does, with pools of bounded connections."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

"""HTTP connections that have to keep coming.

The timeout that requests hands to a socket starts anew with each read, so a server that sends a byte now and then is
waited for without end. Here it is the longest silence, and bytes end a silence by what they are worth at the slowest
rate that still counts: a gigabyte in a second does not pay for a minute without any.

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

__all__ = ["LEAST_BYTES_PER_S", "SteadyAdapter"]

LEAST_BYTES_PER_S = 1024
_BUFFER_BYTES = 64 * 1024


class _SteadyReader(io.RawIOBase):
    """The bytes of one answer; its timeout is the longest silence."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._silence_s = sock.gettimeout() or 0.0
        self._ends_at = time.monotonic() + self._silence_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer comes too slowly")
        self._sock.settimeout(left_s)
        received = cast("int | None", self._raw.readinto(buffer))
        earned_s = (received or 0) / LEAST_BYTES_PER_S
        self._ends_at = min(self._ends_at + earned_s, time.monotonic() + self._silence_s)
        return received

    def close(self) -> None:
        self._raw.close()
        super().close()


class _SteadyResponse(http.client.HTTPResponse):
    """An answer that reads through a `_SteadyReader`."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # passed on as they are
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_SteadyReader(raw, sock), _BUFFER_BYTES)


class _SteadyHTTP(HTTPConnection):
    response_class = _SteadyResponse


class _SteadyHTTPS(HTTPSConnection):
    response_class = _SteadyResponse


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _SteadyHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _SteadyHTTPS


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class SteadyAdapter(HTTPAdapter):
    """requests' transport over steady connections, with and without a proxy."""

    poolmanager: PoolManager

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # passed on as they are
        """As requests does, with pools of steady connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:  # noqa: ANN401  # passed on as they are
        """As requests does, with pools of steady connections."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

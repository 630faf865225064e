"""HTTP whose timeout bounds an answer and not each read of it.

The timeout that requests hands to a socket starts anew with each read, so a server that sends a byte now and then is
waited for without end. Here the same number is a budget, and every read gets only what is left of it. Bytes that come
in earn time at the slowest rate that still counts, so a large body on a slow line is no error.

The clock is the machine's own: what is bounded is the waiting of a real socket.
"""

from __future__ import annotations

import http.client
import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    import socket
    from collections.abc import Buffer  # type: ignore[attr-defined]  # of Python 3.12; for the type checker only

    from urllib3 import PoolManager, ProxyManager

__all__ = ["Pace", "PacedAdapter"]

_BUFFER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an answer has to come.

    :param bytes_per_s: so many bytes earn a second.
    :param is_saved: earned time adds up, so that the timeout bounds the answer as a whole. Else it is the longest
        silence: a gigabyte in a second does not pay for a minute without any.
    :param complaint: what is wrong with an answer that does not keep up.
    """

    bytes_per_s: int
    is_saved: bool
    complaint: str


class _PacedReader(io.RawIOBase):
    """The bytes of one answer, each read with the time that is left as its timeout."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, pace: Pace) -> None:
        self._raw = raw
        self._sock = sock
        self._pace = pace
        self._timeout_s = sock.gettimeout() or 0.0
        self._ends_at = time.monotonic() + self._timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(self._pace.complaint)
        self._sock.settimeout(left_s)
        received = cast("int | None", self._raw.readinto(buffer))
        self._ends_at += (received or 0) / self._pace.bytes_per_s
        if not self._pace.is_saved:
            self._ends_at = min(self._ends_at, time.monotonic() + self._timeout_s)
        return received

    def close(self) -> None:
        self._raw.close()
        super().close()


def _paced_pools(pace: Pace) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3 makes connections and answers from classes, so the pace goes into classes."""

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # passed on
            super().__init__(sock, *args, **kwargs)
            self.fp = io.BufferedReader(_PacedReader(self.fp.detach(), sock, pace), _BUFFER_BYTES)

    class Plain(HTTPConnection):
        response_class = Response

    class Encrypted(HTTPSConnection):
        response_class = Response

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


class PacedAdapter(HTTPAdapter):
    """requests' transport over paced answers, with and without a proxy."""

    poolmanager: PoolManager

    def __init__(self, pace: Pace) -> None:
        self._pools = _paced_pools(pace)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # passed on as they are
        """As requests does, with pools of paced connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:  # noqa: ANN401  # passed on as they are
        """As requests does, with pools of paced connections."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

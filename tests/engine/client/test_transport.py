from __future__ import annotations

from http.client import BadStatusLine, RemoteDisconnected
from socket import gaierror

import pytest
import requests
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, ProtocolError

from pytest_comfygen.engine.client.transport import Patience, Transport, _explain, first_line
from pytest_comfygen.errors import (
    BadResponse,
    ComfygenError,
    NotComfyUI,
    ServerTooSlow,
    ServerUnreachable,
    SettingsError,
)

POOL = HTTPConnectionPool("host")
CONNECTION = HTTPConnection("host")


@pytest.mark.parametrize(
    ("error", "kind", "told", "was_sent"),
    [
        (requests.exceptions.SSLError("x"), ServerUnreachable, "no trusted TLS connection to http://host", False),
        (requests.exceptions.ProxyError("x"), ServerUnreachable, "the proxy for http://host does not answer", True),
        (requests.ConnectTimeout("x"), ServerUnreachable, "http://host does not take the connection", False),
        (
            requests.ConnectionError(MaxRetryError(POOL, "/", NameResolutionError("host", CONNECTION, gaierror()))),
            ServerUnreachable,
            "the host name of http://host is unknown",
            False,
        ),
        (
            requests.ConnectionError(MaxRetryError(POOL, "/", NewConnectionError(CONNECTION, "refused"))),
            ServerUnreachable,
            "http://host refuses the connection",
            False,
        ),
        (
            requests.ConnectionError(ProtocolError("aborted", TimeoutError())),
            ServerTooSlow,
            "http://host did not answer GET /queue in full in time",
            True,
        ),
        (requests.ReadTimeout("x"), ServerTooSlow, "http://host did not answer GET /queue in full in time", True),
        (requests.ConnectionError(ProtocolError("aborted", BadStatusLine("SSH"))), NotComfyUI, "is not HTTP", True),
        (
            requests.ConnectionError(ProtocolError("aborted", RemoteDisconnected("x"))),
            ServerUnreachable,
            "closes the connection before it answers GET /queue",
            True,
        ),
    ],
)
def test_each_exception_of_requests_has_its_words(
    error: requests.RequestException, kind: type[ComfygenError], told: str, *, was_sent: bool
) -> None:
    setback = _explain(error, "http://host", "GET /queue", BadResponse)
    assert (kind, was_sent) == (type(setback.error), setback.sent)
    assert told in setback.error.message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ""),
        (b"\n\n  oops \r\nmore", "oops"),
        (b"<!doctype html>\n<title>Log in</title><style>p { x }</style>", "Log in"),
        (b"\x1b[31mred\x1b[0m\x00\xff", "[31mred [0m \ufffd"),
        (b"x" * 100, "x" * 79 + "…"),
    ],
)
def test_the_first_line_of_a_body_is_fit_for_a_message(body: bytes, expected: str) -> None:
    assert expected == first_line(body)


def test_pauses_double_up_to_the_longest_and_yield_to_what_the_server_asks() -> None:
    patience = Patience()
    assert [patience.pause(tries, 0) for tries in range(1, 7)] == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert (patience.pause(1, 5), patience.pause(1, 99999)) == (5.0, 10.0)


def test_patience_is_bounded_by_the_silence_that_is_allowed() -> None:
    bounded = Patience().within(7)
    assert (bounded.exchange_s, bounded.total_s) == (7, 7)


def test_proxies_of_the_environment_are_for_other_hosts_only() -> None:
    assert [Transport(url)._session.trust_env for url in ("http://localhost:8188", "http://gpu-box:8188")] == [
        False,
        True,
    ]


@pytest.mark.parametrize("value", ["Bearer a\nb", "Bearer ä", "Bearer \x00"])
def test_an_authorization_that_is_no_header_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Transport("http://host", authorization=value)
    assert value not in str(caught.value)


def test_an_authorization_shows_in_no_representation() -> None:
    transport = Transport("http://host", authorization="Bearer hunter2hunter2")
    assert "hunter2" not in f"{transport!r} {transport._session!r} {transport._session.auth!r}"

"""One GET over the internet: redirects followed by hand, a token for its own host only, setbacks in our own words.

What requests raises is never raised on, nor kept as a cause: its frames hold headers. It is turned into a value first.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, ReadTimeoutError

from pytest_comfygen.engine.download.access import Access, origin_of
from pytest_comfygen.engine.download.addresses import Resolve, host_of, next_hop
from pytest_comfygen.engine.download.patience import Patience, Setback
from pytest_comfygen.engine.paced import Pace, PacedAdapter
from pytest_comfygen.errors import AddressRefused, DownloadFailed

__all__ = ["Reply", "Wire"]

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TROUBLE = (requests.RequestException, HTTPError, http.client.HTTPException, OSError, UnicodeError)
_CHUNK_BYTES = 64 * 1024
_PACE = Pace(1024, is_saved=False, complaint="the answer comes too slowly")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is no redirect; its body is still to be read.

    :param start: the address that was asked for.
    :param url: the address that answered.
    :param first: the headers of the first answer, which may have been a redirect: Hugging Face describes files there.
    """

    start: str
    url: str
    first: Mapping[str, str]
    response: requests.Response

    @property
    def status(self) -> int:
        """The answer's HTTP status."""
        return self.response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers, whose names have no case."""
        return self.response.headers

    @property
    def is_from_start(self) -> bool:
        """The host that was asked answers itself."""
        return origin_of(self.url) == origin_of(self.start)

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes.

        :raises Setback: it breaks off.
        """
        pieces = self.response.iter_content(_CHUNK_BYTES)
        while piece := _next(pieces, self.url):
            if isinstance(piece, Setback):
                raise piece
            yield piece

    def beginning(self, limit_bytes: int = 4096) -> bytes:
        """The first bytes of the body of an answer that is not the file; whatever of it can be had."""
        piece = _next(self.response.iter_content(limit_bytes), self.url)
        return b"" if piece is None or isinstance(piece, Setback) else piece


class Wire:
    """The way to the hosts that have models."""

    def __init__(self, access: Access, patience: Patience, resolve: Resolve) -> None:
        self.access = access
        self._patience = patience
        self._resolve = resolve
        self._session = _session()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @contextmanager
    def get(self, start: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        """The answer at the end of the redirects.

        :raises Setback: there is none, or a redirect leads where it must not.
        """
        url, first = start, None
        for _ in range(MOST_REDIRECTS + 1):
            response = self._send(url, headers)
            if isinstance(response, Setback):
                raise response
            with response:
                first = response.headers if first is None else first
                if response.status_code not in _REDIRECTS:
                    yield Reply(start, url, first, response)
                    return
                url = self._follow(url, response.headers.get("Location", ""), start)
        raise Setback(AddressRefused(f"{host_of(start)} redirects more than {MOST_REDIRECTS} times"))

    def _send(self, url: str, headers: Mapping[str, str]) -> requests.Response | Setback:
        try:
            return self._session.get(
                url,
                headers=dict(headers),
                auth=self.access.authorization_for(url),
                proxies=self.access.proxies_for(url),
                verify=self.access.certificates,
                stream=True,
                allow_redirects=False,
                timeout=(self._patience.connect_s, self._patience.silence_s),
            )
        except _TROUBLE as error:
            return _setback_of(error, url)

    def _follow(self, url: str, location: str, start: str) -> str:
        try:
            return next_hop(url, location, start, self._addresses)
        except AddressRefused as error:
            refused = error
        raise Setback(refused)

    def _addresses(self, host: str) -> Iterable[str]:
        """The addresses of a host; none where a proxy looks its name up."""
        return () if self.access.proxies_for(f"https://{host}") else self._resolve(host)


class _Session(requests.Session):
    """A session that does not read a redirect's body to see where it leads."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002  # requests' own signature
        return None


def _session() -> requests.Session:
    session = _Session()
    session.trust_env = False  # the environment is an argument; .netrc is not asked
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Content-Length then counts what we write, and ranges fit together.
    session.headers["Accept-Encoding"] = "identity"
    for scheme in ("http://", "https://"):
        session.mount(scheme, PacedAdapter(_PACE))
    return session


def _next(pieces: Iterator[bytes], url: str) -> bytes | Setback | None:
    """The next piece, None at the end."""
    try:
        return next(pieces, None)
    except _TROUBLE as error:
        return _setback_of(error, url)


def _setback_of(error: BaseException, url: str) -> Setback:  # noqa: PLR0911  # a table of causes, the first that fits
    """What an exception of requests means. Only types are looked at: the texts hold queries, and more."""
    host, causes = host_of(url), tuple(_causes(error))

    def is_about(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if is_about(requests.exceptions.ProxyError) and not is_about(ConnectionResetError, ConnectionAbortedError):
        return Setback(DownloadFailed(f"the proxy before {host} does not answer as one", hint=_PROXY), again=True)
    if is_about(ssl.SSLCertVerificationError):
        return Setback(DownloadFailed(f"no trusted TLS connection to {host}", hint=_CERTIFICATE))
    if is_about(requests.exceptions.InvalidSchema, requests.exceptions.InvalidProxyURL, requests.exceptions.InvalidURL):
        return Setback(DownloadFailed(f"the address of {host} or of the proxy before it cannot be used", hint=_PROXY))
    if is_about(NameResolutionError):
        return Setback(DownloadFailed(f"the host name {host} is unknown", hint="is there a network?"), again=True)
    if is_about(ConnectionRefusedError):
        return Setback(DownloadFailed(f"{_with_port(url)} refuses the connection"), again=True)
    if is_about(requests.ConnectTimeout, ConnectTimeoutError):
        return Setback(DownloadFailed(f"no connection to {host}", hint="is there a network?"), again=True)
    if is_about(requests.Timeout, ReadTimeoutError, TimeoutError):
        return Setback(DownloadFailed(f"{host} went silent"), again=True)
    if is_about(UnicodeError):
        return Setback(AddressRefused("the model's address holds characters that no host name has"))
    return Setback(DownloadFailed(f"{host} broke off"), again=True)


_PROXY = "look at HTTPS_PROXY and NO_PROXY"
_CERTIFICATE = "behind a proxy that looks inside, name its certificate in REQUESTS_CA_BUNDLE"


def _with_port(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those inside it: requests and urllib3 nest them in `args`, `reason` and as causes."""
    yield error
    for inner in (*error.args, getattr(error, "reason", None), error.__cause__):
        if isinstance(inner, BaseException):
            yield from _causes(inner)

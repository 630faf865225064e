"""HTTP to one server: total deadlines, size caps and bounded retries, and requests' errors told in our own words."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPException, RemoteDisconnected
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3 import encode_multipart_formdata
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ReadTimeoutError

from pytest_comfygen.engine.client.address import is_loopback, plain_target
from pytest_comfygen.engine.paced import Pace, PacedAdapter
from pytest_comfygen.errors import (
    BadResponse,
    NotComfyUI,
    ServerFailed,
    ServerTooSlow,
    ServerUnreachable,
    SettingsError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_comfygen.errors import ComfygenError

__all__ = ["Answer", "Patience", "Setback", "Transport", "first_line"]

JSON_LIMIT_BYTES = 64 * 2**20
CHUNK_BYTES = 256 * 1024
_PACE = Pace(128 * 1024, is_saved=True, complaint="the answer is not complete in time")
SHORTEST_SECRET = 8
GIVE_ADDRESS = "give ComfyUI's own address by --comfy-url"
START = "start ComfyUI there, or give another address by --comfy-url"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often one request is tried.

    :param exchange_s: time for one whole answer; a long body earns more, see `bounded`.
    :param total_s: after this nothing is tried again.
    :param pause_s: the first pause between two tries; it doubles up to `longest_pause_s`.
    :param longest_wait_s: what of a server's `Retry-After` is heeded at most.
    """

    attempts: int = 4
    connect_s: float = 5.0
    exchange_s: float = 30.0
    total_s: float = 60.0
    pause_s: float = 0.2
    longest_pause_s: float = 2.0
    longest_wait_s: float = 10.0

    def within(self, limit_s: float) -> Patience:
        """The same patience, bounded by `limit_s`."""
        return replace(self, exchange_s=min(self.exchange_s, limit_s), total_s=min(self.total_s, limit_s))

    def pause(self, tries: int, asked_s: float) -> float:
        """The pause after so many `tries`, or as long as the server asked for."""
        return max(min(self.pause_s * 2.0 ** (tries - 1), self.longest_pause_s), min(asked_s, self.longest_wait_s))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, read in full.

    :param route: method and path, such as `GET /queue`.
    :param status: 2xx or 4xx; other statuses are setbacks.
    :param length: what the server says of the body's length, also where it sends none.
    """

    url: str
    route: str
    status: int
    content_type: str
    body: bytes
    length: int = 0


class Setback(Exception):
    """A request without an answer to rely on; not an error yet, for somebody may try again.

    :param error: what it is when nobody tries again.
    :param again: the same request may well succeed later.
    :param sent: the server may have acted on the request.
    :param asked_s: how long the server asked to wait.
    """

    def __init__(self, error: ComfygenError, *, again: bool, sent: bool, asked_s: float = 0.0) -> None:
        super().__init__(error.message)
        self.error = error
        self.again = again
        self.sent = sent
        self.asked_s = asked_s


class _Session(requests.Session):
    """A session that neither follows a redirect nor reads its body."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002  # requests' own signature
        return None


class _Authorization(AuthBase):
    """One header for one origin; as `auth`, it also keeps requests from sending what a .netrc says instead."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


class Transport:
    """Requests to one server.

    :param url: as `normal_url` gives it.
    :param authorization: value of the Authorization header, for this server only.
    """

    def __init__(
        self,
        url: str,
        *,
        authorization: str | None = None,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.url = url
        self._patience = patience or Patience()
        self._clock = clock
        self._sleep = sleep
        self._secret = _secret(authorization)
        self._session = _session(url, authorization)
        self._blank = self._session.prepare_request(requests.Request("GET", url))
        self._circumstances = self._session.merge_environment_settings(url, {}, stream=True, verify=None, cert=None)

    def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        limit_bytes: int = JSON_LIMIT_BYTES,
        torn: type[ComfygenError] = BadResponse,
    ) -> Answer:
        """GET, tried again within the transport's patience.

        :param torn: the error for a body that ends too early or is too large.
        :raises ServerUnreachable, ServerTooSlow, ServerFailed, NotComfyUI: when there is no answer to rely on.
        """
        try:
            return self._persist(
                lambda patience: self._exchange(
                    "GET", path, patience, params=params, limit_bytes=limit_bytes, torn=torn
                ),
                lambda setback: setback.again,
                self._patience,
            )
        except Setback as setback:
            raise setback.error from None

    def head(self, path: str, params: Mapping[str, str]) -> Answer:
        """What GET would answer, without its body; tried again likewise.

        :raises ServerUnreachable, ServerTooSlow, ServerFailed, NotComfyUI: when there is no answer to rely on.
        """
        try:
            return self._persist(
                lambda patience: self._exchange("HEAD", path, patience, params=params, limit_bytes=sys.maxsize),
                lambda setback: setback.again,
                self._patience,
            )
        except Setback as setback:
            raise setback.error from None

    def send_file(self, path: str, name: str, content: bytes, fields: Mapping[str, str]) -> Answer:
        """POST a form with a file called `image`; tried again, since the same file twice is the same as once.

        :raises ServerUnreachable, ServerTooSlow, ServerFailed, NotComfyUI: when there is no answer to rely on.
        """
        file: tuple[str, bytes, str] = (name, content, "application/octet-stream")
        parts: Mapping[str, str | tuple[str, bytes, str]] = {**fields, "image": file}
        body, kind = encode_multipart_formdata(parts)
        try:
            return self._persist(
                lambda patience: self._exchange("POST", path, patience, body=body, content_type=kind),
                lambda setback: setback.again,
                self._patience,
            )
        except Setback as setback:
            raise setback.error from None

    def post(self, path: str, body: bytes, patience: Patience | None = None) -> Answer:
        """POST JSON; tried again only when the server cannot have acted on it.

        :raises Setback: when there is no answer to rely on; `sent` says whether the server may have acted.
        """
        return self._persist(
            lambda patience: self._exchange("POST", path, patience, body=body),
            lambda setback: setback.again and not setback.sent,
            patience or self._patience,
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _persist(
        self, send: Callable[[Patience], Answer], is_worth_it: Callable[[Setback], bool], patience: Patience
    ) -> Answer:
        ends_at = self._clock() + patience.total_s
        for tries in range(1, patience.attempts):
            try:
                return send(patience)
            except Setback as setback:
                pause_s = patience.pause(tries, setback.asked_s)
                if not is_worth_it(setback) or self._clock() + pause_s >= ends_at:
                    raise
            self._sleep(pause_s)
        return send(patience)

    def _exchange(  # noqa: PLR0913  # one request has that many parts
        self,
        method: str,
        path: str,
        patience: Patience,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        limit_bytes: int = JSON_LIMIT_BYTES,
        torn: type[ComfygenError] = BadResponse,
    ) -> Answer:
        route = f"{method} {path}"
        try:
            with self._session.send(
                self._prepared(method, path, params, body, content_type),
                allow_redirects=False,
                timeout=(patience.connect_s, patience.exchange_s),
                **self._circumstances,
            ) as response:
                _refuse_redirect(response, self.url, route)
                content = self._hide_secrets(_read(response, self.url, route, limit_bytes, torn))
        except requests.RequestException as error:
            raise _explain(error, self.url, route, torn) from None
        length = _number(response, "Content-Length")
        return _usable(response, Answer(self.url, route, response.status_code, _type_of(response), content, length))

    def _prepared(
        self, method: str, path: str, params: Mapping[str, str] | None, body: bytes | None, content_type: str
    ) -> requests.PreparedRequest:
        """A request; what all to this server share was prepared once, which takes a third of what sending one does."""
        request = self._blank.copy()
        request.prepare_method(method)
        request.prepare_url(self.url + path, params)
        if self._session.cookies:
            request.prepare_cookies(self._session.cookies)
        if body is not None:
            request.headers["Content-Type"] = content_type
            request.prepare_body(body, None)
        return request

    def _hide_secrets(self, content: bytes) -> bytes:
        """`content` without our own credentials: a server may repeat what it got, and its words reach our messages."""
        return content.replace(self._secret, b"***") if self._secret else content


def _secret(authorization: str | None) -> bytes:
    """What must not be repeated of an Authorization header: all of it, but for a scheme such as `Bearer`."""
    if authorization is None:
        return b""
    if not (authorization.isascii() and authorization.isprintable()):
        raise SettingsError(
            "COMFYGEN_AUTH holds characters that no HTTP header can", hint="is there a line break in it?"
        )
    secret = authorization.split()[-1:]
    return secret[0].encode() if secret and len(secret[0]) >= SHORTEST_SECRET else b""


def _session(url: str, authorization: str | None) -> requests.Session:
    session = _Session()
    session.trust_env = not is_loopback(urlsplit(url).hostname or "")
    # Content-Length then counts what we read, and no small answer grows without bounds.
    session.headers["Accept-Encoding"] = "identity"
    session.auth = _Authorization(authorization) if authorization else None
    for scheme in ("http://", "https://"):
        session.mount(scheme, PacedAdapter(_PACE))
    return session


def _read(response: requests.Response, url: str, route: str, limit_bytes: int, torn: type[ComfygenError]) -> bytes:
    """The body in full. That it is as long as Content-Length says, urllib3 sees to."""
    chunks, size = [], 0
    too_large = torn(f"{url} answers {route} with more than {limit_bytes // 2**20} MiB")
    if _number(response, "Content-Length") > limit_bytes:
        raise Setback(too_large, again=False, sent=True)
    for chunk in response.iter_content(CHUNK_BYTES):
        size += len(chunk)
        if size > limit_bytes:
            raise Setback(too_large, again=False, sent=True)
        chunks.append(chunk)
    return b"".join(chunks)


def _refuse_redirect(response: requests.Response, url: str, route: str) -> None:
    if 300 <= response.status_code < 400:  # noqa: PLR2004  # HTTP's own numbers
        target = plain_target(response.headers.get("Location", ""))
        error = NotComfyUI(f"{url} redirects {route} to {target}, which ComfyUI does not do", hint=GIVE_ADDRESS)
        raise Setback(error, again=False, sent=True)


def _usable(response: requests.Response, answer: Answer) -> Answer:
    """The answer, unless its status says that another try may get another one."""
    status = answer.status
    if status < 500 and status != HTTPStatus.TOO_MANY_REQUESTS:  # noqa: PLR2004  # HTTP's own numbers
        return answer
    said = first_line(answer.body) or response.reason
    raise Setback(
        ServerFailed(f"{answer.url} answers {answer.route} with {status}: {said}", hint="its log may say more"),
        again=True,
        sent=status != HTTPStatus.TOO_MANY_REQUESTS,
        asked_s=_number(response, "Retry-After"),
    )


def _number(response: requests.Response, header: str) -> int:
    """A header's number, 0 when it has none; the other form of `Retry-After`, a date, is not heeded."""
    value = response.headers.get(header, "").strip()
    return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else 0


def _type_of(response: requests.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _explain(error: requests.RequestException, url: str, route: str, torn: type[ComfygenError]) -> Setback:  # noqa: PLR0911  # a table of causes, the first that fits
    """What an exception of requests means. Only types are looked at: the texts hold addresses of objects, and more."""
    causes = tuple(_causes(error))

    def is_about(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if is_about(requests.exceptions.ProxyError):
        return Setback(ServerUnreachable(f"the proxy for {url} does not answer as one"), again=True, sent=True)
    if is_about(requests.exceptions.SSLError):
        hint = "is it http:// rather than https://, or a certificate that this machine does not trust?"
        return Setback(ServerUnreachable(f"no trusted TLS connection to {url}", hint=hint), again=False, sent=False)
    if is_about(NameResolutionError):
        return Setback(ServerUnreachable(f"the host name of {url} is unknown"), again=True, sent=False)
    if is_about(NewConnectionError):
        return Setback(ServerUnreachable(f"{url} refuses the connection", hint=START), again=True, sent=False)
    if is_about(requests.ConnectTimeout, ConnectTimeoutError):
        return Setback(ServerUnreachable(f"{url} does not take the connection", hint=START), again=True, sent=False)
    if is_about(requests.Timeout, ReadTimeoutError, TimeoutError):
        return Setback(ServerTooSlow(f"{url} did not answer {route} in full in time"), again=True, sent=True)
    if is_about(requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
        return Setback(torn(f"{url} breaks off in its answer to {route}"), again=True, sent=True)
    if is_about(HTTPException) and not is_about(RemoteDisconnected):
        return Setback(
            NotComfyUI(f"another program than ComfyUI uses {url}: its answer is not HTTP", hint=GIVE_ADDRESS),
            again=False,
            sent=True,
        )
    return Setback(ServerUnreachable(f"{url} closes the connection before it answers {route}"), again=True, sent=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those inside it: requests and urllib3 nest them in `args` and `reason`."""
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _causes(inner)


def first_line(body: bytes, limit: int = 80) -> str:
    """The first line of a text or a web page, without tags and control characters, for a message."""
    text = re.sub(r"(?s)<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", body[:4096].decode("utf-8", "replace"))
    lines = (" ".join("".join(c if c.isprintable() else " " for c in line).split()) for line in text.splitlines())
    line = next(filter(None, lines), "")
    return line if len(line) <= limit else line[: limit - 1] + "…"

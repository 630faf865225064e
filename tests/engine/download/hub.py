"""A host of models that does as it is told: Hugging Face, Civitai, their stores and whatever stands between.

It speaks plain HTTP at its own address. As a proxy (`environment` says how) it also is every host of the internet that
`hub.pem` has a name for, with TLS, so that tokens are seen going to hosts by their real names and no packet leaves this
machine. Without a script it serves `files` by host and path, with ranges and validators as stores do; a test overrides
the one thing that it is about:

    hub.on("https://huggingface.co/o/r/resolve/main/a.safetensors", hub.cut(1000), hub.status(503), hub.well)

Each request to that address takes the next of the answers, and the last one stays.
"""

from __future__ import annotations

import json
import random
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from tests.wire import Wire, read_head, response

PEM = Path(__file__).with_name("hub.pem")
HUB_FILE = "https://huggingface.co/owner/repo/resolve/main/model.safetensors"


def weights(size: int = 300_000, seed: int = 1) -> bytes:
    """A small safetensors file of noise."""
    tensor = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "noise": tensor}).encode()
    return struct.pack("<Q", len(header)) + header + random.Random(seed).randbytes(size)


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


@dataclass(frozen=True)
class Request:
    """A request as it came in; `url` has no query."""

    method: str
    url: str
    query: str
    headers: Mapping[str, str]


Answer = Callable[[Request, Wire], None]


@dataclass(repr=False)
class Hub:
    """See the module's text.

    :ivar files: address to content, where nothing is scripted.
    :ivar requests: every request so far, in order.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    rules: dict[str, list[Answer]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self.environment = {"HTTPS_PROXY": self.url, "REQUESTS_CA_BUNDLE": str(PEM)}
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(PEM)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def on(self, url: str, *answers: Answer) -> None:
        """Answer so from now on."""
        self.rules[url] = list(answers)

    def seen(self, url: str) -> list[Request]:
        return [request for request in self.requests if request.url == url]

    def asked(self, url: str = HUB_FILE) -> list[str | None]:
        """The `Range` of each request for `url`."""
        return [request.headers.get("range") for request in self.seen(url)]

    # --- answers --------------------------------------------------------------------------------------------------

    def well(self, request: Request, wire: Wire) -> None:
        """As a store serves a file."""
        if request.url in self.files:
            self.file(self.files[request.url])(request, wire)
        else:
            self.status(404)(request, wire)

    def file(
        self, content: bytes, *, cut: int | None = None, reset: bool = False, hold: bool = False, **headers: str
    ) -> Answer:
        """A file with ranges and validators.

        :param cut: the connection ends after so many bytes of the body.
        :param hold: it is held open then, and nothing more comes.
        """

        def answer(request: Request, wire: Wire) -> None:
            status, body, fields = ranged(content, request, fields_of(headers))
            whole = response(status, body, fields)
            sent = whole if cut is None else whole[: len(whole) - len(body) + cut]
            wire.send(sent)
            if hold:
                wire.wait(20)
            if cut is not None:
                wire.close(reset=reset)

        return answer

    def cut(self, after: int, *, url: str = HUB_FILE, reset: bool = False, hold: bool = False) -> Answer:
        """The file, up to a point."""
        return self.file(self.files[url], cut=after, reset=reset, hold=hold)

    @staticmethod
    def status(status: int, body: bytes | str = b"", **headers: str) -> Answer:
        """Any answer; underscores in header names stand for dashes."""
        content = body.encode() if isinstance(body, str) else body
        return lambda _, wire: wire.send(response(status, content, fields_of(headers)))

    @classmethod
    def redirect(cls, target: str, status: int = 302, **headers: str) -> Answer:
        return cls.status(status, "elsewhere", Location=target, **headers)

    @classmethod
    def page(cls, content_type: str = "text/html; charset=utf-8") -> Answer:
        return cls.status(200, "<!DOCTYPE html><title>Log in</title>" + " " * 500, Content_Type=content_type)

    @staticmethod
    def raw(*pieces: bytes, pause_s: float = 0.0, hold: bool = False) -> Answer:
        """These bytes as they are, and then the end of the connection."""

        def answer(_: Request, wire: Wire) -> None:
            for piece in pieces:
                wire.send(piece)
                if pause_s and wire.wait(pause_s):
                    break
            if hold:
                wire.wait(20)
            wire.close()

        return answer

    @staticmethod
    def reset() -> Answer:
        return lambda _, wire: wire.close(reset=True)

    # --- threads --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        self._closing.set()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            origin = self.url
            with connection.makefile("rb") as reader:
                first = read_head(reader)
            if first and first[0] == "CONNECT":
                connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                origin = f"https://{first[1].removesuffix(':443')}"
                connection = self._tls.wrap_socket(connection, server_side=True)
                first = None
            self._talk(connection, origin, first)

    def _talk(self, connection: socket.socket, origin: str, first: tuple[str, str, Mapping[str, str]] | None) -> None:
        wire = Wire(connection, self._closing)
        with connection, connection.makefile("rb") as reader:
            while wire.is_open and not self._closing.is_set() and (read := first or read_head(reader)):
                first = None
                method, target, headers = read
                parts = urlsplit(target)
                request = Request(method, origin + parts.path, parts.query, headers)
                self._next(request)(request, wire)

    def _next(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            answers = self.rules.get(request.url, [self.well])
            return answers.pop(0) if len(answers) > 1 else answers[0]


def fields_of(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def ranged(content: bytes, request: Request, headers: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]]:
    """What a store answers: the whole, a part of it, or that there is no such part."""
    fields = {"ETag": f'"{digest(content)[:32]}"', "Content-Type": "application/octet-stream", **headers}
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    validator = request.headers.get("if-range")
    if not asked or (validator and validator not in (fields["ETag"], fields.get("Last-Modified"))):
        return 200, content, fields
    first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
    if first >= len(content):
        return 416, b"", {**fields, "Content-Range": f"bytes */{len(content)}"}
    return 206, content[first : last + 1], {**fields, "Content-Range": f"bytes {first}-{last}/{len(content)}"}

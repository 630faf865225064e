"""A ComfyUI over raw sockets that does as it is told: everything that a server, a proxy or a wire can do wrong.

Without a script it behaves like ComfyUI, for one picture a job; a test overrides the one thing that it is about:

    scripted_server.on("GET", "/view", scripted_server.cut_short(100), scripted_server.reset())

Each request to that method and path takes the next of the answers, and the last one stays. `scripted_server.well` in
the list is the good behaviour. It knows nothing of the client under test and runs in threads of the test's process, so
it serves clients in other processes as well.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.wire import Wire, read_head, response


@dataclass(frozen=True)
class Request:
    """A request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[Request, Wire], None]


@dataclass
class Rule:
    method: str
    prefix: str
    answers: list[Answer]

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def png(width: int, height: int, seed: int) -> bytes:
    """A picture of noise, RGB, with nothing but what a PNG needs."""
    chance = random.Random(seed)
    rows = b"".join(b"\0" + chance.randbytes(width * 3) for _ in range(height))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(rows, 1)),
            (b"IEND", b""),
        )
    )


def node(required: Mapping[str, Any], *, output: tuple[str, ...] = (), is_output: bool = False) -> dict[str, Any]:
    """An entry of /object_info, with what clients read of it."""
    return {
        "input": {"required": dict(required)},
        "input_order": {"required": list(required)},
        "output": list(output),
        "output_name": list(output),
        "output_node": is_output,
    }


INTEGER = ["INT", {"default": 64, "min": 1, "max": 16384}]
SEED = ["INT", {"default": 0, "min": 0, "max": 2**64 - 1}]
FLOAT = ["FLOAT", {"default": 1.0, "min": 0.0, "max": 100.0}]
TEXT = ["STRING", {"multiline": True}]
SIDES = {"width": INTEGER, "height": INTEGER, "batch_size": INTEGER}
CHECKPOINTS = ["sd_xl_base_1.0.safetensors", "tiny-a.safetensors", "tiny-b.safetensors"]
NODES: dict[str, dict[str, Any]] = {
    "CheckpointLoaderSimple": node({"ckpt_name": [CHECKPOINTS, {}]}, output=("MODEL", "CLIP", "VAE")),
    "CLIPTextEncode": node({"text": TEXT, "clip": ["CLIP", {}]}, output=("CONDITIONING",)),
    "EmptyLatentImage": node(SIDES, output=("LATENT",)),
    "KSampler": node(
        {
            "model": ["MODEL", {}],
            "seed": SEED,
            "steps": INTEGER,
            "cfg": FLOAT,
            "sampler_name": [["euler", "euler_ancestral", "dpmpp_2m", "dpmpp_2m_sde", "ddim"], {}],
            "scheduler": [["normal", "karras", "simple"], {}],
            "positive": ["CONDITIONING", {}],
            "negative": ["CONDITIONING", {}],
            "latent_image": ["LATENT", {}],
            "denoise": FLOAT,
        },
        output=("LATENT",),
    ),
    "VAEDecode": node({"samples": ["LATENT", {}], "vae": ["VAE", {}]}, output=("IMAGE",)),
    "EmptyImage": node({**SIDES, "color": ["INT", {"min": 0, "max": 0xFFFFFF}]}, output=("IMAGE",)),
    "ImageAddNoise": node({"image": ["IMAGE", {}], "seed": SEED, "strength": FLOAT}, output=("IMAGE",)),
    "SaveImage": node({"images": ["IMAGE", {}], "filename_prefix": ["STRING", {}]}, is_output=True),
}


@dataclass
class ScriptedServer:
    """See the module's text.

    :ivar requests: every request so far, in order.
    :ivar posted: the submitted jobs, prompt id to the request's document.
    :ivar picture: what /view serves; None for noise in the size that the graph asks for.
    """

    requests: list[Request] = field(default_factory=list)
    posted: dict[str, Any] = field(default_factory=dict)
    picture: bytes | None = None
    rules: list[Rule] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listening_sockets: list[Wire] = []
        self._websocket_opened = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- what a test says -----------------------------------------------------------------------------------------

    def on(self, method: str, prefix: str, *answers: Answer) -> None:
        """Answer so from now on. A newer rule goes before an older one."""
        self.rules.insert(0, Rule(method, prefix, list(answers)))

    def heal(self) -> None:
        """Forget all rules: the fault is gone."""
        self.rules.clear()

    def seen(self, method: str, prefix: str) -> list[Request]:
        """The requests of that method whose path starts so."""
        return [r for r in self.requests if r.method == method and r.path.startswith(prefix)]

    def count(self, method: str, prefix: str) -> int:
        return len(self.seen(method, prefix))

    # --- answers --------------------------------------------------------------------------------------------------

    @staticmethod
    def status(status: int, body: bytes | str = b"", content_type: str = "text/plain", **headers: str) -> Answer:
        """Any answer with a right Content-Length; underscores in header names stand for dashes."""
        content = body.encode() if isinstance(body, str) else body
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return lambda _, wire: wire.send(response(status, content, {"Content-Type": content_type, **fields}))

    @classmethod
    def json(cls, document: object, status: int = 200) -> Answer:
        return cls.status(status, json.dumps(document), "application/json")

    @classmethod
    def html(cls, text: str = "<!doctype html><html><title>Router login</title></html>", status: int = 200) -> Answer:
        return cls.status(status, text, "text/html; charset=utf-8")

    @classmethod
    def redirect(cls, target: str) -> Answer:
        return cls.status(302, "elsewhere", Location=target)

    @staticmethod
    def reset() -> Answer:
        """The connection is reset before a single byte of an answer."""
        return lambda _, wire: wire.close(reset=True)

    @staticmethod
    def hang_up() -> Answer:
        """The connection is closed properly, without an answer."""
        return lambda _, wire: wire.close()

    @staticmethod
    def hang() -> Answer:
        """Nothing happens until the server is closed."""

        def answer(_: Request, wire: Wire) -> None:
            wire.wait(60)
            wire.close()

        return answer

    @staticmethod
    def raw(*pieces: bytes, pause_s: float = 0.0, is_reset: bool = False) -> Answer:
        """These bytes as they are, with a pause after each piece, and then the end of the connection."""

        def answer(_: Request, wire: Wire) -> None:
            for piece in pieces:
                wire.send(piece)
                if pause_s and wire.wait(pause_s):
                    break
            if is_reset:
                wire.close(reset=True)
            wire.close()

        return answer

    @classmethod
    def banner(cls) -> Answer:
        """What an SSH server would say."""
        return cls.raw(b"SSH-2.0-OpenSSH_9.6\r\n")

    @classmethod
    def cut_short(
        cls, body: bytes, missing: int = 10, content_type: str = "image/png", *, is_reset: bool = False
    ) -> Answer:
        """A body that is shorter than its Content-Length."""
        whole = response(200, body, {"Content-Type": content_type})
        return cls.raw(whole[: len(whole) - missing], is_reset=is_reset)

    @classmethod
    def too_long(cls, body: bytes, extra: bytes, content_type: str = "image/png") -> Answer:
        """A body that is longer than its Content-Length."""
        return cls.raw(response(200, body, {"Content-Type": content_type}) + extra)

    @classmethod
    def without_length(cls, body: bytes, content_type: str = "image/png") -> Answer:
        """A body that ends where the connection does, so that nobody can tell whether it is whole."""
        return cls.raw(f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n".encode() + body)

    @classmethod
    def chunked(cls, *chunks: bytes, is_whole: bool = False, content_type: str = "application/json") -> Answer:
        """Transfer-Encoding chunked; without its end unless `is_whole`."""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        return cls.raw(head + body + (b"0\r\n\r\n" if is_whole else b""))

    @classmethod
    def drip(cls, body: bytes, pause_s: float = 0.02, content_type: str = "application/json") -> Answer:
        """All of an answer, head and body, one byte after the other."""
        return cls.raw(*(bytes([b]) for b in response(200, body, {"Content-Type": content_type})), pause_s=pause_s)

    def then(self, *answers: Answer) -> Answer:
        """Take the submitted job as ComfyUI would, and answer so nevertheless."""

        def answer(request: Request, wire: Wire) -> None:
            self.posted[request.json["prompt_id"]] = request.json
            for each in answers:
                each(request, wire)

        return answer

    # --- good behaviour -------------------------------------------------------------------------------------------

    def well(self, request: Request, wire: Wire) -> None:
        """As ComfyUI answers. Every submitted job is done at once."""
        document = self._document(request)
        if isinstance(document, bytes):
            wire.send(response(200, document, {"Content-Type": "image/png"}))
        elif document is None:
            wire.send(response(404, b"404: Not Found", {"Content-Type": "text/plain"}))
        else:
            wire.send(response(200, json.dumps(document).encode(), {"Content-Type": "application/json"}))

    def _document(self, request: Request) -> Any:  # noqa: PLR0911  # a table of routes
        prompt_id = request.path.rpartition("/")[2]
        match request.method, request.path.split("/")[1]:
            case "GET", "system_stats":
                system = {"os": "posix", "comfyui_version": "0.3.64", "argv": ["main.py"]}
                return {"system": system, "devices": [{"name": "scripted", "type": "cpu", "index": None}]}
            case "GET", "object_info":
                return NODES
            case "GET", "queue":
                return {"queue_running": [], "queue_pending": []}
            case "GET", "history":
                return {prompt_id: self.success(prompt_id)} if prompt_id in self.posted else {}
            case "GET", "view":
                return self.picture if self.picture is not None else self._noise(request.query["filename"])
            case "POST", "prompt":
                self.posted[request.json["prompt_id"]] = request.json
                return {"prompt_id": request.json["prompt_id"], "number": len(self.posted), "node_errors": {}}
            case "POST", _:
                return {}
        return None

    def success(self, prompt_id: str, **changes: Any) -> dict[str, Any]:
        """The history entry of a job that went well, with other outputs or another status on request."""
        file = {"filename": f"{prompt_id}_00001_.png", "subfolder": "", "type": "output"}
        saver = next((n for n, spec in self._graph(prompt_id).items() if spec["class_type"] == "SaveImage"), "9")
        start_ms = 1_760_000_000_000
        said = {"prompt_id": prompt_id, "timestamp": start_ms}
        status = {
            "status_str": "success",
            "completed": True,
            "messages": [
                ["execution_start", said],
                ["execution_cached", {**said, "nodes": []}],
                ["execution_success", {**said, "timestamp": start_ms + 250}],
            ],
        }
        return {"prompt": [], "outputs": {saver: {"images": [file]}}, "status": status, "meta": {}, **changes}

    def failure(self, prompt_id: str, kind: str, **data: Any) -> dict[str, Any]:
        """The history entry of a job that ended with `execution_error` or `execution_interrupted`."""
        said = {"prompt_id": prompt_id, "node_id": "3", "node_type": "KSampler", "executed": [], **data}
        messages = [["execution_start", {"prompt_id": prompt_id, "timestamp": 1}], [kind, said]]
        status = {"status_str": "error", "completed": False, "messages": messages}
        return self.success(prompt_id, outputs={}, status=status)

    def history(self, make: Callable[[str], dict[str, Any]]) -> Answer:
        """An answer to GET /history/{id} with the entry that `make` gives for the id."""

        def answer(request: Request, wire: Wire) -> None:
            prompt_id = request.path.rpartition("/")[2]
            self.json({prompt_id: make(prompt_id)})(request, wire)

        return answer

    def queued(self, *, running: tuple[str, ...] = (), pending: tuple[str, ...] = ()) -> Answer:
        """An answer to GET /queue; `ours` stands for each job that was submitted here."""

        def items(names: tuple[str, ...]) -> list[list[Any]]:
            ids = [each for name in names for each in (self.posted if name == "ours" else [name])]
            return [[number, prompt_id, {}, {}, []] for number, prompt_id in enumerate(ids)]

        def answer(request: Request, wire: Wire) -> None:
            self.json({"queue_running": items(running), "queue_pending": items(pending)})(request, wire)

        return answer

    def _graph(self, prompt_id: str) -> Mapping[str, Any]:
        graph: Mapping[str, Any] = self.posted.get(prompt_id, {}).get("prompt", {})
        return graph

    def _noise(self, filename: str) -> bytes:
        """A picture of the size that the job's graph asks for; equal graphs get equal pictures."""
        inputs = [spec["inputs"] for spec in self._graph(filename.partition("_")[0]).values()]
        width, height = next(((i["width"], i["height"]) for i in inputs if "width" in i and "height" in i), (64, 64))
        what = [[(k, v) for k, v in sorted(i.items()) if k != "filename_prefix"] for i in inputs]
        return png(width, height, zlib.crc32(json.dumps(what).encode()))

    # --- websocket ------------------------------------------------------------------------------------------------

    def websocket(self, *messages: Mapping[str, Any], is_held: bool = True) -> Answer:
        """Accept the socket, send these messages, and keep it open for `say` unless told otherwise."""

        def answer(request: Request, wire: Wire) -> None:
            key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
            upgrade = "Upgrade: websocket\r\nConnection: Upgrade"
            wire.send(f"HTTP/1.1 101 Switching\r\n{upgrade}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
            hello = {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "s"}}
            for message in (hello, *messages):
                wire.send(frame(message))
            if is_held:
                self._listening_sockets.append(wire)
                self._websocket_opened.set()
                wire.wait(60)
            wire.close()

        return answer

    def say(self, kind: str, **data: Any) -> None:
        """Send a message to all sockets that are held open, once there is one."""
        assert self._websocket_opened.wait(5)
        for wire in self._listening_sockets:
            wire.send(frame({"type": kind, "data": data}))

    # --- threads --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._connections.add(connection)
                self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        wire = Wire(connection, self._closing)
        with suppress(OSError), connection.makefile("rb") as reader:  # a client may leave when it likes
            while wire.is_open and not self._closing.is_set() and (request := read_request(reader)):
                self._answer(request)(request, wire)
        with self._lock:
            self._connections.discard(connection)
            connection.close()

    def _answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            for rule in self.rules:
                if rule.method == request.method and request.path.startswith(rule.prefix):
                    return rule.next()
        return self.well


def read_request(reader: BinaryIO) -> Request | None:
    head = read_head(reader)
    if head is None:
        return None
    method, target, headers = head
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    body = reader.read(int(headers.get("content-length", 0)))
    return Request(method, unquote(parts.path), query, headers, body)


def frame(message: Mapping[str, Any]) -> bytes:
    """A text frame as servers send it: unmasked, up to 64 KiB."""
    data = json.dumps(message).encode()
    return b"\x81" + (bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))) + data


@pytest.fixture
def scripted_server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()

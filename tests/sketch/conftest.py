"""A running stand-in, and a small client to talk to it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
import websocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE_S = 30


@dataclass
class Client:
    """Talks to one stand-in."""

    url: str
    process: subprocess.Popen[str]

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return requests.request(method, self.url + path, timeout=DEADLINE_S, **more)

    def submit(self, graph: object, **more: Any) -> str:
        prompt_id = more.pop("prompt_id", str(uuid.uuid4()))
        answer = self.ask("POST", "/prompt", json={"prompt": graph, "prompt_id": prompt_id, **more})
        assert answer.status_code == 200, answer.text
        return str(prompt_id)

    def until(self, condition: Callable[[], Any]) -> Any:
        """The condition's first true value; asking the server again and again is all the waiting there is."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            if value := condition():
                return value
        pytest.fail("this did not come true in time")

    def finished(self, prompt_id: str) -> Any:
        """The prompt's history, as soon as there is one."""
        return self.until(lambda: self.ask("GET", f"/history/{prompt_id}").json())[prompt_id]

    def picture(self, prompt_id: str) -> bytes:
        (shown,) = self.finished(prompt_id)["outputs"].values()
        return self.ask("GET", "/view", params=shown["images"][0]).content

    @contextlib.contextmanager
    def socket(self, client_id: str) -> Iterator[websocket.WebSocket]:
        address = f"{self.url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
        socket = websocket.create_connection(address, timeout=DEADLINE_S)
        try:
            yield socket
        finally:
            socket.close()

    @staticmethod
    def heard(socket: websocket.WebSocket, last: Callable[[str, Any], bool]) -> list[tuple[str, Any]]:
        """All messages up to the first for which `last` holds."""
        messages: list[tuple[str, Any]] = []
        while not messages or not last(*messages[-1]):
            message = json.loads(socket.recv())
            messages.append((message["type"], message["data"]))
        return messages


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[Client]:
    command = [sys.executable, "-m", "pytest_comfygen.sketch", "--lifeline", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Client(process.stdout.readline().split()[-1], process)
        process.stdin.close()
        process.wait(DEADLINE_S)


@pytest.fixture(scope="session")
def start() -> Any:
    """Start a stand-in with further arguments; a context manager."""
    return started


@pytest.fixture(scope="module")
def shared_sketch() -> Iterator[Client]:
    with started("--checkpoint", "a.safetensors") as client:
        yield client


@pytest.fixture
def sketch(shared_sketch: Client) -> Client:
    """An idle stand-in that a module's tests share: instant, painting, with the checkpoint a.safetensors."""
    shared_sketch.until(lambda: shared_sketch.ask("GET", "/prompt").json() == {"exec_info": {"queue_remaining": 0}})
    return shared_sketch

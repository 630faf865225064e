"""ComfyUI's own page in a headless Chromium, driven by the DevTools protocol: it exports workflows in API format."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

import requests
import websocket

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Page", "PageError", "open_page"]

START_S = 120
EXPORT_S = 60
_READY = "Boolean(window.app && window.app.graph && window.LiteGraph?.registered_node_types?.KSampler)"
_QUIET = "true, false, null, {showMissingNodesDialog: false, showMissingModelsDialog: false}"


class PageError(Exception):
    """The page did not do what it was asked for."""


class Page:
    """One tab with ComfyUI's page in it."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def evaluate(self, expression: str) -> Any:  # whatever the page answers
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self._call("Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True})
        if problem := answer.get("exceptionDetails"):
            raise PageError(problem.get("exception", {}).get("description") or problem["text"])
        return answer["result"].get("value")

    def export(self, workflow: Mapping[str, Any]) -> dict[str, Any]:
        """The workflow in API format, as the page itself exports it."""
        text = json.dumps(json.dumps(workflow))
        load = f"await app.loadGraphData(JSON.parse({text}), {_QUIET});"
        made: str = self.evaluate(
            f"(async () => {{ {load} return JSON.stringify((await app.graphToPrompt()).output) }})()"
        )
        graph: dict[str, Any] = json.loads(made)
        return graph

    def _call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                if "error" in answer:
                    raise PageError(answer["error"]["message"])
                result: dict[str, Any] = answer["result"]
                return result


@contextlib.contextmanager
def open_page(chromium: str, url: str, folder: Path) -> Iterator[Page]:
    """ComfyUI's page from the server at `url`, ready to load workflows.

    :param chromium: the browser's program.
    :param folder: for the browser's profile.
    """
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    ports = folder / "DevToolsActivePort"
    ports.unlink(missing_ok=True)
    command += ["--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={folder}", url]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # no shell
    try:
        with contextlib.closing(_connect(ports, url)) as socket:
            page = Page(socket)
            _await(lambda: page.evaluate(_READY), "the page did not get ready")
            yield page
    finally:
        browser.terminate()
        browser.wait(30)


def _connect(ports: Path, url: str) -> websocket.WebSocket:
    _await(lambda: ports.exists() and ports.read_text().strip(), "the browser did not start")
    port = ports.read_text().split()[0]
    found: list[str] = []

    def is_there() -> bool:
        with contextlib.suppress(requests.ConnectionError):
            tabs = requests.get(f"http://127.0.0.1:{port}/json", timeout=5).json()
            found.extend(tab["webSocketDebuggerUrl"] for tab in tabs if tab["url"].startswith(url))
        return bool(found)

    _await(is_there, "the browser opened no page")
    return websocket.create_connection(found[0], timeout=EXPORT_S)


def _await(is_so: Any, otherwise: str) -> None:  # any question
    deadline = time.monotonic() + START_S
    while not is_so():
        if time.monotonic() > deadline:
            raise PageError(otherwise)
        time.sleep(0.2)

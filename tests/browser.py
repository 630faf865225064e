"""A headless Chromium, driven by its DevTools protocol: what a page shows, what keys do, what it complains of."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
import websocket

__all__ = ["CHROMIUM", "BrowserError", "Tab", "open_tab", "wait_for"]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

_START_S = 60
_ANSWER_S = 60
_PAUSE_S = 0.02
_KEYS = {
    "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Escape": 27, "Tab": 9,
}  # fmt: skip


class BrowserError(Exception):
    """The browser or its page did not do what it was asked for."""


class Tab:
    """One page.

    :ivar complaints: what the page said on its console, errors of scripts, and what its policy forbade.
    """

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._loaded = 0
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def go(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        before = self._loaded
        self.call("Page.navigate", url=url)
        wait_for(lambda: self._loaded > before or not self.call("Runtime.getHeapUsage"), f"{url} was not loaded")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if problem := answer.get("exceptionDetails"):
            raise BrowserError(problem.get("exception", {}).get("description") or problem["text"])
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        wait_for(lambda: self.evaluate(f"Boolean({expression})"), f"it never was so: {expression}")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
            code = _KEYS.get(key, ord(key.upper()) if len(key) == 1 else 0)
            down = {"type": "keyDown", "key": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", **down, **({"text": text} if text else {}))
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def screenshot(self, *, width: int, height: int, dark: bool = False, scale: float = 1) -> bytes:
        """What is seen in a window of this size, as PNG."""
        self.dress(width=width, height=height, dark=dark, scale=scale)
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def dress(self, *, width: int, height: int, dark: bool = False, scale: float = 1) -> None:
        """Give the window a size, and the system a light or a dark look."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask the browser, in the words of its protocol."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._hear(answer.get("method", ""), answer.get("params", {}))

    def _hear(self, event: str, params: Mapping[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded += 1
        elif event == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif event == "Log.entryAdded":
            self.complaints.append(f"{params['entry']['level']}: {params['entry']['text']}")
        elif event == "Runtime.consoleAPICalled":
            self.complaints.append(" ".join(str(one.get("value")) for one in params["args"]))


@contextlib.contextmanager
def open_tab(folder: Path, chromium: str | None = CHROMIUM) -> Iterator[Tab]:
    """A tab of a browser of its own.

    :param folder: for the browser's profile.
    """
    if chromium is None:
        raise BrowserError("there is no Chromium on the PATH")
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    command += ["--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-port=0"]
    command += ["--remote-allow-origins=*", f"--user-data-dir={folder}", "about:blank"]
    ports = folder / "DevToolsActivePort"
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: ports.exists() and ports.read_text().strip(), "the browser did not start")
        with contextlib.closing(_connected(int(ports.read_text().split()[0]))) as socket:
            yield Tab(socket)
    finally:
        browser.terminate()
        browser.wait(30)


def _connected(port: int) -> websocket.WebSocket:
    found: list[str] = []

    def is_there() -> bool:
        with contextlib.suppress(requests.ConnectionError):
            tabs = requests.get(f"http://127.0.0.1:{port}/json", timeout=5).json()
            found.extend(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        return bool(found)

    wait_for(is_there, "the browser opened no page")
    return websocket.create_connection(found[0], timeout=_ANSWER_S)


def wait_for(is_so: Callable[[], object], otherwise: str) -> None:
    """Wait until something is so.

    :raises BrowserError: it never was.
    """
    deadline = time.monotonic() + _START_S
    while not is_so():
        if time.monotonic() > deadline:
            raise BrowserError(otherwise)
        time.sleep(_PAUSE_S)

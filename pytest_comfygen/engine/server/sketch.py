"""The stand-in as a server of one process: it cannot outlive us, so it needs neither a lease nor a supervisor."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from pytest_comfygen.engine.server.environment import without_secrets
from pytest_comfygen.errors import ServerStartFailed, SketchMissing

__all__ = ["sketch_server"]

_ANNOUNCEMENT = "comfygen-sketch listening on "


@contextmanager
def sketch_server(log: Path, environment: Mapping[str, str], *, timeout_s: float) -> Iterator[str]:
    """Run the embedded stand-in and yield its address.

    The process ends when its standard input does, which the system sees to even when we are killed.

    :param log: file that takes what it writes; its directory exists.
    :param environment: for the process; tokens are left out.
    :raises SketchMissing: its packages are not installed.
    :raises ServerStartFailed: it ended, or said nothing for `timeout_s` seconds.
    """
    if find_spec("aiohttp") is None:
        raise SketchMissing("the stand-in needs the package aiohttp, which is not installed")
    command = [sys.executable, "-m", "pytest_comfygen.sketch", "--lifeline", "--any-model"]
    with log.open("wb") as errors, _process(command, environment, errors) as process:
        yield _announced(process, log, timeout_s)


@contextmanager
def _process(command: list[str], environment: Mapping[str, str], errors: IO[bytes]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603  # our own module, run by our own interpreter
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        encoding="utf-8",
        env=without_secrets(environment),
        start_new_session=True,  # Ctrl-C in the terminal is ours to handle: the server stops when we let go
    )
    try:
        yield process
    finally:
        _let_go(process)


def _let_go(process: subprocess.Popen[str]) -> None:
    """Close the lifeline, wait, and kill what does not end by itself."""
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def _announced(process: subprocess.Popen[str], log: Path, timeout_s: float) -> str:
    """The address in the server's first line; reading waits in a thread, because a pipe has no timeout everywhere."""
    lines: queue.Queue[str] = queue.Queue()
    stdout = process.stdout
    if stdout is None:
        msg = "the process was started without a pipe for its output"
        raise AssertionError(msg)
    threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
    try:
        line = lines.get(timeout=timeout_s)
    except queue.Empty:
        raise _start_failed(f"the stand-in did not start within {timeout_s:g} s", log) from None
    if not line.startswith(_ANNOUNCEMENT):
        raise _start_failed("the stand-in ended before it was ready", log)
    return line.removeprefix(_ANNOUNCEMENT).strip()


def _start_failed(message: str, log: Path) -> ServerStartFailed:
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
    return ServerStartFailed(message, details=tuple(tail), hint=f"its log: {log}")

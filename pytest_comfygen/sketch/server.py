"""The stand-in as a process: bind, announce, serve, end cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from pytest_comfygen.sketch.actions import Bench
from pytest_comfygen.sketch.execution import Executor, Stage
from pytest_comfygen.sketch.files import Folders
from pytest_comfygen.sketch.paint import Painter
from pytest_comfygen.sketch.queue import PromptQueue
from pytest_comfygen.sketch.routes import Api, queue_info
from pytest_comfygen.sketch.shelf import Shelf
from pytest_comfygen.sketch.sockets import Sockets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_comfygen.sketch.options import Options

_SHUTDOWN_S = 1.0
_log = logging.getLogger(__name__)


def run(options: Options) -> int:
    """Serve until a signal, or the end of the lifeline, says to end.

    :returns: the exit code: 0, or 1 when the address cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        listener = _listen(options.listen, options.port)
    except OSError as error:
        _log.error("cannot listen on %s, port %s: %s", options.listen, options.port, error)
        return 1
    with listener, _directory(options.directory) as root:
        asyncio.run(_serve_until_told(options, listener, Folders.below(root)))
    return 0


async def _serve_until_told(options: Options, listener: socket.socket, folders: Folders) -> None:
    loop, end = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(end.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: tell())
    if options.lifeline:
        threading.Thread(target=_hold_lifeline, args=(tell,), daemon=True).start()
    await serve(options, listener, folders, end)


async def serve(options: Options, listener: socket.socket, folders: Folders, end: asyncio.Event) -> None:
    """Serve on a bound socket until `end` is set.

    :raises Exception: a bug of ours ended the worker; better no server than one that never finishes a prompt.
    """
    sockets = Sockets()
    queue = PromptQueue(lambda: sockets.send("status", {"status": queue_info(queue)}))
    shelf = Shelf(
        names=options.checkpoints,
        directories=options.checkpoint_dirs,
        any_model=options.any_model,
        folders=folders,
    )
    bench = Bench(folders=folders, painter=Painter(plain=not options.paint))
    executor = Executor(
        Stage(catalogue=shelf.nodes(), bench=bench, send=sockets.send, seconds_per_step=options.seconds_per_step)
    )
    api = Api(shelf, folders, queue, executor, sockets)
    runner = web.AppRunner(api.application(), access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    sys.stdout.write(f"comfygen-sketch listening on {_url(listener)}\n")
    sys.stdout.flush()
    work, told = asyncio.create_task(executor.work(queue)), asyncio.create_task(end.wait())
    try:
        await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        work.cancel()
        told.cancel()
        await runner.cleanup()


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=128)


def _url(listener: socket.socket) -> str:
    address, port = listener.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


@contextlib.contextmanager
def _directory(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="comfygen-sketch-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def _hold_lifeline(tell: Callable[[], None]) -> None:
    """Wait for the end of standard input, then tell.

    It reads the descriptor: a thread that waits in `sys.stdin` holds a lock that the interpreter needs to end.
    """
    with contextlib.suppress(OSError):  # standard input was closed from the start
        while os.read(0, 4096):
            pass
    tell()

"""The supervisor's work: start the server, watch over it and over those who use it, and stop it when nobody does.

It is the server's parent, so it learns at once when the server ends. It does what pytest cannot: pytest runs no code of
ours when it is ended by SIGTERM, SIGHUP or SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

import psutil
from filelock import FileLock, Timeout

from pytest_comfygen.engine.journal import Owner
from pytest_comfygen.engine.supervise.leases import is_any_held, sweep
from pytest_comfygen.engine.supervise.state import OwnedServer, StateDirectory, write_json
from pytest_comfygen.engine.supervise.stopping import is_running, stop_family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["LOG_KEPT_BYTES", "LOG_LIMIT_BYTES", "Order", "watch"]

LOG_LIMIT_BYTES = 64 * 2**20
LOG_KEPT_BYTES = 2**20

_Word = Literal["look", "ended", "stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a supervisor is told to do.

    :param grace_s: how long no lease may be held before the server is stopped, besides `keep_s` in the state directory:
        a worker that crashed is replaced within a second or two.
    :param patience_s: how long the server may take to end when asked to.
    :param pause_s: between two looks at the leases.
    """

    token: str
    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str] = field(repr=False)
    port: int
    identity: str
    state: Path
    grace_s: float
    patience_s: float
    pause_s: float

    def as_json(self) -> dict[str, Any]:
        """As `from_json` reads it."""
        return {**asdict(self), "cwd": str(self.cwd), "state": str(self.state)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Order:
        """What `as_json` gave."""
        paths = {name: Path(document[name]) for name in ("cwd", "state")}
        return cls(**(document | paths | {"argv": tuple(document["argv"])}))


def watch(order: Order, announce: Callable[[OwnedServer], None]) -> None:
    """Start the server, say so, and stay until it is gone.

    :raises OSError: it cannot be started.
    """
    words: SimpleQueue[_Word] = SimpleQueue()  # its `put` may be called by a signal handler at any point
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: words.put("stop"))
    state = StateDirectory(order.state)
    child = _start(order, state.log)
    process = psutil.Process(child.pid)  # there as long as nobody waited for it, ended or not
    server = _described(order, child.pid, state)
    try:
        state.write_record(server)
        threading.Thread(target=_report_end, args=(child, words), daemon=True).start()
        announce(server)
        _stay(_Post(order, state, child, process, words))
    finally:
        if is_running(process) and stop_family(process, order.patience_s):
            state.forget(order.token)


def _report_end(child: subprocess.Popen[bytes], words: SimpleQueue[_Word]) -> None:
    child.wait()
    words.put("ended")


@dataclass(frozen=True, slots=True)
class _Post:
    """Where a supervisor stands."""

    order: Order
    state: StateDirectory
    child: subprocess.Popen[bytes]
    process: psutil.Process
    words: SimpleQueue[_Word]


def _stay(post: _Post) -> None:
    """Until the server ends, somebody says stop, or nobody has used the server for long enough."""
    unused_since: float | None = None
    while (word := _next_word(post)) == "look":
        cap(post.state.log)
        if not post.state.path.is_dir():  # nobody can find the server any more
            return
        with _turn(post.state) as has_it:
            if not has_it or is_any_held(post.state.leases):
                unused_since = None
                continue
            unused_since = unused_since or time.monotonic()
            if time.monotonic() - unused_since >= post.order.grace_s + post.state.keep_s():
                _stop(post)
                return
    if word == "ended":
        write_json(post.state.ended, {"token": post.order.token, "exit_code": post.child.returncode})
        post.state.forget(post.order.token)


def _next_word(post: _Post) -> _Word:
    try:
        return post.words.get(timeout=post.order.pause_s)
    except Empty:
        return "look"


@contextmanager
def _turn(state: StateDirectory) -> Iterator[bool]:
    """Be the only one who looks at leases, starts or stops; False when somebody else is, who then has a lease."""
    lock = FileLock(state.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _stop(post: _Post) -> None:
    if stop_family(post.process, post.order.patience_s):
        post.state.forget(post.order.token)
    sweep(post.state.leases)


def _start(order: Order, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:  # appending, so that `cap` may cut it
        return subprocess.Popen(  # noqa: S603  # the command that we were started for
            order.argv,
            cwd=order.cwd,
            env=dict(order.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  # no thread runs yet
        )


def _die_with_parent() -> None:
    """Have the system kill the server when the supervisor dies; Linux only. Source: prctl(2)."""
    import ctypes  # noqa: PLC0415  # in the child, between fork and exec

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _described(order: Order, pid: int, state: StateDirectory) -> OwnedServer:
    return OwnedServer(
        process=Owner.of(pid),
        supervisor=Owner.current(),
        argv=order.argv,
        token=order.token,
        port=order.port,
        identity=order.identity,
        log=state.log,
    )


def cap(log: Path) -> None:
    """Cut a log that has grown too large; its last MiB stays. The server appends, so it goes on at the new end."""
    try:
        if log.stat().st_size <= LOG_LIMIT_BYTES:
            return
        with log.open("r+b") as file:
            file.seek(-LOG_KEPT_BYTES, os.SEEK_END)
            end = file.read()
            file.seek(0)
            file.write(b"(the beginning was cut off)\n" + end)
            file.truncate()
    except OSError:
        return

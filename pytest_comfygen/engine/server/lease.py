"""Sharing one server: whoever comes first starts it, whoever goes last stops it, and all know of each other by leases.

Starting and stopping is done by one process at a time, which has *the turn*; each looks again at what is there once it
has it. What dies without letting go is the supervisor's affair (`engine.supervise.watch`).
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from filelock import FileLock, Timeout

from pytest_comfygen.engine.server.failure import log_number, log_tail
from pytest_comfygen.engine.server.start import Ended, Means, await_ready, clear_scratch, start, stop_recorded
from pytest_comfygen.engine.supervise.leases import Claim, holders, sweep
from pytest_comfygen.engine.supervise.state import OwnedServer, StateDirectory, read_json, write_json
from pytest_comfygen.engine.supervise.stopping import wait_until
from pytest_comfygen.errors import ServerInUse, ServerStartFailed, ServerTooSlow
from pytest_comfygen.records import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_comfygen.engine.server.command import ServerCommand

__all__ = ["Lease", "leased", "recorded", "running", "stop_kept", "stop_unused"]

TURN_PAUSE_S = 0.05
# Whoever has the turn stops one server and starts another one, or finds three ports taken.
TURN_S = 60.0
TURN_TOLD_S = 0.5  # the supervisor has it for an instant twice a second
LEAVE_S = 30.0
DEATH_S = 1.0


@contextmanager
def leased(  # noqa: PLR0913  # the world comes in by arguments
    command: ServerCommand,
    state: Path,
    *,
    start_timeout_s: float,
    keep_s: float,
    notify: Callable[[Event], None],
    lingers: bool = False,
    means: Means | None = None,
) -> Iterator[Lease]:
    """Use the server of a state directory, started now or found; the last one out stops it.

    :param state: one server belongs to it; made when it is missing.
    :param keep_s: leave it running so long after the last one.
    :param lingers: the last one out leaves it to `stop_unused`, or to the supervisor after its grace: more will come.
    :raises ServerStartFailed: it did not come up.
    :raises ServerInUse: the directory's server is of another command, and others use it.
    :raises ServerTooSlow: another process that starts or stops it does not get done.
    """
    lease = Lease(command, StateDirectory(state), _Terms(start_timeout_s, keep_s, lingers, notify, means or Means()))
    try:
        lease.join()
        yield lease
    finally:
        lease.leave()


def recorded(state: Path) -> OwnedServer | None:
    """The server that was started last and not stopped since; it may be dead."""
    return StateDirectory(state).recorded()


def running(state: Path) -> OwnedServer | None:
    """The server of a state directory, if its very process runs; it may be starting, or busy."""
    server = recorded(state)
    return server if server is not None and server.is_alive else None


def stop_kept(state: Path, means: Means | None = None) -> OwnedServer | None:
    """Stop the server of a state directory that nobody uses.

    :returns: what was stopped; None when nothing ran.
    :raises ServerInUse: another run uses it; it stops when that run ends.
    """
    place = StateDirectory(state)
    if recorded(state) is None:
        return None
    means = means or Means()
    with _turn(place, means, TURN_S, lambda _: None):
        if users := holders(place.leases):
            raise ServerInUse(
                f"the server is used by {_processes(users)}", hint="it stops when they end: wait, or end them"
            )
        sweep(place.leases)
        return stop_recorded(place, means)


def stop_unused(state: Path, means: Means | None = None) -> None:
    """Stop the server of a state directory unless somebody uses it, or it is to be kept."""
    place, means = StateDirectory(state), means or Means()
    with suppress(ServerTooSlow, ServerStartFailed, OSError), _turn(place, means, LEAVE_S, lambda _: None):
        if not holders(place.leases) and place.keep_s() <= 0:
            sweep(place.leases)
            stop_recorded(place, means)


@dataclass(frozen=True, slots=True)
class _Terms:
    start_timeout_s: float
    keep_s: float
    lingers: bool
    notify: Callable[[Event], None]
    means: Means

    def say(self, text: str) -> None:
        self.notify(Event(kind="notice", text=text))


class Lease:
    """This process' use of a server, from `leased`.

    :ivar was_alone: nobody else used the server that `restarted` replaced last.
    """

    def __init__(self, command: ServerCommand, state: StateDirectory, terms: _Terms) -> None:
        self._command = command
        self._state = state
        self._terms = terms
        self._claim: Claim | None = None
        self._server: OwnedServer | None = None
        self._log_number: int | None = None
        self.was_alone = False

    @property
    def server(self) -> OwnedServer:
        """The server as it is now; `restarted` may change it."""
        if self._server is None:
            msg = "there is no server before `join`"
            raise AssertionError(msg)
        return self._server

    @property
    def output(self) -> Path:
        """Where the server keeps its pictures."""
        return self._state.path / "output"

    def log_tail(self) -> tuple[str, ...]:
        """The last lines of the server's log, also when another process has begun the next server's meanwhile."""
        return log_tail(self.server.log, number=self._log_number)

    def has_died(self) -> bool:
        """Whether the server ended; one that just broke off is given a moment to be gone."""
        return wait_until(lambda: not self.server.is_alive, DEATH_S)

    def restarted(self, *, wedged: bool = False) -> OwnedServer:
        """A server in the place of one that failed: the same one when it lives, another's restart, or a new one.

        On the same port, unless somebody took it meanwhile.

        :param wedged: it lives and is of no use any more, so it is stopped, unless somebody else did so already.
        :raises MachineError: as `leased`.
        """
        failed = self.server
        seen = self._last_failure()
        with self._usable_directory(), self._my_turn():
            found = running(self._state.path)
            if found is not None and wedged and found.token == failed.token:
                found = None
            self.was_alone = not self._others()
            self._server = (found and self._ready(found)) or self._start_anew(seen, failed.port)
            self._log_number = log_number(self._server.log)
        return self.server

    def join(self) -> None:
        """Claim the server, and start it when nobody did."""
        seen = self._last_failure()
        with self._usable_directory(), self._my_turn():
            self._claim = Claim(self._state.leases, uuid4().hex[:8])
            self._server = self._shared() or self._start_anew(seen)
            self._log_number = log_number(self._server.log)
            self._keep()

    def leave(self) -> None:
        """Give the claim back; the last one out stops the server, or leaves it to the supervisor for a while."""
        claim, self._claim = self._claim, None
        if claim is None:
            return
        try:
            with _turn(self._state, self._terms.means, LEAVE_S, lambda _: None):
                claim.give_back()
                sweep(self._state.leases)
                if not holders(self._state.leases):
                    self._keep_or_stop()
        except (ServerTooSlow, OSError):  # then it is the affair of the others, or of the supervisor
            claim.give_back()

    # --- with the turn ------------------------------------------------------------------------------------------------

    def _shared(self) -> OwnedServer | None:
        """The server that runs, if it can be shared. One that cannot is an obstacle only while somebody uses it."""
        server = running(self._state.path)
        if server is None:
            return None
        is_used = bool(self._others())
        if not is_used and not (server.identity == self._command.identity and server.is_supervised):
            return None
        try:
            ready = self._ready(server)
        except ServerStartFailed:
            if is_used:
                raise
            return None
        if ready:
            self._terms.say(f"using the server that runs already at {server.url} (process {server.pid})")
        return ready

    def _ready(self, server: OwnedServer) -> OwnedServer | None:
        """The server when it answers; None when it ended meanwhile."""
        if server.identity != self._command.identity:
            raise ServerInUse(
                f"a server with other settings runs at {server.url}, used by {_processes(self._others())}",
                hint="wait until that run has ended, or give both runs the same commit, flags and device",
            )
        try:
            await_ready(server, self._state, self._terms.means, self._terms.start_timeout_s)
        except Ended:
            return None
        return server

    def _start_anew(self, seen: object, port: int | None = None) -> OwnedServer:
        """Start a server in the place of what was there.

        :param seen: the last failure that is known; when somebody else failed since, that is our answer, too.
        """
        self._refuse_known_failure(seen)
        terms = self._terms
        stop_recorded(self._state, terms.means)
        terms.say(f"starting a server; its log: {self._state.log}")
        try:
            return start(self._command, self._state, terms.means, timeout_s=terms.start_timeout_s, port=port)
        except ServerStartFailed as error:
            write_json(self._state.failure, _Failure.of(error, self._command.identity).as_json())
            raise

    def _keep_or_stop(self) -> None:
        self._keep()
        if self._terms.keep_s <= 0 and not self._terms.lingers:
            stop_recorded(self._state, self._terms.means)
            clear_scratch(self._command, self._state)

    def _keep(self) -> None:
        """The wish of who came or went last counts."""
        self._state.keep.write_text(f"{self._terms.keep_s:g}", encoding="ascii")

    def _others(self) -> tuple[int, ...]:
        return holders(self._state.leases, besides=self._claim.path if self._claim else None)

    # --- turns and failures -------------------------------------------------------------------------------------------

    def _my_turn(self) -> AbstractContextManager[None]:
        terms = self._terms
        return _turn(self._state, terms.means, terms.start_timeout_s + TURN_S, terms.say)

    @contextmanager
    def _usable_directory(self) -> Iterator[None]:
        """Tell the system's refusals in our words: a full disk, a directory that is not ours to write in."""
        try:
            self._state.leases.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            where = error.filename or self._state.path
            raise ServerStartFailed(
                f"no server can be started: {error.strerror or error} ({where})",
                hint="make the directory writable, or make room on the disk",
            ) from None

    def _last_failure(self) -> object:
        return read_json(self._state.failure)

    def _refuse_known_failure(self, seen: object) -> None:
        """Those who waited while somebody tried in vain need not try one after the other.

        :raises ServerStartFailed: as it was raised there.
        """
        failure = _Failure.from_json(self._last_failure())
        if failure and failure.as_json() != seen and failure.identity == self._command.identity:
            raise ServerStartFailed(failure.message, details=failure.details, hint=failure.hint)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A start that failed, for other processes.

    :param token: tells it from the one before.
    """

    token: str
    identity: str
    message: str
    details: tuple[str, ...]
    hint: str | None

    @classmethod
    def of(cls, error: ServerStartFailed, identity: str) -> _Failure:
        return cls(uuid4().hex, identity, error.message, error.details, error.hint)

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "details": list(self.details)}

    @classmethod
    def from_json(cls, document: object) -> _Failure | None:
        match document:
            case {
                "token": str(token),
                "identity": str(identity),
                "message": str(message),
                "details": [*details],
                "hint": str() | None as hint,
            }:
                return cls(token, identity, message, tuple(map(str, details)), hint)
        return None


@contextmanager
def _turn(state: StateDirectory, means: Means, limit_s: float, say: Callable[[str], None]) -> Iterator[None]:
    """Be the only one who starts or stops the server.

    :raises ServerTooSlow: somebody else has the turn for longer than `limit_s` seconds.
    """
    lock = FileLock(state.lock, thread_local=False)
    begun_at = means.clock()
    has_said = False
    while not _is_taken(lock):
        if means.clock() >= begun_at + limit_s:
            raise ServerTooSlow(f"{_who(state)} starts or stops the server for more than {limit_s:g} s")
        if not has_said and means.clock() >= begun_at + TURN_TOLD_S:
            say(f"waiting for {_who(state)}, which starts or stops the server")
            has_said = True
        means.sleep(TURN_PAUSE_S)
    try:
        with suppress(OSError):  # it is for people only
            state.turn.write_text(str(os.getpid()), encoding="ascii")
        yield
    finally:
        lock.release()


def _is_taken(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _who(state: StateDirectory) -> str:
    try:
        return f"process {int(state.turn.read_text(encoding='ascii'))}"
    except (OSError, ValueError):
        return "another process"


def _processes(numbers: tuple[int, ...]) -> str:
    return "process " + ", ".join(map(str, numbers)) if numbers else "another process"

"""Which ComfyUI makes the pictures of this run: one that is named or runs already, else our own, installed and started.

See `docs/explanation/servers.md` for the rule.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_comfygen.engine.install import Install, InstallState, Places, ensure, failed_nodes, gpus, look, plan
from pytest_comfygen.engine.server import (
    ANY_GPU,
    Lease,
    Neighbour,
    ServerCommand,
    comfy_command,
    identity_of,
    known_flags,
    leased,
    log_tail,
    neighbour,
    running,
    sketch_server,
    stop_kept,
    stop_unused,
)
from pytest_comfygen.engine.supervise.state import write_json
from pytest_comfygen.errors import InstallMissing, NoServer, ServerInUse, ServerStartFailed
from pytest_comfygen.flows.contact import first_that_answers, server_at
from pytest_comfygen.flows.persist import patiently
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.flows.repository import state_directories
from pytest_comfygen.flows.wishes import install_wish, our_model_paths
from pytest_comfygen.records import Job, ServerInfo

__all__ = ["Machine", "device_for", "end_unused"]

_LOG_LINES = 1000

_HOW_TO_GET_ONE = (
    "let ComfyUI be installed with --comfy-install auto, start one yourself (python main.py), name a running one with "
    "--comfy-url, or draw placeholders with --comfy-sketch"
)


@dataclass(frozen=True, slots=True)
class _Joined:
    lease: Lease


class Machine:
    """The ComfyUI of one process of a run; nothing is asked, installed or started before it is needed."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._settings = premises.settings
        self._has_looked_around = False
        self._neighbour: Neighbour | None = None
        self._leases: dict[str, Lease] = {}
        self._known: dict[str, ServerInfo] = {}
        self.failed_nodes: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        """Where our ComfyUI lives, or will."""
        return (self._premises.root / self._settings.dir).resolve()

    @property
    def starts_own(self) -> bool:
        """Whether pictures are made by a server that we start, on an install of ours."""
        return not (self._settings.sketch or self._settings.url or self._running_already())

    @property
    def serves_our_models(self) -> bool:
        """Whether the server reads the models of our ComfyUI's directory."""
        found = None if self._settings.sketch or self._settings.url else self._running_already()
        return self.starts_own or bool(found and found.runs_from(self.directory))

    def install(self) -> Install:
        """Our ComfyUI, installed or brought to its pin when the settings allow it.

        :raises MachineError: it is not there as it should be.
        """
        premises, when = self._premises, self._settings.install
        if when != "never":
            self._make_way(update=when == "update")
        return ensure(
            install_wish(self._settings, premises.root),
            premises.environment,
            premises.notify,
            may_install=when != "never",
            update=when == "update",
            waiting=premises.say,
        )

    @contextmanager
    def serving(self, install: Callable[[], Install], args: tuple[str, ...] = ()) -> Iterator[ServerInfo]:
        """A server that answers; our own lives as long as somebody uses it.

        :param install: gives the ComfyUI to start, when one is to be started.
        :param args: for `main.py`, when one is started.
        :raises MachineError: there is none, or what answers is not ComfyUI.
        """
        if self._settings.sketch:
            with self._sketching() as server:
                yield server
        elif self._settings.url:
            yield first_that_answers(self._settings, self._premises.environment, self._premises.worker)
        elif found := self._running_already():
            yield self._introduced(found)
        else:
            with self._own(self._installed(install), args) as server:
                yield server

    def is_elsewhere(self, job: Job) -> bool:
        """Whether the job's file names a server of its own, and nobody set another."""
        return bool(job.server.urls) and not (self._settings.url or self._settings.sketch)

    def prospect(self) -> str:
        """Which server would make the run's pictures, and what would have to happen for it; nothing is started."""
        settings = self._settings
        if settings.url:
            return f"the server at {', '.join(settings.url)}"
        if found := self._running_already():
            return f"the ComfyUI {found.info.version} that runs at {found.info.url}"
        wish, state = install_wish(settings, self._premises.root), self._look()
        if state.install:
            return f"ComfyUI {state.install.revision} in {settings.dir}, which would be started"
        reasons = "; ".join(state.reasons)
        if settings.install == "never":
            return f"none: {reasons}, and ComfyUI may not be installed"
        return f"ComfyUI, after {plan(wish, state, self._premises.environment).described()} ({reasons})"

    def lease_at(self, url: str) -> Lease | None:
        """Our use of the server that was found at `url`, when we started it."""
        return self._leases.get(url)

    def known_at(self, url: str) -> ServerInfo | None:
        """What is known of the server at `url`, when it was not named but found or started."""
        return self._known.get(url)

    def named(self, server: ServerInfo) -> ServerInfo:
        """A server's answer with what only we know of it: the commit that it runs, and whether we started it."""
        known = self.known_at(server.url)
        return replace(server, commit=known.commit, owned=known.owned) if known else server

    # --- servers that are there ---------------------------------------------------------------------------------------

    def _running_already(self) -> Neighbour | None:
        """What answers at the usual address, if it is for us: ours, or anybody's where nothing of ours is installed."""
        if not self._has_looked_around:
            found = neighbour(self._premises.default_url)
            self._neighbour = found if found and self._is_for_us(found) else None
            self._has_looked_around = True
        return self._neighbour

    def _is_for_us(self, found: Neighbour) -> bool:
        if found.runs_from(self.directory) or self._look().kind in ("absent", "foreign"):
            return True
        self._premises.say(
            f"the ComfyUI at {found.info.url} does not run from {self._settings.dir}, so it is left alone"
        )
        return False

    def _look(self) -> InstallState:
        return look(install_wish(self._settings, self._premises.root), self._premises.environment)

    def _introduced(self, found: Neighbour) -> ServerInfo:
        install = self._look().install if found.runs_from(self.directory) else None
        server = replace(found.info, commit=install.commit if install else None)
        self._known[server.url] = server
        revision = f"{install.revision} in {self._settings.dir}" if install else "revision unknown"
        self._premises.say(f"using the ComfyUI {server.version} already running at {server.url}; {revision}")
        return server

    @contextmanager
    def _sketching(self) -> Iterator[ServerInfo]:
        premises = self._premises
        log = premises.local_directory("logs") / f"sketch-{os.getpid()}.log"
        with sketch_server(log, premises.environment, timeout_s=self._settings.start_timeout) as url:
            yield replace(server_at(url, self._settings, {}), owned=True)
        log.unlink(missing_ok=True)  # it ended well, so nobody will ask

    # --- our own ------------------------------------------------------------------------------------------------------

    def _installed(self, install: Callable[[], Install]) -> Install:
        try:
            return install()
        except InstallMissing as missing:
            raise NoServer(
                f"no ComfyUI server: none was named, {self._premises.default_url} does not answer as one, and none may "
                "be installed",
                details=(missing.message,),
                hint=_HOW_TO_GET_ONE,
            ) from None

    def _make_way(self, *, update: bool) -> None:
        """Stop the servers that are kept and run what is about to change.

        :param update: the newest is looked for, which may be what is there.
        :raises ServerInUse: another run uses one.
        """
        in_the_way = [state for state in state_directories(self._premises.root) if self._runs_ours(state)]
        if not in_the_way or not (update or self._look().install is None):
            return
        for state in in_the_way:
            try:
                stop_kept(state)
            except ServerInUse as used:
                # With `update`, it may be used by another worker, which has looked for the newest already; else by one
                # that has installed meanwhile what we want.
                if not update and (now := self._look()).install is None:
                    raise self._cannot_change(used, now) from None

    def _cannot_change(self, used: ServerInUse, now: InstallState) -> ServerInUse:
        return ServerInUse(
            f"ComfyUI in {self._settings.dir} is not as the settings say, and cannot be changed now: {used.message}",
            details=now.reasons,
            hint="wait until that run has ended, or give both runs the same settings",
        )

    def _runs_ours(self, state: Path) -> bool:
        """Whether a server runs that was installed in our ComfyUI's directory, or in the environment beside it."""
        server = running(state)
        if server is None:
            return False
        python = Path(server.argv[0])
        beside = Places(self.directory).ours
        return python.is_relative_to(self.directory) or python.is_relative_to(beside)

    @contextmanager
    def _own(self, install: Install, args: tuple[str, ...]) -> Iterator[ServerInfo]:
        command, state = self._command(install, args)
        settings, premises = self._settings, self._premises
        with leased(
            command,
            state,
            start_timeout_s=settings.start_timeout,
            keep_s=settings.keep_server,
            lingers=premises.is_worker,
            notify=premises.notify,
        ) as lease:
            server = replace(self._own_info(lease), owned=True, commit=install.commit)
            url = server.url
            self._leases[url], self._known[url] = lease, server
            try:
                self._tell_of(server, install, lease)
                yield server
            finally:
                del self._leases[url]

    def _own_info(self, lease: Lease) -> ServerInfo:
        """What our server says of itself; others who share it may have just had it killed by a job."""

        def ask(joined: _Joined) -> ServerInfo:
            return server_at(joined.lease.server.url, self._settings, {})

        def restarted(joined: _Joined, **_: bool) -> _Joined:
            joined.lease.restarted()
            return joined

        return patiently(ask, _Joined(lease), restarted)

    def _tell_of(self, server: ServerInfo, install: Install, lease: Lease) -> None:
        commit = f", commit {install.commit[:12]}" if install.commit else ""
        device = f", {server.device}" if server.device else ""
        self._premises.say(f"ComfyUI {server.version} ({install.revision}{commit}) at {server.url}{device}")
        self.failed_nodes = failed_nodes(log_tail(lease.server.log, _LOG_LINES))
        custom = [name for name in self.failed_nodes if (install.directory / "custom_nodes" / name).exists()]
        for name in custom:  # what comes with ComfyUI itself and lacks a library was told by the installation
            self._premises.say(f"the custom node {name} could not be imported; see {lease.server.log}")

    def _command(self, install: Install, args: tuple[str, ...]) -> tuple[ServerCommand, Path]:
        """How the server is started, and the directory of its state: one for each way to start it."""
        premises = self._premises
        present = () if install.torch == "cpu" else gpus(premises.environment)
        gpu = device_for(self._settings.gpus, present, premises.worker)
        models = our_model_paths(self._settings, premises.root)
        basis = (install.commit or "", *map("@".join, install.nodes), repr(models))
        name = f"{gpu or 'cpu'}-{identity_of([str(install.directory), str(install.python), *args, *basis])[:8]}"
        state = premises.local_directory("server") / name
        if models:
            state.mkdir(exist_ok=True)
            write_json(state / "extra_model_paths.yaml", models)
            args = (*args, "--extra-model-paths-config", str(state / "extra_model_paths.yaml"))
        command = comfy_command(
            python=install.python,
            checkout=install.directory,
            state=state,
            extra_args=args,
            gpu=gpu,
            environment=premises.environment,
            flags_known=known_flags(
                install.python,
                install.directory,
                environment=premises.environment,
                cache=premises.local_directory("cache") / "comfyui-flags.json",
            ),
            basis=basis,
        )
        return command, state


def end_unused(states: Iterable[Path]) -> None:
    """Stop the servers that the workers of a run left to their controller.

    :param states: the servers' state directories.
    """
    for state in states:
        stop_unused(state)


def device_for(wanted: str, present: tuple[str, ...], worker: int) -> str | None:
    """The GPU of one process' server.

    :param wanted: `all`, how many, or their numbers with a comma, as `--comfy-gpus` has it.
    :param present: the numbers of the GPUs that are there.
    :returns: a number, `any` for whichever ComfyUI takes, or None for the processor.
    :raises ServerStartFailed: there are not so many.
    """
    if wanted == "1" or (wanted == "all" and len(present) <= 1):
        return ANY_GPU if present else None
    numbers = tuple(filter(None, wanted.split(","))) if "," in wanted else present
    count = len(numbers) if wanted == "all" or "," in wanted else int(wanted)
    missing = [number for number in numbers if number not in present]
    if missing or count > len(present):
        there = f"has the GPUs {', '.join(present)}" if present else "has no GPU that can be used"
        raise ServerStartFailed(
            f"--comfy-gpus {wanted}: this machine {there}", hint="name those that are there, or leave the option out"
        )
    return numbers[:count][worker % count]

"""Servers: those that are named, those that we keep, and what answers at the usual address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_comfygen.engine.client import Patience
from pytest_comfygen.engine.server import OwnedServer, neighbour, recorded
from pytest_comfygen.errors import MachineError, SettingsError
from pytest_comfygen.flows.contact import open_client
from pytest_comfygen.flows.doctor.codes import finding_of, fine
from pytest_comfygen.flows.doctor.commands import STOP
from pytest_comfygen.flows.doctor.visit import Site, Visit
from pytest_comfygen.flows.repository import state_directories
from pytest_comfygen.records import MachineFinding, ServerInfo, Severity

__all__ = ["server_findings"]


def server_findings(site: Site) -> Iterator[MachineFinding]:
    """The servers of this machine, and those that the settings name."""
    kept = [finding for path in state_directories(site.visit.root) for finding in _kept(path)]
    if site.visit.settings.url:
        yield from _named(site.visit)
    elif site.running:
        yield _neighbour(site, site.running.info)
    elif not any(finding.severity == "ok" for finding in kept):
        yield _none(site)
    yield from kept


def _named(visit: Visit) -> Iterator[MachineFinding]:
    """One that answers is enough."""
    brief = Patience(attempts=1, connect_s=2.0).within(visit.answer_s)
    found: dict[str, ServerInfo | MachineError | SettingsError] = {}
    for url in visit.settings.url:
        try:
            with open_client(url, visit.settings, visit.environment, brief) as client:
                found[url] = client.server_info()
        except (MachineError, SettingsError) as error:
            found[url] = error
    is_one_there = any(isinstance(one, ServerInfo) for one in found.values())
    for url, one in found.items():
        if isinstance(one, ServerInfo):
            yield fine("server", url, _described(one))
        else:
            yield finding_of(one, url, severity="warning" if is_one_there else "error")


def _neighbour(site: Site, server: ServerInfo) -> MachineFinding:
    if site.uses_running:
        where = f"from {site.visit.shown(site.wish.directory)}" if site.is_ours_running else "revision unknown"
        return fine("server", server.url, f"{_described(server)} runs already and is used; {where}")
    return MachineFinding(
        code="foreign-server",
        severity="note",
        subject=server.url,
        found=f"{_described(server)} does not run from {site.visit.shown(site.wish.directory)}, so it is left alone",
        wanted="a run starts a server of its own on another port, unless you name this one",
        command=site.visit.commands.run(url=server.url),
    )


def _none(site: Site) -> MachineFinding:
    if site.state.install:
        return fine("server", "server", "none runs; a run starts its own")
    may_install = site.visit.settings.install != "never"
    return MachineFinding(
        code="no-server",
        severity="note" if may_install else "error",
        subject="server",
        found="none runs" + ("" if may_install else f", none is named, and install is never ({_source(site)})"),
        wanted="one of ours once ComfyUI is installed; or name a running one with --comfy-url",
        command=site.visit.commands.run(install="auto"),
    )


def _source(site: Site) -> str:
    return site.visit.settings.sources.get("install", "default")


def _kept(state: Path) -> Iterator[MachineFinding]:
    """What a state directory says, compared with the processes that there are."""
    server = recorded(state)
    if server is None:
        return
    if not server.is_alive:
        yield _state(server, "server-dead", "note", "a run that died left its note; the next run clears it away")
    elif not server.is_supervised:
        yield _state(server, "server-unsupervised", "warning", "it runs, and nobody is left who would stop it")
    elif found := neighbour(server.url):
        yield fine("server", server.url, f"{_described(found.info)}, started by us (process {server.pid})")
    else:
        yield _state(server, "server-silent", "note", "it is starting or busy, or it hangs")


def _state(server: OwnedServer, code: str, severity: Severity, found: str) -> MachineFinding:
    return MachineFinding(
        code=code,
        severity=severity,
        subject=server.url,
        found=f"process {server.pid}, started by us: {found}",
        wanted="stopped" if code != "server-dead" else "no note",
        command=STOP,
    )


def _described(server: ServerInfo) -> str:
    kind = "the stand-in, as ComfyUI" if server.sketch else "ComfyUI"
    return f"{kind} {server.version}" + (f" on {server.device}" if server.device else "")

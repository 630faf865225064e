"""ComfyUI as it lies on the disk: checkout and pin, custom nodes, environment, torch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pytest_comfygen.engine.git import Checkout, short
from pytest_comfygen.engine.install import Install, failed_nodes
from pytest_comfygen.engine.install.flavour import Flavour, choose, installed_torch
from pytest_comfygen.engine.install.look import Pin, misfit, pins_of
from pytest_comfygen.engine.install.places import version_of
from pytest_comfygen.engine.install.record import InstallRecord, read_record
from pytest_comfygen.errors import GitFailed
from pytest_comfygen.flows.doctor.codes import finding_of, fine
from pytest_comfygen.flows.doctor.visit import Site
from pytest_comfygen.records import MachineFinding, Severity

__all__ = ["comfyui_findings"]

_MOST_FILES = 5
_LOG_LINES = 2000  # custom nodes are imported at the start


def comfyui_findings(site: Site) -> Iterator[MachineFinding]:
    """What stands where ComfyUI belongs, compared with what the settings ask for."""
    if site.state.kind in ("absent", "foreign"):
        yield _nothing_usable(site)
        return
    record = read_record(site.places.record)
    comfyui, *nodes = pins_of(site.wish)
    yield from _checkout(site, comfyui, record)
    for pin in nodes:
        yield _node(site, pin, record)
    yield from _failed_nodes(site)
    yield from _environment(site)


def _severity(site: Site) -> Severity:
    """An install that no image is made with keeps nobody from making them."""
    return "error" if site.starts_own else "note"


def _mending(site: Site) -> str:
    return site.visit.commands.run(install="auto")


def _nothing_usable(site: Site) -> MachineFinding:
    is_absent = site.state.kind == "absent"
    revision = site.wish.revision or "its newest release"
    return MachineFinding(
        code="install-missing" if is_absent else "checkout-foreign",
        severity=_severity(site),
        subject="ComfyUI",
        found="; ".join(site.state.reasons),
        wanted=f"ComfyUI, {revision}" if is_absent else "move it away, or name another directory with --comfy-dir",
        command=_mending(site) if is_absent else "",
    )


# --- checkouts --------------------------------------------------------------------------------------------------------


def _checkout(site: Site, pin: Pin, record: InstallRecord | None) -> Iterator[MachineFinding]:
    wrong = misfit(site.git, pin, record.comfyui if record else None)
    checkout = Checkout(site.git, pin.directory) if site.git and (pin.directory / ".git").exists() else None
    try:
        changes = checkout.changes() if checkout else ()
    except GitFailed as error:
        yield finding_of(error, "ComfyUI", severity=_severity(site))
        return
    if changes:
        yield _changed(site, pin, wrong, changes)
    elif wrong and checkout is None and site.git:
        yield MachineFinding(
            code="checkout-foreign",
            severity=_severity(site),
            subject="ComfyUI",
            found=f"{wrong}, and it is no git checkout, so it cannot be moved",
            wanted=f"leave out {pin.option}, or move {site.visit.shown(pin.directory)} away",
        )
    elif wrong:
        yield MachineFinding(
            code="revision-differs",
            severity=_severity(site),
            subject="ComfyUI",
            found=wrong,
            wanted=site.wish.revision or "the repository of the settings",
            command=_mending(site),
        )
    else:
        yield fine("checkout", "ComfyUI", _named(site, checkout))


def _changed(site: Site, pin: Pin, wrong: str | None, changes: tuple[str, ...]) -> MachineFinding:
    more = f" and {len(changes) - _MOST_FILES} more" if len(changes) > _MOST_FILES else ""
    files = f"{', '.join(changes[:_MOST_FILES])}{more}"
    stays = f"{wrong}; it is not moved, because" if wrong else "records name a commit that is not all of what runs:"
    return MachineFinding(
        code="checkout-changed",
        severity=_severity(site) if wrong else "warning",
        subject="ComfyUI",
        found=f"{stays} somebody changed {files}",
        wanted="the files of the commit" if not wrong else f"no changes, or what is there as {pin.option}",
        command=shlex.join(["git", "-C", str(pin.directory), "stash"]),
    )


def _named(site: Site, checkout: Checkout | None) -> str:
    directory = site.visit.shown(site.wish.directory)
    head = checkout.head() if checkout else None
    revision = site.wish.revision or (checkout.tag() if checkout else None)
    at = ", ".join(filter(None, (revision, f"commit {short(head)}" if head else "no git checkout")))
    return f"{version_of(site.wish.directory)} in {directory} ({at})"


# --- custom nodes -----------------------------------------------------------------------------------------------------


def _node(site: Site, pin: Pin, record: InstallRecord | None) -> MachineFinding:
    subject = f"custom node {pin.directory.name}"
    is_there = pin.directory.exists()
    recorded = record.nodes.get(pin.directory.name) if record else None
    wrong = misfit(site.git, pin, recorded) if is_there else "it is not there"
    if wrong is None:
        return fine("custom-node", subject, f"at {pin.revision}")
    return MachineFinding(
        code="custom-node-differs" if is_there else "custom-node-missing",
        severity=_severity(site),
        subject=subject,
        found=wrong,
        wanted=str(pin.revision),
        command=_mending(site),
    )


def _failed_nodes(site: Site) -> Iterator[MachineFinding]:
    """What the server that was started last could not import."""
    logs = [path for path in (site.visit.local / "server").glob("*/server.log") if path.is_file()]
    if not logs:
        return
    log = max(logs, key=lambda path: path.stat().st_mtime)
    nodes = site.places.directory / "custom_nodes"
    for name in (one for one in failed_nodes(_beginning(log)) if (nodes / one).exists()):
        yield MachineFinding(
            code="custom-node-failed",
            severity="warning",
            subject=f"custom node {name}",
            found="the server that was started last could not import it",
            wanted=f"the cause is in {site.visit.shown(log)}; often it lacks a package: --comfy-extra-requirements",
        )


def _beginning(log: Path) -> list[str]:
    with log.open(encoding="utf-8", errors="replace") as lines:
        return list(islice(lines, _LOG_LINES))


# --- environment and torch --------------------------------------------------------------------------------------------


def _environment(site: Site) -> Iterator[MachineFinding]:
    kind, install = site.state.kind, site.state.install
    reasons = "; ".join(site.state.reasons)
    has_all_nodes = all(pin.directory.exists() for pin in pins_of(site.wish))
    if install:
        whose = "it is somebody else's, and never changed" if install.adopted else "as its requirements say"
        yield fine("environment", "environment", f"{site.visit.shown(install.python.parents[1])}; {whose}")
        yield _torch(site, install)
    elif kind == "outdated" or (kind == "incomplete" and has_all_nodes):
        yield MachineFinding(
            code="requirements-changed" if kind == "outdated" else "install-incomplete",
            severity=_severity(site),
            subject="environment",
            found=reasons,
            wanted="what the settings and the checkout's requirements ask for",
            command=_mending(site),
        )


def _torch(site: Site, install: Install) -> MachineFinding:
    flavour = choose(site.wish, site.visit.environment)
    torch = installed_torch(install.python.parents[1])
    version = torch.version if torch else "unknown"
    if _fits(install.torch, flavour) or (flavour.name == "cpu" and site.wish.torch_index):
        return fine("torch", "torch", f"{version}, built for {install.torch} ({flavour.why})")
    return MachineFinding(
        code="torch-unfit",
        severity="warning",
        subject="torch",
        found=f"{version} is built for {install.torch}",
        wanted=f"a build for {flavour.name} ({flavour.why})",
        command="" if install.adopted else site.visit.commands.run(install="auto", torch=flavour.name),
    )


def _fits(installed: str, flavour: Flavour) -> bool:
    """Whether a build runs here: of its kind, and of CUDA no newer one than the driver has."""
    kinds = [re.sub(r"[\d.]+$", "", name) for name in (installed, flavour.name)]
    return kinds[0] == kinds[1] and (kinds[0] != "cu" or int(installed[2:]) <= int(flavour.name[2:]))

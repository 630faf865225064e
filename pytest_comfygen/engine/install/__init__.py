"""ComfyUI installed: clone, environment, torch, requirements, and a record when all of it is done.

A kill at any point costs time and nothing else: the next call completes or repeats what is not recorded. One process
works, the others wait and say for whom.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256

from pytest_comfygen.engine.failure import failure_shared
from pytest_comfygen.engine.install.explain import failed_nodes
from pytest_comfygen.engine.install.flavour import gpus
from pytest_comfygen.engine.install.look import installed_comfyui, look
from pytest_comfygen.engine.install.places import Places
from pytest_comfygen.engine.install.plan import InstallPlan, PlannedStep, plan
from pytest_comfygen.engine.install.transaction import Transaction
from pytest_comfygen.engine.install.wish import CustomNode, Install, InstallState, InstallWish
from pytest_comfygen.engine.locks import held
from pytest_comfygen.errors import CheckoutForeign, InstallFailed, InstallMissing, InstallSpace, MachineError
from pytest_comfygen.records import Event

__all__ = [
    "CustomNode",
    "Install",
    "InstallPlan",
    "InstallState",
    "InstallWish",
    "Places",
    "PlannedStep",
    "ensure",
    "failed_nodes",
    "gpus",
    "installed_comfyui",
    "look",
    "plan",
]


def ensure(  # noqa: PLR0913  # two switches and two ways to talk
    wish: InstallWish,
    environment: Mapping[str, str],
    notify: Callable[[Event], None],
    *,
    may_install: bool,
    update: bool,
    waiting: Callable[[str], None],
) -> Install:
    """ComfyUI as it is asked for: what is there when that is it, else installed, completed or moved.

    :param environment: the caller's; tokens in it reach no program.
    :param may_install: otherwise only what is there is used.
    :param update: move to the newest release or the newest commit of the pin, when installing is allowed.
    :param waiting: gets a sentence when another process installs.
    :raises SettingsError: the wish itself cannot be used.
    :raises InstallMissing: it is not there and may not be installed.
    :raises CheckoutForeign: something else stands in its place.
    :raises CheckoutChanged: it would have to move, and somebody changed it.
    :raises RevisionUnknown: the repository has no such revision.
    :raises InstallFailed: a step failed.
    :raises GitMissing: there is no git.
    :raises GitFailed: a git command failed.
    :raises LockFailed: there is no locking in that directory.
    """
    asked_at = time.time()
    state = look(wish, environment)
    if state.install and not (may_install and update):
        return state.install
    _refuse(state, may_install=may_install)
    places = Places(wish.directory.resolve())
    with _system_errors_translated(places):
        _make_our_directory(places)
        with held(places.lock, "installs ComfyUI", waiting) as lock:
            state = look(wish, environment)
            if not state.install or (update and not _was_recorded_since(asked_at, places)):
                with failure_shared(places.failure, asked_at, (MachineError,), _identity(wish)):
                    Transaction.begin(wish, environment, notify, lock).run(state, update=update)
                state = look(wish, environment)
    if state.install is None:
        raise InstallFailed("ComfyUI was installed and is still not as it should be", details=state.reasons)
    return state.install


def _identity(wish: InstallWish) -> str:
    return sha256(repr(wish).encode()).hexdigest()


def _refuse(state: InstallState, *, may_install: bool) -> None:
    if state.kind == "foreign":
        raise CheckoutForeign(state.reasons[0], hint="name another directory with --comfy-dir, or move it away")
    if not may_install:
        raise InstallMissing(
            f"ComfyUI is not installed as the settings say: {'; '.join(state.reasons)}",
            hint="run with --comfy-install auto, or name a running server with --comfy-url",
        )


def _make_our_directory(places: Places) -> None:
    """The directory beside the checkout, which hides itself from git."""
    places.ours.mkdir(parents=True, exist_ok=True)
    ignore = places.ours / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def _was_recorded_since(moment: float, places: Places) -> bool:
    """Whether another process did the same while we waited for it."""
    return places.record.exists() and places.record.stat().st_mtime > moment


@contextmanager
def _system_errors_translated(places: Places) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise InstallSpace(
                f"the disk became full while ComfyUI was installed to {places.directory}",
                hint="free some space, or put ComfyUI elsewhere with --comfy-dir",
            ) from None
        is_refused = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        remedy = "make that directory writable, or put ComfyUI elsewhere with --comfy-dir"
        hint = remedy if is_refused else f"the log: {places.log}"
        raise InstallFailed(f"ComfyUI was not installed: {error}", hint=hint) from error

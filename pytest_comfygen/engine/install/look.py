"""What is there, told without network and without writing; quick enough for every run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.git import Checkout, Git, short
from pytest_comfygen.engine.install.flavour import installed_torch
from pytest_comfygen.engine.install.places import Places, is_comfyui, python_in, version_of
from pytest_comfygen.engine.install.record import InstallRecord, Pinned, asked_of, read_record
from pytest_comfygen.engine.install.wish import Install, InstallState, InstallWish
from pytest_comfygen.engine.programs import redacted
from pytest_comfygen.errors import GitMissing

__all__ = ["Pin", "adoptable_environment", "installed_comfyui", "look", "misfit", "pins_of"]


@dataclass(frozen=True, slots=True)
class Pin:
    """A checkout that is wanted.

    :param option: what its revision is called in messages.
    """

    directory: Path
    repo: str
    revision: str | None
    option: str


@dataclass(frozen=True, slots=True)
class _Survey:
    """All that looking needs."""

    wish: InstallWish
    places: Places
    git: Git | None
    record: InstallRecord | None


def look(wish: InstallWish, environment: Mapping[str, str]) -> InstallState:
    """What is there, compared with what is asked for.

    :raises SettingsError: the wish itself cannot be used.
    """
    wish.check()
    places = Places(wish.directory.resolve())
    survey = _Survey(wish, places, _git(environment), read_record(places.record))
    return _without_comfyui(survey) or _not_as_pinned(survey) or _by_environment(survey)


def installed_comfyui(directory: Path) -> tuple[str, str | None] | None:
    """Version and commit of what stands in a directory, as files tell them: quick enough to ask in passing.

    :returns: None when no ComfyUI is there; the commit is None unless we put it there.
    """
    places = Places(directory.resolve())
    if not is_comfyui(places.directory):
        return None
    record = read_record(places.record)
    return version_of(places.directory), record.comfyui.commit if record else None


def pins_of(wish: InstallWish) -> tuple[Pin, ...]:
    """The checkouts that are wanted: ComfyUI's first, then those of the custom nodes."""
    directory = wish.directory.resolve()
    nodes = (
        Pin(directory / "custom_nodes" / node.name, node.repo, node.revision, f"the revision of {node.name}")
        for node in wish.nodes
    )
    return (Pin(directory, wish.repo, wish.revision, "--comfy-revision"), *nodes)


def misfit(git: Git | None, pin: Pin, recorded: Pinned | None) -> str | None:
    """Why a checkout is not the one that is wanted; None when it is.

    :param recorded: how it was put in place, if by us.
    """
    head = Checkout(git, pin.directory).head() if git and (pin.directory / ".git").exists() else None
    if recorded and recorded.repo != redacted(pin.repo):
        return f"it comes from {recorded.repo}, and {redacted(pin.repo)} is wanted"
    if pin.revision is None or pin.revision in _names(git, pin, head, recorded):
        return None
    have = short(head) if head else version_of(pin.directory)
    return f"you have {have}, the pin is {pin.revision}"


def adoptable_environment(wish: InstallWish, directory: Path) -> Path | None:
    """The environment that somebody made in the checkout and that can be used as it is."""
    if wish.wants_own_environment:
        return None
    candidates = (directory / ".venv", directory / "venv")
    return next((one for one in candidates if python_in(one).is_file() and installed_torch(one)), None)


def _names(git: Git | None, pin: Pin, head: str | None, recorded: Pinned | None) -> Iterator[str]:
    """What a pin may be called so that the checkout fits it; the costly ways last."""
    if head is None:  # no git, or no git checkout: its files tell the version
        yield from (version_of(pin.directory), f"v{version_of(pin.directory)}")
    if recorded and recorded.revision and recorded.commit in (head, None if head else recorded.commit):
        yield recorded.revision
    if head and pin.revision and head.startswith(pin.revision):
        yield pin.revision
    if git and head and pin.revision and head in Checkout(git, pin.directory).commits(pin.revision):
        yield pin.revision


def _git(environment: Mapping[str, str]) -> Git | None:
    try:
        return Git.find(environment)
    except GitMissing:
        return None


def _without_comfyui(survey: _Survey) -> InstallState | None:
    directory = survey.places.directory
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return InstallState(kind="absent", reasons=(f"{survey.wish.directory} does not exist",))
    if not is_comfyui(directory):
        return InstallState(kind="foreign", reasons=(f"{survey.wish.directory} holds something else than ComfyUI",))
    return None


def _not_as_pinned(survey: _Survey) -> InstallState | None:
    recorded = {"": survey.record.comfyui, **survey.record.nodes} if survey.record else {}
    comfyui, *nodes = pins_of(survey.wish)
    if any(survey.places.moving(pin.directory).exists() for pin in (comfyui, *nodes)):
        return InstallState(kind="incomplete", reasons=("a move to another revision was interrupted",))
    absent = tuple(f"custom node {pin.directory.name} is not there" for pin in nodes if not pin.directory.exists())
    if absent:
        return InstallState(kind="incomplete", reasons=absent)
    found = {"": misfit(survey.git, comfyui, recorded.get(""))}
    for pin in nodes:
        name = pin.directory.name
        found[f"custom node {name}: "] = misfit(survey.git, pin, recorded.get(name))
    reasons = tuple(f"{subject}{reason}" for subject, reason in found.items() if reason)
    return InstallState(kind="other-revision", reasons=reasons) if reasons else None


def _by_environment(survey: _Survey) -> InstallState:
    """The checkouts are right: what of the environment?"""
    places, record = survey.places, survey.record
    if record is None:
        adopted = adoptable_environment(survey.wish, places.directory)
        if adopted:
            return InstallState(kind="ready", install=_install(survey, adopted, adopted=True))
        return InstallState(kind="incomplete", reasons=("its environment was not made to the end",))
    if not python_in(places.environment).is_file() or not installed_torch(places.environment):
        return InstallState(kind="incomplete", reasons=("its environment is gone",))
    checkouts = tuple(pin.directory for pin in pins_of(survey.wish))
    reasons = record.asked.differences(asked_of(survey.wish, checkouts))
    if survey.wish.torch not in ("auto", record.torch):
        reasons = (*reasons, f"torch: {record.torch} → {survey.wish.torch}")
    if reasons:
        return InstallState(kind="outdated", reasons=reasons)
    return InstallState(kind="ready", install=_install(survey, places.environment, adopted=False))


def _install(survey: _Survey, environment: Path, *, adopted: bool) -> Install:
    directory, wish = survey.places.directory, survey.wish
    checkout = Checkout(survey.git, directory) if survey.git and (directory / ".git").exists() else None
    commit = checkout.head() if checkout else None
    tag = checkout.tag() if checkout and wish.revision is None else None
    torch = installed_torch(environment)
    nodes = survey.record.nodes if survey.record else {}
    return Install(
        directory=directory,
        python=python_in(environment),
        commit=commit,
        revision=wish.revision or tag or (short(commit) if commit else version_of(directory)),
        version=version_of(directory),
        torch=torch.flavour if torch else "unknown",
        adopted=adopted,
        nodes=tuple((name, pinned.commit or "") for name, pinned in sorted(nodes.items())),
    )

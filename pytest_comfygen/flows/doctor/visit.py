"""What the doctor is given to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from pytest_comfygen.engine.disk import free_bytes
from pytest_comfygen.engine.git import Git
from pytest_comfygen.engine.install import InstallState, InstallWish, Places
from pytest_comfygen.engine.server import Neighbour
from pytest_comfygen.errors import GitMissing
from pytest_comfygen.flows.doctor.commands import Commands
from pytest_comfygen.flows.premises import DEFAULT_URL
from pytest_comfygen.records import Job, relative
from pytest_comfygen.settings import LOCAL, Settings

__all__ = ["Selection", "Site", "Visit", "git_of"]

Selection: TypeAlias = Mapping[Path, frozenset[str] | None]
"""Job files, and the names of the items that are meant; None for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One examination.

    :param root: the repository; ComfyUI and `.comfygen/` lie below it.
    :param otherwise: pytest's root directory, for job files outside any repository.
    :param environment: the caller's.
    :param default_url: where a ComfyUI is looked for that nobody named.
    :param answer_s: how long a server or a host may take to answer.
    :param free: how many bytes are free where a directory is or will be.
    """

    settings: Settings
    root: Path
    otherwise: Path
    selection: Selection
    commands: Commands
    environment: Mapping[str, str] = field(repr=False)
    default_url: str = DEFAULT_URL
    answer_s: float = 5.0
    free: Callable[[Path], int] = free_bytes

    @property
    def local(self) -> Path:
        """What stays on this machine; it may not be there."""
        return self.root / LOCAL

    def shown(self, path: Path) -> str:
        """A path as people name it."""
        return relative(path, self.root) or "."


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What several looks need to know, found out once.

    :param jobs: of all job files that can be used.
    :param running: the ComfyUI that answers where nobody named one.
    """

    visit: Visit
    jobs: tuple[Job, ...]
    git: Git | None
    wish: InstallWish
    state: InstallState
    running: Neighbour | None

    @property
    def places(self) -> Places:
        """Where the parts of our ComfyUI lie."""
        return Places(self.wish.directory.resolve())

    @property
    def is_ours_running(self) -> bool:
        """Whether what answers at the usual address is the ComfyUI of the settings."""
        return self.running is not None and bool(self.running.runs_from(self.wish.directory))

    @property
    def uses_running(self) -> bool:
        """Whether a run uses what answers at the usual address: ours, or anybody's where nothing of ours is."""
        return self.is_ours_running or (self.running is not None and self.state.kind in ("absent", "foreign"))

    @property
    def reads_our_models(self) -> bool:
        """Whether the images are made from the models of our ComfyUI's directory, and not of somebody else's."""
        return self.starts_own or (self.is_ours_running and not self.visit.settings.url)

    @property
    def starts_own(self) -> bool:
        """Whether the images are made by a server that we start, on a ComfyUI of ours."""
        return not self.visit.settings.url and not self.uses_running


def git_of(environment: Mapping[str, str]) -> Git | None:
    """The git of this machine, if there is one."""
    try:
        return Git.find(environment)
    except GitMissing:
        return None

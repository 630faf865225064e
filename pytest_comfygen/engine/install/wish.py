"""What is asked for, and what is there."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_comfygen.engine.git import checked_address, checked_revision
from pytest_comfygen.errors import SettingsError

__all__ = ["CustomNode", "Install", "InstallState", "InstallWish", "StateKind"]

StateKind = Literal["absent", "foreign", "incomplete", "other-revision", "outdated", "ready"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomNode:
    """An extension of ComfyUI that the settings declare.

    :param name: its directory below `custom_nodes`.
    :param revision: the commit, tag or branch that is pinned.
    """

    name: str
    repo: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallWish:
    """What the settings ask for.

    :param directory: where the checkout belongs, as in `tools/ComfyUI`; an absolute path.
    :param repo: any git address or an absolute local path.
    :param revision: commit, tag or branch; None: the newest stable release, else the default branch.
    :param torch: `auto`, `cpu`, `cu130`, `rocm7.2`, `xpu`, `mps` …
    :param torch_index: where torch comes from; `default` is wherever the installer looks by itself.
    :param constraints: a constraints file, for every step.
    :param as_of: a date; what was published later is not installed.
    :param python: the interpreter that makes the environment.
    """

    directory: Path
    repo: str
    revision: str | None = None
    torch: str = "auto"
    torch_index: str | None = None
    constraints: Path | None = None
    extra_requirements: tuple[str, ...] = ()
    as_of: str | None = None
    python: Path
    nodes: tuple[CustomNode, ...] = ()

    @property
    def wants_own_environment(self) -> bool:
        """Whether something is asked of the environment, so that one that somebody else made will not do."""
        asked = (self.torch_index, self.constraints, self.extra_requirements, self.as_of, self.nodes)
        return self.torch != "auto" or any(asked)

    def check(self) -> None:
        """Nothing is wrong with the wish itself.

        :raises SettingsError: a value cannot be used, or would be taken for something else by git or the installer.
        """
        for repo, revision in ((self.repo, self.revision), *((node.repo, node.revision) for node in self.nodes)):
            checked_address(repo)
            if revision is not None:
                checked_revision(revision)
        self._check_packages()
        self._check_nodes()

    def _check_packages(self) -> None:
        if not re.fullmatch(r"auto|cpu|mps|xpu|cu\d{2,3}|rocm\d+(\.\d+)*", self.torch):
            raise SettingsError(
                f"--comfy-torch: {self.torch!r} is none of auto, cpu, cu130 (and the like), rocm7.2 (and the like), "
                "xpu and mps"
            )
        for spec in (*self.extra_requirements, self.torch_index or "default"):
            if not spec.strip() or spec.lstrip().startswith("-") or not spec.isprintable():
                raise SettingsError(f"{spec!r} is neither a requirement nor an index: it would be taken for an option")
        if self.as_of is not None:
            _check_date(self.as_of)
        if self.constraints is not None and not self.constraints.is_file():
            raise SettingsError(f"--comfy-constraints: {self.constraints} is no file")

    def _check_nodes(self) -> None:
        for node in self.nodes:
            if not re.fullmatch(r"\w[\w.-]*", node.name, re.ASCII):
                raise SettingsError(f"custom node {node.name!r}: the name is no name of a directory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """A ComfyUI that can be started.

    :param python: the interpreter of its environment.
    :param commit: what is checked out; None when it is no git checkout.
    :param revision: how people call it: the pin, else the release at the commit, else the commit.
    :param torch: how torch was built: `cpu`, `cu130`, `rocm7.2`, `xpu`, `mps`.
    :param adopted: the environment is somebody else's; it is used and never changed.
    :param nodes: the declared custom nodes and their commits.
    """

    directory: Path
    python: Path
    commit: str | None
    revision: str
    version: str
    torch: str
    adopted: bool
    nodes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallState:
    """What is there, and what is wrong with it.

    :param kind: `absent`; `foreign`: something else stands there; `incomplete`: an installation was interrupted or has
        no environment; `other-revision`: not the pin; `outdated`: other requirements; `ready`.
    :param reasons: one sentence each; none when ready.
    :param install: what can be started, when ready.
    """

    kind: StateKind
    reasons: tuple[str, ...] = ()
    install: Install | None = None


def _check_date(text: str) -> None:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"--comfy-as-of: {text!r} is no date", hint="write it as 2025-10-11") from None

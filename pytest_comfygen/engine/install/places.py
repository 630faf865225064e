"""Where the parts of an installation lie.

The checkout stays as its repository made it. Everything of ours lies beside it in one directory that hides itself from
git: environment, record, log, lock, and what is half done.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.journal import Owner

__all__ = ["Places", "is_comfyui", "python_in", "site_packages", "version_of"]


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of one installation.

    :param directory: the checkout, links resolved.
    """

    directory: Path

    @property
    def ours(self) -> Path:
        """The directory beside the checkout that holds everything of ours."""
        return self.directory.with_name(f"{self.directory.name}.install")

    @property
    def environment(self) -> Path:
        """The environment that we make."""
        return self.ours / "venv"

    @property
    def record(self) -> Path:
        """What was installed; written last."""
        return self.ours / "record.json"

    @property
    def log(self) -> Path:
        """What the programs of the last installation wrote."""
        return self.ours / "install.log"

    @property
    def failure(self) -> Path:
        """Why the last installation failed, for those who waited for it."""
        return self.ours / "failure.json"

    @property
    def lock(self) -> Path:
        """Held while something is installed."""
        return self.ours / "lock"

    @property
    def requirements(self) -> Path:
        """The checkout's requirements without the packages that come from torch's index."""
        return self.ours / "requirements.txt"

    @property
    def pins(self) -> Path:
        """Constraints that keep the torch packages as they are."""
        return self.ours / "torch.txt"

    def moving(self, checkout: Path) -> Path:
        """Written while the files of a checkout are being replaced."""
        return self.ours / f"moving-{checkout.name}.json"

    def saved(self, checkout: Path) -> Path:
        """Where files go that stood in a checkout whose move was interrupted."""
        return self.ours / f"saved-{checkout.name}"

    def partial(self, checkout: Path, owner: Owner) -> Path:
        """Where a process clones to."""
        return self.ours / f"clone-{checkout.name}-{owner.pid}-{owner.started_ms}"

    def partials(self) -> dict[Path, Owner]:
        """The clones that were begun."""
        found = ((path, re.search(r"-(\d{1,9})-(\d{1,15})$", path.name)) for path in self.ours.glob("clone-*"))
        return {path: Owner(int(name[1]), int(name[2])) for path, name in found if name}


def is_comfyui(directory: Path) -> bool:
    """Whether a directory holds ComfyUI's program."""
    return (directory / "main.py").is_file() and (directory / "comfyui_version.py").is_file()


def version_of(directory: Path) -> str:
    """ComfyUI's version as its files say, without running them."""
    try:
        text = (directory / "comfyui_version.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    found = re.search(r"""__version__\s*=\s*["']([\w.+-]+)["']""", text)
    return found[1] if found else "unknown"


def python_in(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / "Scripts" / "python.exe" if os.name == "nt" else environment / "bin" / "python"


def site_packages(environment: Path) -> Path | None:
    """Where the packages of a virtual environment lie."""
    return next(iter([*environment.glob("lib/python3.*/site-packages"), *environment.glob("Lib/site-packages")]), None)

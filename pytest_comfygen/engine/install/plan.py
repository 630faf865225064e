"""What an installation would do, what it takes, and whether the disk has it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.disk import free_bytes
from pytest_comfygen.engine.install.flavour import Flavour, choose, installed_torch
from pytest_comfygen.engine.install.places import Places
from pytest_comfygen.engine.install.wish import InstallState, InstallWish
from pytest_comfygen.errors import InstallSpace

__all__ = ["InstallPlan", "PlannedStep", "check_space", "plan"]

_MB = 1_000_000

# Download and disk, in megabytes. The disk sizes of cpu, cu130 and the requirements were measured with ComfyUI 0.3.64
# and the libraries of November 2026 on Linux; everything else is estimated.
_CHECKOUT = (90, 130)
_REQUIREMENTS = (350, 900)
_TORCH = {"cpu": (200, 800), "cu": (2600, 5400), "rocm": (4500, 16000), "xpu": (1500, 6000), "mps": (100, 500)}


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step and what it takes, about."""

    what: str
    download_bytes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallPlan:
    """What would happen.

    :param free_bytes: room on the disk that the installation goes to.
    """

    directory: Path
    flavour: Flavour
    steps: tuple[PlannedStep, ...]
    free_bytes: int

    @property
    def download_bytes(self) -> int:
        """What all steps transfer, about."""
        return sum(step.download_bytes for step in self.steps)

    @property
    def disk_bytes(self) -> int:
        """What all steps leave on the disk, about."""
        return sum(step.disk_bytes for step in self.steps)

    def described(self) -> str:
        """The plan in one line."""
        steps = ", ".join(f"{step.what} ({_size(step.disk_bytes)})" for step in self.steps)
        return (
            f"installing to {self.directory}: {steps}; about {_size(self.download_bytes)} to download, "
            f"{_size(self.disk_bytes)} on the disk, {_size(self.free_bytes)} free"
        )


def plan(wish: InstallWish, state: InstallState, environment: Mapping[str, str]) -> InstallPlan:
    """What would bring the state to the wish. Asks the hardware, so it may take a second; no network."""
    places = Places(wish.directory.resolve())
    flavour = choose(wish, environment)
    steps = [_step("checkout", _CHECKOUT)] if state.kind == "absent" else []
    present = installed_torch(places.environment)
    if present is None or (present.flavour != flavour.name and wish.torch_index != "default"):
        steps.append(_torch_step(wish, flavour))
    if present is None:
        steps.append(_step("requirements", _REQUIREMENTS))
    free = free_bytes(places.directory)
    return InstallPlan(directory=wish.directory, flavour=flavour, steps=tuple(steps), free_bytes=free)


def check_space(planned: InstallPlan) -> None:
    """The disk has room for what stays on it.

    :raises InstallSpace: it has not.
    """
    if planned.free_bytes < planned.disk_bytes:
        raise InstallSpace(
            f"ComfyUI takes about {_size(planned.disk_bytes)} in {planned.directory}, and {_size(planned.free_bytes)} "
            "are free",
            details=tuple(f"{step.what}: about {_size(step.disk_bytes)}" for step in planned.steps),
            hint="free some space, put ComfyUI elsewhere with --comfy-dir, or take the smaller --comfy-torch cpu",
        )


def _torch_step(wish: InstallWish, flavour: Flavour) -> PlannedStep:
    """The build that will come: the installer's own index has CUDA's for Linux, whatever the hardware is."""
    if wish.torch_index == "default" and sys.platform == "linux":
        return _step("torch as the installer's index has it", _TORCH["cu"])
    return _step(f"torch for {flavour.name}", _TORCH[re.sub(r"[\d.]+$", "", flavour.name)])


def _step(what: str, megabytes: tuple[int, int]) -> PlannedStep:
    download, disk = megabytes
    return PlannedStep(what, download * _MB, disk * _MB)


def _size(size_bytes: int) -> str:
    if size_bytes >= 1000 * _MB:
        return f"{size_bytes / (1000 * _MB):.1f} GB"
    return f"{size_bytes / _MB:.0f} MB"

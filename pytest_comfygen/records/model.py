"""Weights files on this machine, and those that are to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.errors import ComfygenError
from pytest_comfygen.records.recipe import Model

__all__ = [
    "DiskSpace",
    "DownloadPlan",
    "Downloaded",
    "FoundModel",
    "ModelPlaces",
    "PlannedDownload",
]


@dataclass(frozen=True, slots=True)
class ModelPlaces:
    """Where ComfyUI looks for weights files.

    :param models: the checkout's own `models` directory, which also has the folders that only custom nodes know.
    :param roots: ComfyUI's model folder to its directories, absolute, in the order in which ComfyUI looks.
    """

    models: Path
    roots: Mapping[str, tuple[Path, ...]]


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model that is on this machine.

    :param name: as ComfyUI lists it, with forward slashes; what the graph has to say.
    :param is_exact: the file stands where it was named; else in another subfolder, or in another case.
    """

    model: Model
    path: Path
    name: str
    is_exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDownload:
    """A model that is to come.

    :param size_bytes: as declared, else as its host says; None when neither does.
    :param part_bytes: what an earlier download left of it.
    :param refusal: why the host will not give it, where it was asked.
    """

    model: Model
    target: Path
    size_bytes: int | None
    part_bytes: int = 0
    refusal: ComfygenError | None = None

    @property
    def missing_bytes(self) -> int:
        """What is still to be transferred; 0 when the size is not known."""
        return max((self.size_bytes or 0) - self.part_bytes, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """What downloads need of one file system, and what it has.

    :param directory: one of the model directories on it.
    """

    directory: Path
    needed_bytes: int
    free_bytes: int

    @property
    def is_enough(self) -> bool:
        """Whether everything fits."""
        return self.needed_bytes <= self.free_bytes


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What would be downloaded, before anything is."""

    downloads: tuple[PlannedDownload, ...]
    disks: tuple[DiskSpace, ...]

    @property
    def total_bytes(self) -> int:
        """What is still to be transferred of the models whose size is known."""
        return sum(download.missing_bytes for download in self.downloads)

    @property
    def unknown_sizes(self) -> int:
        """How many models are not in the total, because nobody says how large they are."""
        return sum(download.size_bytes is None for download in self.downloads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A model that is there now.

    :param sha256: of the file as it lies on the disk, lower-case hex.
    :param received_bytes: what this call transferred: 0 when somebody else had done it.
    :param is_verified: a declared sha256 was compared; else `sha256` is the line to paste.
    """

    model: Model
    path: Path
    sha256: str
    size_bytes: int
    received_bytes: int
    is_verified: bool

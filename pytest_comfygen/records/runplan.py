"""What a run would do, before it does anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_comfygen.errors import ComfygenError
from pytest_comfygen.records.image import Reason
from pytest_comfygen.records.model import DiskSpace
from pytest_comfygen.records.recipe import Model

__all__ = ["PlannedAction", "PlannedImage", "PlannedModel", "RunPlan"]

# `make` needs a server; `restore` puts an image in its place that was made before; `refresh` writes the record of an
# accepted file; `choose` waits for somebody to pick a candidate; `refuse` would fail with its problem.
PlannedAction = Literal["make", "restore", "keep", "refresh", "adopt", "planned", "choose", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedImage:
    """What would become of one image.

    :param item: the job as people name it.
    :param output: the image's path, relative to the repository.
    :param problem: what the item would fail with.
    """

    item: str
    output: str
    action: PlannedAction
    reasons: tuple[Reason, ...] = ()
    problem: ComfygenError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedModel:
    """A weights file that would be loaded.

    :param images: how many of the images need it.
    :param state: on this machine (`here`), or it has to come; `missing` says that nobody knows from where. A server
        that reads files of its own may have it.
    :param size_bytes: of the file, or as declared; None when neither is known.
    """

    model: Model
    images: int
    state: Literal["here", "to download", "missing", "up to the server"]
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What a run would do.

    :param disks: where models would be downloaded to.
    :param comfyui: which servers would make the images, in words; empty when none has to be made.
    :param expected_s: what the images would take that are of a kind that was made here before, about.
    :param unknown: how many others would be made.
    """

    images: tuple[PlannedImage, ...]
    models: tuple[PlannedModel, ...] = ()
    disks: tuple[DiskSpace, ...] = ()
    comfyui: tuple[str, ...] = ()
    expected_s: float = 0.0
    unknown: int = 0

    def count(self, action: PlannedAction) -> int:
        """How many images this would become of."""
        return sum(image.action == action for image in self.images)

    @property
    def downloads(self) -> tuple[PlannedModel, ...]:
        """The models that would have to be downloaded."""
        return tuple(one for one in self.models if one.state == "to download")

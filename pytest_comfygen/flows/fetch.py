"""Models that are not on this machine: what there would be to download, and the downloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_comfygen.engine.download import Access, Surroundings, download, plan_downloads, readable_size
from pytest_comfygen.engine.models import ModelHashes, near_models
from pytest_comfygen.errors import ComfygenError, DiskTooSmall, ModelMissing
from pytest_comfygen.flows.models import missing_model
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.records import DownloadPlan, Model, ModelPlaces, PlannedDownload

__all__ = ["download_lines", "fetch", "how_to_get", "not_here"]


def fetch(
    missing: Sequence[Model], places: ModelPlaces, hashes: ModelHashes, premises: Premises
) -> Mapping[Model, ComfygenError]:
    """Download what is missing, after saying what that takes.

    :returns: what could not be had, and why.
    """
    settings = premises.settings
    access = Access.of(premises.environment)
    planned = plan_downloads(missing, places, access=access)
    for line in download_lines(planned):
        premises.say(line)
    if full := _full_disk(planned):
        return dict.fromkeys(missing, full)
    failed: dict[Model, ComfygenError] = {}
    around = Surroundings(notify=premises.notify, failures=premises.local_directory("cache"))
    for one in planned.downloads:
        try:
            done = download(
                one.model,
                one.target,
                access=access,
                hashes=hashes,
                around=around,
                unverified=settings.download == "unverified",
                pickles_allowed=settings.allow_pickles,
            )
        except ComfygenError as error:
            failed[one.model] = error
            continue
        if not done.is_verified:
            premises.say(f"{one.model.name} was not verified; to pin it, declare  sha256: {done.sha256}")
    return failed


def not_here(missing: Sequence[Model], places: ModelPlaces) -> Mapping[Model, ModelMissing]:
    """What is missing altogether, as the error of each model, with how it can be had."""
    planned = plan_downloads(missing, places, access=None)
    return {model: _not_here(model, planned, places) for model in missing}


def download_lines(planned: DownloadPlan) -> Iterator[str]:
    """What is about to be downloaded, said before it is."""
    count = len(planned.downloads)
    yield f"downloading {count} model{'s' if count > 1 else ''}: {_sums(planned)}"
    for one in planned.downloads:
        yield f"    {_line(one)}"


def how_to_get(model: Model, places: ModelPlaces) -> str:
    """What to do for a model that is not on this machine."""
    near = near_models(model, places)
    if model.url:
        return "the same command with --comfy-download" + ("" if model.sha256 else "=unverified")
    if near:
        return f"did you mean {' or '.join(near)}?"
    by_hand = f"put it into {places.models / model.folder}"
    if not places.models.exists():  # what is put there now would be in the way of the installation
        by_hand = f"put it into {model.folder}/ of a directory that --comfy-models-dir names"
    return f"{by_hand}, or give its url and sha256 under `models:` and run with --comfy-download"


def _not_here(model: Model, planned: DownloadPlan, places: ModelPlaces) -> ModelMissing:
    """What is missing altogether, and how it can be had."""
    others = [_line(one) for one in planned.downloads]
    if len(others) == 1 and not model.url:
        others = []
    hint = how_to_get(model, places)
    sums = f"missing altogether: {_sums(planned)}"
    return missing_model(model, details=(sums, *others) if others else (), hint=hint)


def _sums(planned: DownloadPlan) -> str:
    """How much there is to transfer, and the room for it."""
    unknown = f" and {planned.unknown_sizes} of unknown size" if planned.unknown_sizes else ""
    room = ", ".join(f"{readable_size(disk.free_bytes)} free in {disk.directory}" for disk in planned.disks)
    return f"{readable_size(planned.total_bytes)}{unknown} to download, {room}"


def _line(one: PlannedDownload) -> str:
    model = one.model
    size = readable_size(one.size_bytes) if one.size_bytes is not None else "size unknown"
    part = f" ({readable_size(one.part_bytes)} of it here already)" if one.part_bytes else ""
    licence = f"; licence: {model.license}" if model.license else ""
    return f"{model.folder}/{model.name}, {size}{part}, {model.url or 'no url declared'}{licence}"


def _full_disk(planned: DownloadPlan) -> DiskTooSmall | None:
    for disk in planned.disks:
        if not disk.is_enough:
            return DiskTooSmall(
                f"the downloads take {readable_size(disk.needed_bytes)} in {disk.directory}, and "
                f"{readable_size(disk.free_bytes)} are free",
                hint="make room, or name a directory on another disk with --comfy-models-dir",
            )
    return None

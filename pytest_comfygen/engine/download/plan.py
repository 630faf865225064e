"""What would be downloaded: sizes, room, and what the hosts say to it; nothing is transferred."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from pytest_comfygen.engine.disk import device_of, free_bytes
from pytest_comfygen.engine.download.access import Access
from pytest_comfygen.engine.download.addresses import Resolve, host_of, resolve, start_address
from pytest_comfygen.engine.download.part import Part, part_key
from pytest_comfygen.engine.download.patience import Patience, Setback
from pytest_comfygen.engine.download.refusals import refusal
from pytest_comfygen.engine.download.transfer import contradicts, linked_sha256, linked_size
from pytest_comfygen.engine.download.wire import Reply, Wire
from pytest_comfygen.engine.models.places import download_target
from pytest_comfygen.errors import ComfygenError, Offline, UrlUnknown
from pytest_comfygen.records import DiskSpace, DownloadPlan, Model, ModelPlaces, PlannedDownload

__all__ = ["Offer", "ask_host", "plan_downloads", "refuse_offline", "url_of"]

# Somebody waits for the answer, and a size that is not known is no error.
_BRIEF = Patience(tries=1, connect_s=5.0, silence_s=10.0)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a host says of a model before anything is transferred.

    :param refusal: why it would not give it, or why it could not be asked.
    """

    size_bytes: int | None = None
    refusal: ComfygenError | None = None


def plan_downloads(
    models: Iterable[Model],
    places: ModelPlaces,
    *,
    access: Access | None,
    free: Callable[[Path], int] = free_bytes,
    resolve: Resolve = resolve,
) -> DownloadPlan:
    """What it takes to have all of `models`, which are not there yet.

    :param access: for asking hosts for the sizes that nobody declared; None to ask nobody.
    :param free: how many bytes are free where a directory is or will be.
    """
    targets: dict[Path, Model] = {}
    for model in models:
        targets.setdefault(download_target(model, places), model)
    downloads = tuple(_planned(model, target, access, resolve) for target, model in targets.items())
    return DownloadPlan(downloads, tuple(_disks(downloads, free)))


def ask_host(model: Model, access: Access, *, patience: Patience = _BRIEF, resolve: Resolve = resolve) -> Offer:
    """What a model's host says of it: its size, and whether it would give it with the token at hand."""
    try:
        refuse_offline(model, access)
        start = start_address(url_of(model), access)
    except ComfygenError as error:
        return Offer(refusal=error)
    wire = Wire(access, patience, resolve)
    try:
        # The first byte and no more: a link that is signed for GET does not answer a HEAD.
        with wire.get(start, {"Range": "bytes=0-0"}) as reply:
            return _offer(reply, model, access)
    except Setback as setback:
        return Offer(refusal=setback.error)
    finally:
        wire.close()


def url_of(model: Model) -> str:
    """Where the model can be had.

    :raises UrlUnknown: nobody says so.
    """
    if not model.url:
        hint = f"add `url` under `models:`, or put the file into {model.folder}/ by hand"
        raise UrlUnknown(f"nothing says where {model.name} can be had", hint=hint)
    return model.url


def refuse_offline(model: Model, access: Access) -> None:
    """Refuse to ask anybody when the environment says so.

    :raises Offline: it does.
    """
    if access.is_offline:
        raise Offline(f"{model.name} would have to be downloaded, and HF_HUB_OFFLINE is set")


def _planned(model: Model, target: Path, access: Access | None, resolve: Resolve) -> PlannedDownload:
    offer = Offer(model.size_bytes)
    if access and model.size_bytes is None:
        offer = ask_host(model, access, resolve=resolve)
    part_bytes = Part(target, part_key(model)).size
    return PlannedDownload(
        model=model, target=target, size_bytes=offer.size_bytes, part_bytes=part_bytes, refusal=offer.refusal
    )


def _offer(reply: Reply, model: Model, access: Access) -> Offer:
    linked = linked_sha256(reply)
    if linked and model.sha256 and linked != model.sha256:
        return Offer(linked_size(reply), contradicts(model, linked, host_of(reply.start)))
    if reply.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        return Offer(linked_size(reply) or _size(reply))
    return Offer(linked_size(reply), refusal(reply, model, access).error)


def _size(reply: Reply) -> int | None:
    """The whole file's size, as the answer to a request for its first byte tells it."""
    is_part = reply.status == HTTPStatus.PARTIAL_CONTENT
    text = reply.headers.get("Content-Range", "").rpartition("/")[2] if is_part else reply.headers.get("Content-Length")
    return int(text) if text and text.isascii() and text.isdigit() else None


def _disks(downloads: Iterable[PlannedDownload], free: Callable[[Path], int]) -> Iterable[DiskSpace]:
    """What is needed and free of each file system that models go to."""
    needs: dict[int, tuple[Path, int]] = {}
    for download in downloads:
        device = device_of(download.target.parent)
        directory, needed = needs.get(device, (download.target.parent, 0))
        needs[device] = directory, needed + download.missing_bytes
    for directory, needed in needs.values():
        yield DiskSpace(directory=directory, needed_bytes=needed, free_bytes=free(directory))

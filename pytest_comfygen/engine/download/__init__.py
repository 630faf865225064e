"""Models fetched: once for all processes, continued where an earlier run broke off, and verified before they count.

Hugging Face, Civitai and plain https. Every refusal is told apart, each with what mends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pytest_comfygen.engine.download.access import Access
from pytest_comfygen.engine.download.addresses import start_address
from pytest_comfygen.engine.download.part import Part, part_key, readable_size
from pytest_comfygen.engine.download.patience import Patience, Surroundings
from pytest_comfygen.engine.download.plan import Offer, ask_host, plan_downloads, refuse_offline, url_of
from pytest_comfygen.engine.download.transfer import Transfer, no_room
from pytest_comfygen.engine.download.wire import Wire
from pytest_comfygen.engine.failure import failure_shared
from pytest_comfygen.engine.locks import held
from pytest_comfygen.engine.models.hashes import ModelHashes
from pytest_comfygen.engine.models.meter import Meter
from pytest_comfygen.engine.models.weights import check_weights, refuse_pickle
from pytest_comfygen.errors import (
    ComfygenError,
    DownloadFailed,
    HashMismatch,
    HashUnknown,
    ModelDamaged,
    PageInsteadOfModel,
)
from pytest_comfygen.records import Downloaded, Event, Model

__all__ = ["Access", "Offer", "Patience", "Surroundings", "ask_host", "download", "plan_downloads", "readable_size"]

# What costs a transfer or long waiting, and is no other for another process; a token may be.
_SHARED = (DownloadFailed, HashMismatch, ModelDamaged, PageInsteadOfModel)


def download(  # noqa: PLR0913  # what is to be had, how, and the world around it
    model: Model,
    target: Path,
    *,
    access: Access,
    hashes: ModelHashes,
    around: Surroundings,
    unverified: bool = False,
    pickles_allowed: bool = False,
) -> Downloaded:
    """Have the model at `target`, whole and verified; a file that is there already is never written to.

    :param hashes: takes the new file's hash, so that nobody has to find it out again.
    :param unverified: accept a model for which no sha256 is declared.
    :raises MachineError: it cannot be had; what has come is kept for the next try, unless it is of no use.
    """
    url = _address(model, access, unverified=unverified, pickles_allowed=pickles_allowed)
    part = Part(target, part_key(model))
    failure = around.failures / f"{target.name}.{part_key(model)}.json" if around.failures else None
    with _alone(part, model, around):
        if not target.exists():
            with (
                failure_shared(failure, around.asked_at, _SHARED),
                closing(Wire(access, around.patience, around.resolve)) as wire,
            ):
                _refuse_if_too_large(model, part, around)
                transfer = Transfer(model, url, part, wire, around)
                return _finished(model, part, transfer, hashes, pickles_allowed=pickles_allowed)
        part.tidy()
    return _already_there(model, target, hashes)


def _address(model: Model, access: Access, *, unverified: bool, pickles_allowed: bool) -> str:
    """Where the model is, if it may be asked for at all."""
    refuse_pickle(model.name, pickles_allowed=pickles_allowed)
    url = url_of(model)
    if not (model.sha256 or unverified):
        hint = "add its `sha256` under `models:`, or accept what comes with --comfy-download=unverified"
        raise HashUnknown(f"no sha256 is declared for {model.name}", hint=hint)
    refuse_offline(model, access)
    return start_address(url, access)


def _refuse_if_too_large(model: Model, part: Part, around: Surroundings) -> None:
    """Refuse before anything is asked for, where the size is declared."""
    directory = part.target.parent
    needed, free = (model.size_bytes or 0) - part.size, around.free_bytes(directory)
    if needed > free:
        raise no_room(model, directory, needed, free)


def _finished(
    model: Model, part: Part, transfer: Transfer, hashes: ModelHashes, *, pickles_allowed: bool
) -> Downloaded:
    """Transfer, look at what has come, and put it into its place."""
    found = transfer.run()
    try:
        check_weights(part.path, pickles_allowed=pickles_allowed, name=model.name)
    except ComfygenError:
        part.drop()
        raise
    size = part.size
    part.publish()
    with suppress(OSError):  # a hash that is not remembered is found out again
        hashes.remember(part.target, found)
    return Downloaded(
        model=model,
        path=part.target,
        sha256=found,
        size_bytes=size,
        received_bytes=transfer.received_bytes,
        is_verified=model.sha256 is not None,
    )


def _already_there(model: Model, target: Path, hashes: ModelHashes) -> Downloaded:
    """What somebody else has put there."""
    try:
        found, size = hashes.sha256(target), target.stat().st_size
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelDamaged(f"{target} is in the way and cannot be read: {reason}", hint="move it away") from None
    if model.sha256 and found != model.sha256:
        raise HashMismatch(
            f"{target} is another file than the one that is declared, so it is left alone",
            details=(f"expected: {model.sha256}", f"found:    {found}"),
            hint="move it away to have the declared one downloaded, or write its sha256 into the job file",
        )
    return Downloaded(
        model=model,
        path=target,
        sha256=found,
        size_bytes=size,
        received_bytes=0,
        is_verified=model.sha256 is not None,
    )


@contextmanager
def _alone(part: Part, model: Model, around: Surroundings) -> Iterator[None]:
    """While no other process downloads to the same target; whoever has to wait says for whom, and how far it is."""
    path = part.target.with_name(f"{part.target.name}.lock")
    _make_directory(path.parent)

    def tell(text: str) -> None:
        around.notify(Event(kind="notice", text=text, subject=model.name))

    sleep = _watching(part, model, around)
    with held(path, f"downloads {model.name}", tell, sleep=sleep, clock=around.clock):
        try:
            yield
        finally:
            if not part.size:  # the others will find the target, or as little as we did
                with suppress(OSError):
                    path.unlink()


def _watching(part: Part, model: Model, around: Surroundings) -> Callable[[float], None]:
    """A pause that tells how far the other process is, and that there is an end to waiting."""
    ends_at = around.clock() + around.patience.total_s
    meter = Meter(model.name, "waiting for another process", around.notify, around.clock)

    def pause(seconds: float) -> None:
        if around.clock() >= ends_at:
            raise DownloadFailed(f"another process has been downloading {model.name} for too long")
        note = part.note()
        meter.at(part.size, note.size if note else model.size_bytes)
        around.sleep(seconds)

    return pause


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DownloadFailed(f"{directory} cannot be made: {reason}", hint="may you write there?") from None

"""The pictures that a job is made from: what is known of them before a server is asked, and their way to the server.

A file counts by its bytes. What another item makes counts by its pixels, so an optimised file makes nothing stale; and
only while that item is current, since otherwise nobody knows what its picture will be.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_comfygen.errors import InputMissing, InputNotReady
from pytest_comfygen.language.chains import inputs_of
from pytest_comfygen.language.naming import sibling_hint
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import ImageRecord, InputImage, Job, Scalar, relative
from pytest_comfygen.settings import shell_word

if TYPE_CHECKING:
    from pytest_comfygen.engine.client import ComfyClient
    from pytest_comfygen.flows.plan import Plan

__all__ = ["Inputs", "look_at_inputs", "missing", "not_ready", "send_inputs", "wait_for_items"]

PAUSE_S = 0.2

_SIDE_PX = 64
_SOUNDS_AND_VIDEOS = frozenset({".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".mp4", ".webm", ".mov", ".mkv"})


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is known of the pictures that a job is made from.

    :param hashes: by the key that names the picture; what is recorded, for one that is to come.
    :param waits_for: the plans of the items that are not current, by item.
    """

    hashes: Mapping[str, Scalar] = field(default_factory=dict)
    waits_for: Mapping[str, Plan] = field(default_factory=dict)


def look_at_inputs(job: Job, store: Store, record: ImageRecord | None, plan_of: Callable[[Job, str], Plan]) -> Inputs:
    """Look at what a job is made from.

    :param record: of the job's own image.
    :param plan_of: the plan of another item of the job's file.
    :raises InputMissing: a file is not there; at the place of the key that names it.
    """
    hashes: dict[str, Scalar] = {}
    waits_for: dict[str, Plan] = {}
    for key, image in inputs_of(job).items():
        if image.item is None:
            hashes[key] = _sha256_of(job, key, image, store)
            continue
        plan = plan_of(job, image.item)
        if plan.is_current and plan.record:
            hashes[key] = plan.record.pixels_sha256
        else:
            hashes[key] = record.fingerprint.inputs.get(key) if record else None
            waits_for[image.item] = plan
    return Inputs(hashes, waits_for)


def wait_for_items(
    plan: Plan,
    again: Callable[[], Plan],
    *,
    is_hopeless: Callable[[Plan], bool],
    at_most_s: float,
    sleep: Callable[[float], None],
) -> Plan:
    """Wait until other processes have made what the picture starts from.

    :param again: makes the plan anew.
    :param is_hopeless: whether a plan waits for an item that nobody will make.
    :returns: the last plan; it still waits for something when that did not come.
    """
    waited_s = 0.0
    while plan.waits_for and waited_s < at_most_s and not is_hopeless(plan):
        sleep(PAUSE_S)
        waited_s += PAUSE_S
        plan = again()
    return plan


def not_ready(plan: Plan, *, was_asked_for: bool) -> InputNotReady:
    """The error for a picture whose beginning did not come.

    :param was_asked_for: whether this run was to make it.
    """
    name, needed = next(iter(plan.waits_for.items()))
    job = plan.job
    key = next((key for key, image in inputs_of(job).items() if image.item == name), "verify.similar_to")
    if needed.problem:
        state, hint = f": {needed.problem.message}", needed.problem.hint
    elif was_asked_for:
        state, hint = ", which this run did not make", f"see {name} above, mend it and run again"
    else:
        state, hint = ", which is not current", f"make both: pytest {shell_word(needed.job.id)} {shell_word(job.id)}"
    relation = "compared with" if key == "verify.similar_to" else "made from"
    return InputNotReady(f"{job.name} is {relation} {name}{state}", where=job.place(f"{key}.item"), hint=hint)


def send_inputs(job: Job, client: ComfyClient, store: Store, *, sketch: bool) -> Job:
    """The job with its pictures on the server, each called as it is there.

    :param sketch: begin with something grey where there is no picture.
    :raises InputMissing: a file is not there.
    :raises MachineError: the server does not take it.
    """
    names = {image: _sent(job, key, client, store, sketch=sketch) for key, image in inputs_of(job).items()}
    if not names:
        return job
    return replace(job, recipe=job.recipe.with_inputs(lambda image: replace(image, name=names[image])))


def _sent(job: Job, key: str, client: ComfyClient, store: Store, *, sketch: bool) -> str:
    image = inputs_of(job)[key]
    seen = store.look(image.file)
    is_picture = image.file.suffix.lower() not in _SOUNDS_AND_VIDEOS
    if sketch and is_picture and (not seen.exists or seen.lfs_oid):
        return client.send_image(_grey(), ".png")
    if not seen.exists:
        raise missing(job, key, image)
    if seen.lfs_oid:
        told = f"{relative(image.file, job.root)} is a Git LFS pointer, not an image"
        raise InputMissing(told, where=job.place(key), hint="git lfs pull")
    return client.send_image(store.read(image.file), image.file.suffix.lower())


def _grey() -> bytes:
    """A grey picture as PNG, not of one grey, which a sketch starts from when there is nothing to start from yet."""
    head = struct.pack(">IIBBBBB", _SIDE_PX, _SIDE_PX, 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes(range(row + 32, row + 32 + 2 * _SIDE_PX, 2)) for row in range(_SIDE_PX))
    chunks = {b"IHDR": head, b"IDAT": zlib.compress(b"".join(rows)), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )


def _sha256_of(job: Job, key: str, image: InputImage, store: Store) -> str | None:
    seen = store.look(image.file)
    if not seen.exists:
        raise missing(job, key, image)
    return seen.lfs_oid or seen.sha256


def missing(job: Job, key: str, image: InputImage) -> InputMissing:
    """The error for a picture that is not there.

    :param key: that names it.
    """
    hint = sibling_hint(image.file, "the job file")
    return InputMissing(f"{relative(image.file, job.root)} does not exist", where=job.place(key), hint=hint)

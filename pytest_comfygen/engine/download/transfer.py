"""One file over the wire, in as many tries as it takes: continued where it broke off, and hashed before it counts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import PurePath

from pytest_comfygen.engine.client.address import plain_target
from pytest_comfygen.engine.download.addresses import host_of
from pytest_comfygen.engine.download.part import Note, Part, readable_size
from pytest_comfygen.engine.download.patience import Setback, Surroundings
from pytest_comfygen.engine.download.refusals import page_instead, refusal
from pytest_comfygen.engine.download.wire import Reply, Wire
from pytest_comfygen.engine.models.hashes import hash_file
from pytest_comfygen.engine.models.meter import Meter
from pytest_comfygen.engine.models.weights import looks_like_a_page
from pytest_comfygen.errors import DiskTooSmall, DownloadFailed, HashMismatch
from pytest_comfygen.records import Event, Model

__all__ = ["Transfer", "contradicts", "linked_sha256", "linked_size", "no_room"]

# So much more than the furthest try has to come for a try to count as one that brought something.
_SOME_BYTES = 64 * 1024

_STRONG_ETAG = re.compile(r'"[^"]*"')
_RANGE = re.compile(r"bytes (?P<first>[0-9]+)-[0-9]+/(?P<total>[0-9]+|\*)")
_PAGES = ("text/html", "application/xhtml+xml")


@dataclass(slots=True)
class _Course:
    """How the tries went.

    :ivar furthest: the largest size that the part had.
    :ivar idle: tries in a row that brought nothing new.
    :ivar afresh: how often everything was dropped, by the error's code.
    :ivar received: bytes that came over the wire.
    """

    furthest: int = 0
    idle: int = 0
    afresh: Counter[str] = field(default_factory=Counter)
    received: int = 0


class Transfer:
    """The way of one file from `url` into `part`.

    :param url: where the model's file is, with pages and mirrors seen to.
    """

    def __init__(self, model: Model, url: str, part: Part, wire: Wire, around: Surroundings) -> None:
        self._model = model
        self._url = url
        self._part = part
        self._wire = wire
        self._around = around
        self._meter = Meter(model.name, "downloading", around.notify, around.clock)
        self._course = _Course(furthest=part.size)
        self._expected = model.sha256
        self._size: int | None = None

    @property
    def received_bytes(self) -> int:
        """What came over the wire."""
        return self._course.received

    def run(self) -> str:
        """Bring the part to completion; the sha256 of what then lies on the disk.

        :raises MachineError: it cannot be brought there; what has come is kept unless it is of no use.
        """
        ends_at = self._around.clock() + self._around.patience.total_s
        while True:
            try:
                self._try(ends_at)
                return self._hashed()
            except Setback as caught:
                setback = caught
            self._consider(setback, ends_at)

    def _consider(self, setback: Setback, ends_at: float) -> None:
        """Prepare for another try, or give up."""
        course = self._course
        if setback.afresh:
            self._part.drop()
            course.afresh[setback.error.code] += 1
            course.furthest = 0
        course.idle = 0 if self._part.size >= course.furthest + _SOME_BYTES else course.idle + 1
        course.furthest = max(course.furthest, self._part.size)
        pause_s = 0.0 if setback.afresh else self._around.patience.pause(max(course.idle, 1), setback.asked_s)
        is_left = course.afresh[setback.error.code] <= 1 if setback.afresh else setback.again
        if not is_left or course.idle >= self._around.patience.tries or self._around.clock() + pause_s >= ends_at:
            raise setback.error
        going_on = f"going on at {readable_size(self._part.size)}" if self._part.size else "trying again"
        notice = f"{setback.error.message}; {going_on}"
        self._around.notify(Event(kind="notice", text=notice, subject=self._model.name))
        self._around.sleep(pause_s)

    # --- one try ----------------------------------------------------------------------------------------------------

    def _try(self, ends_at: float) -> None:
        """Ask for what is missing, and take it."""
        have, headers = self._part.size, self._range()
        with self._wire.get(self._url, headers) as reply:
            self._learn(reply)
            match reply.status:
                case HTTPStatus.PARTIAL_CONTENT if "Range" in headers:
                    self._continue(reply, have)
                case HTTPStatus.OK:
                    self._begin(reply)
                case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE if "Range" in headers:
                    self._accept_as_whole(reply, have)
                    return
                case HTTPStatus.PARTIAL_CONTENT | HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    raise Setback(DownloadFailed(f"{host_of(reply.url)} sends a part where all was asked for"))
                case _:
                    raise refusal(reply, self._model, self._wire.access)
            self._receive(reply, ends_at)
        if self._size is not None and self._part.size < self._size:
            raise Setback(DownloadFailed(f"{host_of(reply.url)} ends the file too early"), again=True)

    def _accept_as_whole(self, reply: Reply, have: int) -> None:
        """Nothing lies behind what we have: a hash will tell whether it is all, else its size does."""
        if not self._expected and reply.headers.get("Content-Range") != f"bytes */{have}":
            raise Setback(DownloadFailed(f"{host_of(reply.url)} has less than what came before"), afresh=True)

    def _range(self) -> Mapping[str, str]:
        """What asks for the rest: safe because of the hash, or because the server says that the file is the same."""
        have, note = self._part.size, self._part.note()
        is_same = note is not None and note.url == plain_target(self._url) and note.etag
        if not have or not (is_same or self._model.sha256):
            return {}
        asked = {"Range": f"bytes={have}-"}
        return asked | {"If-Range": note.etag} if note and is_same else asked

    def _learn(self, reply: Reply) -> None:
        """What Hugging Face says of the file before it sends it elsewhere."""
        linked = linked_sha256(reply)
        if linked and self._model.sha256 and linked != self._model.sha256:
            raise Setback(contradicts(self._model, linked, host_of(self._url)))
        self._expected = self._model.sha256 or linked

    def _continue(self, reply: Reply, have: int) -> None:
        found = _RANGE.fullmatch(reply.headers.get("Content-Range", ""))
        if not found or int(found["first"]) != have:
            raise Setback(DownloadFailed(f"{host_of(reply.url)} sends another part than was asked for"), afresh=True)
        self._size = None if found["total"] == "*" else int(found["total"])
        self._refuse_other_forms(reply)
        self._look_for_room(have)
        self._part.describe(self._note(reply))

    def _begin(self, reply: Reply) -> None:
        self._size = _length(reply)
        self._refuse_other_forms(reply)
        self._course.furthest = max(self._course.furthest, self._part.size)
        self._part.begin(self._note(reply))
        self._look_for_room(0)

    def _receive(self, reply: Reply, ends_at: float) -> None:
        before = self._part.size
        for size in self._part.append(reply.chunks()):
            self._course.received += size - before
            if before == 0:
                self._refuse_page_on_disk(reply)
            before = size
            self._meter.at(size, self._size)
            if size > self._limit():
                raise Setback(DownloadFailed(f"{host_of(reply.url)} sends more than the file"), afresh=True)
            if self._around.clock() >= ends_at:
                raise Setback(DownloadFailed(f"{self._model.name} does not come in the time allowed"))

    def _limit(self) -> float:
        """How large the file may become: a server that tells no size could send without end."""
        declared = self._model.size_bytes
        return self._size if self._size is not None else declared * 1.1 if declared else math.inf

    def _refuse_other_forms(self, reply: Reply) -> None:
        """Refuse what cannot be the file's own bytes, before what has come is touched."""
        if reply.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Setback(DownloadFailed(f"{host_of(reply.url)} sends the file compressed, unasked"))
        if reply.headers.get("Content-Type", "").partition(";")[0].strip().lower() in _PAGES:
            raise Setback(page_instead(reply, self._model, self._wire.access))

    def _refuse_page_on_disk(self, reply: Reply) -> None:
        """A page may come under another type."""
        with self._part.path.open("rb") as file:
            is_page = looks_like_a_page(file.read(64))
        if is_page:
            self._part.drop()
            raise Setback(page_instead(reply, self._model, self._wire.access))

    def _look_for_room(self, have: int) -> None:
        total = self._size or self._model.size_bytes or 0
        free = self._around.free_bytes(self._part.target.parent)
        if total - have > free:
            raise Setback(no_room(self._model, self._part.target.parent, total - have, free))

    def _note(self, reply: Reply) -> Note:
        etag = reply.headers.get("ETag", "")
        validator = etag if _STRONG_ETAG.fullmatch(etag) else reply.headers.get("Last-Modified", "")
        told = self._wire.access.censored(validator)
        etag = validator if told == validator else ""
        return Note(url=plain_target(self._url), etag=etag, size=self._size)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _hashed(self) -> str:
        """The part's sha256, compared with what it has to be."""
        found = hash_file(self._part.path, Meter(self._model.name, "checking", self._around.notify, self._around.clock))
        if self._expected and found != self._expected:
            raise Setback(_mismatch(self._model, self._expected, found, host_of(self._url)), afresh=True)
        return found


def linked_sha256(reply: Reply) -> str | None:
    """The sha256 by which Hugging Face keeps a file. Source: huggingface_hub file_download.py, X-Linked-Etag."""
    found = re.fullmatch(r'"?([0-9a-f]{64})"?', reply.first.get("X-Linked-Etag", ""))
    return found[1] if found else None


def linked_size(reply: Reply) -> int | None:
    """The file's size as Hugging Face tells it."""
    return _number(reply.first.get("X-Linked-Size", ""))


def contradicts(model: Model, linked: str, host: str) -> HashMismatch:
    """The error for a declared sha256 that is not the one of the file that its host has."""
    hint = "the file there was changed, or the sha256 is another file's: correct `sha256`, or name a commit in `url`"
    details = (f"declared: {model.sha256}", f"{host}: {linked}")
    return HashMismatch(f"{host} has another {model.name} than the one that is declared", details=details, hint=hint)


def no_room(model: Model, directory: PurePath, needed: int, free: int) -> DiskTooSmall:
    """The error for a model that does not fit."""
    message = f"{model.name} needs {readable_size(needed)} in {directory}, and {readable_size(free)} are free"
    return DiskTooSmall(message, hint="make room, or name another directory in an extra_model_paths.yaml")


def _mismatch(model: Model, expected: str, found: str, host: str) -> HashMismatch:
    message = f"what {host} sends as {model.name} is not the file that it should be, twice"
    hint = "if the new file is meant, write its sha256 into the job file"
    return HashMismatch(message, details=(f"expected: {expected}", f"found:    {found}"), hint=hint)


def _length(reply: Reply) -> int | None:
    return _number(reply.headers.get("Content-Length", ""))


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None

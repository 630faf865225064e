"""Which pictures hang side by side for an image: the committed one, the one before this run, the one that stands now,
the one that was refused, and those that wait to be picked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_comfygen.engine.git import short
from pytest_comfygen.engine.history import Head, Reader
from pytest_comfygen.flows.gallery.pictures import Blobs, Caption, Find, find_in_commit, find_on_disk
from pytest_comfygen.outputs.candidates import CANDIDATES
from pytest_comfygen.outputs.pointer import oid_in
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records.gallery import Ending, Entry

__all__ = ["GOOD", "Change", "Wall", "hang"]

Change = Literal["", "new", "changed", "gone", "same"]

GOOD = frozenset({"generated", "restored", "current", "identical", "adopted", "picked", "pruned"})
_BY_HAND = {"edited": "now, edited by hand", "unrecorded": "now, without a record"}


@dataclass(frozen=True, slots=True)
class Wall:
    """What is shown of an image.

    :param finds: oldest first.
    """

    finds: tuple[Find, ...]
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the pictures of one repository are.

    :param local: the repository's `.comfygen/`.
    :param since: when the run began, as files' times are.
    """

    root: Path
    store: Store
    blobs: Blobs
    local: Path
    since: float
    head: Head | None = None
    reader: Reader | None = None


def hang(entry: Entry, ending: Ending, place: Place) -> Wall:
    """Find the pictures of an image."""
    output = place.root / entry.output
    if ending.path and Path(ending.path) != output:  # a sketch has nothing to do with what stands there
        caption = Caption("sketch", "sketch", entry.output)
        return Wall(tuple(find_on_disk(place.store, Path(ending.path), caption)), "")
    label = _BY_HAND.get(ending.outcome, "now")
    now = tuple(find_on_disk(place.store, output, Caption("now", label, entry.output)))
    committed = _committed(entry.output, place, now)
    before = tuple(one for one in _before(output, place) if one.sha256 not in {each.sha256 for each in committed})
    refused = () if ending.outcome in GOOD | {"unpicked"} else tuple(_refused(output, ending, place))
    offered = tuple(_offered(output, place)) if ending.outcome == "unpicked" else ()
    change = _change(entry.output, place, is_there=bool(now), differs=bool(committed))
    return Wall((*committed, *before, *now, *refused, *offered), change)


def _change(name: str, place: Place, *, is_there: bool, differs: bool) -> Change:
    if place.head is None:
        return ""
    if name not in place.head.files:
        return "new" if is_there else ""
    if not is_there:
        return "gone"
    return "changed" if differs else "same"


def _committed(name: str, place: Place, now: tuple[Find, ...]) -> tuple[Find, ...]:
    """The picture in the commit, unless it is the one on disk."""
    head, reader = place.head, place.reader
    blob = head.files.get(name) if head else None
    if head is None or reader is None or blob is None or any(place.blobs.is_of(blob, one) for one in now):
        return ()
    caption = Caption("head", f"committed ({short(head.commit)})", name)
    find = find_in_commit(lambda: reader.read(name) or b"", caption)
    is_the_same = bool(now) and oid_in(find.read()) == now[0].sha256
    return () if is_the_same or not find.size_bytes else (find,)


def _before(output: Path, place: Place) -> Iterator[Find]:
    """What a person had made or edited, and this run was told to replace: a copy is in the trash."""
    folder = (place.local / "trash" / output.relative_to(place.root)).parent
    for copy in sorted(folder.glob(f"*{output.suffix}")) if folder.is_dir() else ():
        digits = copy.name.removeprefix(f"{output.stem}.").removesuffix(output.suffix)
        if len(digits) == 8 and copy.stem == f"{output.stem}.{digits}" and _is_of_this_run(copy, place):  # noqa: PLR2004  # of its hash
            name = copy.relative_to(place.root).as_posix()
            yield from find_on_disk(place.store, copy, Caption("before", "before this run", name))


def _refused(output: Path, ending: Ending, place: Place) -> Iterator[Find]:
    """The picture that was made and may not be published."""
    path = place.local / "rejected" / output.relative_to(place.root)
    if not path.is_file():
        return
    is_fresh = _is_of_this_run(path, place)
    label = "refused in an earlier run" if not is_fresh else "newly made" if ending.outcome == "edited" else "refused"
    name = path.relative_to(place.root).as_posix()
    why = _text(path.with_name(f"{path.name}.txt"))
    yield from find_on_disk(place.store, path, Caption("refused", label, name, why))


def _offered(output: Path, place: Place) -> Iterator[Find]:
    """The candidates of the image, by their numbers."""
    folder = place.local / CANDIDATES / output.relative_to(place.root)
    numbered = [path for path in folder.glob(f"*{output.suffix}") if path.stem.isdecimal()]
    for path in sorted(numbered, key=lambda path: int(path.stem)):
        name = path.relative_to(place.root).as_posix()
        yield from find_on_disk(place.store, path, Caption("candidate", f"candidate {path.stem}", name))


def _is_of_this_run(path: Path, place: Place) -> bool:
    try:
        return path.stat().st_mtime >= place.since
    except OSError:
        return False


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").rstrip()
    except OSError:
        return ""

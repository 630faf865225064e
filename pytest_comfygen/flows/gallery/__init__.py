"""The gallery of a run: what the processes of the run noted, what stands on disk and what git has, put together."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.git import Git, short
from pytest_comfygen.engine.history import head_of
from pytest_comfygen.errors import GitMissing
from pytest_comfygen.flows.gallery.notebook import Notebook, entry_of
from pytest_comfygen.flows.gallery.pictures import Blobs, Previews, plate_of
from pytest_comfygen.flows.gallery.target import check_target, is_sheet, refuse_among_images, target_of
from pytest_comfygen.flows.gallery.walls import GOOD, Place, Wall, hang
from pytest_comfygen.outputs.gallery import page_of, write_file
from pytest_comfygen.outputs.report import images_line
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records.gallery import Ending, Entry, Exhibit, Exhibition, Preview
from pytest_comfygen.settings import LOCAL
from pytest_comfygen.verify.sheet import Cell, sheet_of

__all__ = ["GOOD", "Curator", "Notebook", "check_target", "entry_of", "refuse_among_images", "target_of"]

_LIMIT_BYTES = 64_000_000
_MADE = frozenset({"generated", "restored", "adopted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Curator:
    """Who puts a gallery together.

    :param root: the repository of the run.
    :param local_directory: makes a directory of this machine's own.
    :param began_at: when the run began, and `now`: the wall clock, in seconds.
    :param commands_of: what can be typed for an image: what that does, and the command.
    :param limit_bytes: of whole pictures in the page.
    """

    target: Path
    root: Path
    local_directory: Callable[[str], Path]
    environment: Mapping[str, str]
    began_at: float
    now: float
    commands_of: Callable[[Entry, Ending], tuple[tuple[str, str], ...]]
    limit_bytes: int = _LIMIT_BYTES
    workers: int = os.cpu_count() or 1

    def write(
        self, entries: Sequence[Entry], endings: Mapping[str, Ending], problems: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Write the page, or the contact sheet.

        :param endings: by item; an image without one did not run.
        :param problems: what could not become an image: where, and the error's text.
        :raises WriteFailed: it cannot be written.
        """
        with ExitStack() as open_:
            exhibition = self._exhibition(entries, endings, problems, open_)
            sheet = is_sheet(self.target)
            pieces = iter([_sheet(exhibition)]) if sheet else page_of(exhibition)
            write_file(self.target, pieces, self.root)

    def _exhibition(
        self,
        entries: Sequence[Entry],
        endings: Mapping[str, Ending],
        problems: Sequence[tuple[str, str]],
        open_: ExitStack,
    ) -> Exhibition:
        cache = self.local_directory("cache")
        blobs = Blobs(cache / "blobs.json")
        open_.callback(blobs.close)
        places = {root: self._place(Path(root), blobs, open_) for root in dict.fromkeys(one.root for one in entries)}
        ended = [(one, endings.get(one.id) or Ending(id=one.id, outcome="not run")) for one in entries]
        hung = [(entry, ending, hang(entry, ending, places[entry.root])) for entry, ending in ended]
        hung.sort(key=lambda one: _rank(one[1], one[2]))
        previews = Previews(cache / "previews", self.workers)
        small = previews.of(find for _, _, wall in hung for find in wall.finds)
        previews.forget_old()
        whole = _Budget(self.limit_bytes)
        exhibits = tuple(self._exhibit(entry, ending, wall, small, whole) for entry, ending, wall in hung)
        head = next((place.head for place in places.values() if place.head), None)
        return Exhibition(
            title=self.root.name,
            commit=short(head.commit) if head else "",
            made_at=time.strftime("%Y-%m-%d %H:%M", time.localtime(self.now)),
            summary=images_line(Counter(ending.outcome for _, ending in ended)),
            exhibits=exhibits,
            problems=tuple(problems),
            left_out=whole.left_out,
            limit_bytes=self.limit_bytes,
        )

    def _place(self, root: Path, blobs: Blobs, open_: ExitStack) -> Place:
        """The pictures of a repository, with git where there is one."""
        store = Store(root)
        open_.callback(store.close)
        try:
            head = head_of(Git.find(self.environment), root)
        except GitMissing:
            head = None
        reader = open_.enter_context(head.reading()) if head else None
        return Place(
            root=root, store=store, blobs=blobs, local=root / LOCAL, since=self.began_at, head=head, reader=reader
        )

    def _exhibit(
        self, entry: Entry, ending: Ending, wall: Wall, small: Mapping[str, Preview], whole: _Budget
    ) -> Exhibit:
        is_news = len(wall.finds) > 1 or ending.outcome in _MADE or ending.outcome not in GOOD
        plates = tuple(
            plate_of(
                find,
                small.get(find.sha256),
                whole=is_news and not is_sheet(self.target) and whole.takes(find.sha256, find.size_bytes),
                target=self.target,
            )
            for find in wall.finds
        )
        return Exhibit(
            entry=entry, ending=ending, plates=plates, change=wall.change, commands=self.commands_of(entry, ending)
        )


class _Budget:
    """How much of whole pictures the page still takes; the same picture counts once."""

    def __init__(self, limit_bytes: int) -> None:
        self._left_bytes = limit_bytes
        self._taken: set[str] = set()
        self.left_out = 0

    def takes(self, sha256: str, size_bytes: int) -> bool:
        """Whether a picture is held whole."""
        if sha256 in self._taken:
            return True
        if size_bytes > self._left_bytes:
            self.left_out += 1
            return False
        self._taken.add(sha256)
        self._left_bytes -= size_bytes
        return True


def _rank(ending: Ending, wall: Wall) -> int:
    """What wants attention comes first, then what is new; apart from that the order of the run."""
    if ending.outcome not in GOOD and ending.outcome not in ("planned", "skipped", "not run"):
        return 0
    return 1 if ending.outcome in _MADE or wall.change in ("new", "changed", "gone") else 2


def _sheet(exhibition: Exhibition) -> bytes:
    return sheet_of(list(_cells(exhibition)), f"{exhibition.title} · {exhibition.summary} · {exhibition.made_at}")


def _cells(exhibition: Exhibition) -> Iterator[Cell]:
    for exhibit in exhibition.exhibits:
        seen = [plate for plate in exhibit.plates if plate.preview and plate.role != "refused"]
        yield Cell(exhibit.entry.name, exhibit.ending.outcome, seen[-1].preview if seen else None)

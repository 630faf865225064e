"""The line that tells of a batch of pictures while they are made; what is to be told, and its words."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from unicodedata import category, east_asian_width

from pytest_comfygen.outputs.report import duration, harmless, progress_line
from pytest_comfygen.records import Event

__all__ = ["Batch", "fitted"]

_NEWEST_ENDS = 20  # the pace of a run changes with its models
_STALE_S = 15.0
_LONGEST_NAME = 40


@dataclass(slots=True)
class _Making:
    """A picture that is being made.

    :ivar event: the newest about it.
    :ivar pass_from: of the node that shows progress, the first step that was seen of it; a picture may have several.
    :ivar pass_at: when that was.
    :ivar per_s: steps a second, 0 while that is not known.
    """

    name: str
    event: Event
    pass_from: float = 0.0
    pass_at: float = 0.0
    per_s: float = 0.0

    def heed(self, event: Event, now: float) -> None:
        """Take in what happened."""
        before, self.event = self.event, event
        if event.kind != "progress":
            return
        goes_on = before.kind == "progress" and before.text == event.text and event.value >= before.value
        if not goes_on:
            self.pass_from, self.pass_at, self.per_s = event.value, now, 0.0
        elif event.value > self.pass_from and now > self.pass_at:
            self.per_s = (event.value - self.pass_from) / (now - self.pass_at)


class Batch:
    """What is known of the pictures of a run, from events of all its processes and from items that ended.

    Times are seconds of the caller's clock.
    """

    def __init__(self) -> None:
        self._making: dict[str, _Making] = {}
        self._foreseen: dict[str, Event] = {}
        self._aside: tuple[Event, float] | None = None  # a download, an installation
        self._ended = set[str]()
        self._made = 0
        self._ends = deque[float](maxlen=_NEWEST_ENDS)
        self._began_at = 0.0

    def heed(self, event: Event, now: float) -> None:
        """Take in what happened."""
        if event.kind == "foreseen":
            known = self._foreseen.get(event.subject)
            if known is None or event.value > known.value:  # a worker that comes later finds some made
                self._foreseen[event.subject] = event
        elif event.job:
            self._heed_job(event, now)
        else:
            self._aside = (event, now) if event.kind == "progress" else None

    def _heed_job(self, event: Event, now: float) -> None:
        if event.kind == "notice" or _key(event.job) in self._ended:  # what a worker told may come after its report
            return
        if not (self._making or self._ends):
            self._began_at = now
        name = event.job.rpartition("::")[2]
        self._making.setdefault(_key(event.job), _Making(name, Event(kind="started"))).heed(event, now)

    def end(self, item: str, now: float, *, was_made: bool) -> None:
        """An item ended, also one that there was nothing to make for.

        :param item: its id as pytest has it.
        :param was_made: a picture was made, whether anything was told of it or not.
        """
        key = _key(item)
        if self._making.pop(key, None) or was_made:
            self._made += 1
            self._ends.append(now)
        self._ended.add(key)

    def line(self, now: float) -> str:
        """`[3/20] kin_dwarf 12/30 steps, 1.4 it/s, about 4 min left`; nothing when nothing is under way."""
        if self._making:
            return harmless(", ".join(self._parts(now)))
        if self._aside and now - self._aside[1] < _STALE_S:
            return progress_line(self._aside[0])
        return ""

    def _parts(self, now: float) -> list[str]:
        """What is told of the picture that is longest under way, and of the batch."""
        first = next(iter(self._making.values()))
        more = len(self._making) - 1
        left_s = self._left_s(now)
        name = first.name if len(first.name) <= _LONGEST_NAME else f"{first.name[: _LONGEST_NAME - 1]}…"
        parts = [f"{self._number()}{name} {_stage(first.event)}"]
        if first.per_s and first.event.kind == "progress":
            parts.append(_pace(first.per_s))
        if more:
            parts.append(f"{more} more at work")
        if left_s is not None:
            parts.append(f"about {duration(left_s)} left")
        return parts

    @property
    def _total(self) -> int:
        return int(sum(event.value for event in self._foreseen.values()))

    def _number(self) -> str:
        """Which of how many; how many is not known of what Python tests make."""
        number = self._made + 1
        return f"[{number}/{self._total}] " if number <= self._total else f"[{number}] "

    def _left_s(self, now: float) -> float | None:
        """How long the rest takes, by the pace of this run, or until there is one by that of earlier ones."""
        rest = self._total - self._made
        per_s, since = self._pace_of_this_run() or self._pace_foreseen()
        if rest <= 0 or per_s <= 0:
            return None
        left_s = rest / per_s - (now - since)
        return left_s if left_s > 0 else None

    def _pace_of_this_run(self) -> tuple[float, float] | None:
        """Pictures a second, and when the last one ended; the first may have waited for its models."""
        if len(self._ends) > 1 and self._ends[-1] > self._ends[0]:
            return (len(self._ends) - 1) / (self._ends[-1] - self._ends[0]), self._ends[-1]
        return None

    def _pace_foreseen(self) -> tuple[float, float]:
        """Pictures a second, and when they began."""
        known = [event for event in self._foreseen.values() if event.per_s]
        if known and len(known) == len(self._foreseen):
            expected_s = sum(event.value / event.per_s for event in known)
            return self._total / expected_s * max(len(self._making), 1), self._began_at
        if len(self._ends) == 1 and self._ends[0] > self._began_at:
            return 1 / (self._ends[0] - self._began_at), self._ends[0]
        return 0.0, 0.0


def _key(item: str) -> str:
    """An item without the directory of its file, which pytest and git may count from different roots."""
    path, separator, name = item.partition("::")
    return f"{path.rpartition('/')[2]}{separator}{name}"


def _stage(event: Event) -> str:
    match event.kind:
        case "progress" if "Sampl" in event.text:
            return f"{event.value:.0f}/{event.maximum:.0f} steps"
        case "progress":
            return f"{event.value:.0f}/{event.maximum:.0f} {event.text}".rstrip()
        case "queued" if event.value:
            return f"waiting, {event.value:.0f} ahead"
        case "queued":
            return "waiting"
        case "fetched" | "published":
            return "is checked"
        case _:
            return "begins"


def _pace(per_s: float) -> str:
    """`1.4 it/s`, or `2.5 s/it` of slow ones, as ComfyUI itself says it."""
    return f"{per_s:.1f} it/s" if per_s >= 1 else f"{1 / per_s:.1f} s/it"


def fitted(text: str, columns: int) -> str:
    """As much of `text` as fits into so many columns of a terminal, where some characters take two and some none."""
    if sum(map(_columns, text)) <= columns:
        return text
    return _cut(text, columns - 1) + "…" if columns > 0 else ""


def _cut(text: str, columns: int) -> str:
    room = columns
    for index, character in enumerate(text):
        room -= _columns(character)
        if room < 0:
            return text[:index]
    return text


def _columns(character: str) -> int:
    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in ("W", "F") else 1

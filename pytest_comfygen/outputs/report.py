"""The words a person reads; deciding what to say is done elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_comfygen.errors import ComfygenError
from pytest_comfygen.records import OUTCOMES

if TYPE_CHECKING:
    from pytest_comfygen.records import Event, Finding, Reason, Scalar, Timing

__all__ = [
    "WORDS",
    "duration",
    "finding_rows",
    "harmless",
    "images_line",
    "one_line",
    "progress_line",
    "reason_lines",
    "render",
    "slowest_lines",
    "with_unit",
]

# The letter and the word that pytest shows for an item that passed, and the word's colour.
WORDS: Mapping[str, tuple[str, str, str]] = {
    "generated": ("g", "GENERATED", "green"),
    "restored": ("r", "RESTORED", "green"),
    "current": (".", "CURRENT", "green"),
    "identical": ("=", "IDENTICAL", "green"),
    "adopted": ("a", "ADOPTED", "green"),
    "picked": ("k", "PICKED", "green"),
    "pruned": ("p", "PRUNED", "green"),
}

_LONGEST_VALUE = 60
_LONGEST_LINE = 100
_CONTEXT = 12
_FEW = 5
_LONG_S = 300.0
_WORTH_TELLING_S = 0.1


def one_line(error: ComfygenError) -> str:
    """`[code] file:line:column: message`, the line that pytest's short summary shows."""
    return harmless(f"[{error.code}] {error}")


def render(error: ComfygenError, *, hint: str = "", rerun: str = "") -> str:
    """An error as a person meets it: what and where, the details, the next step.

    :param hint: what mends it, where only the caller knows.
    :param rerun: the command that runs the failing item alone.
    """
    lines = list(_lines(error))
    if hint:
        lines.append(f"  hint: {hint}")
    if rerun:
        lines.append(f"  rerun: {rerun}")
    return "\n".join(lines)


def _lines(error: ComfygenError) -> Iterator[str]:
    yield one_line(error)
    for detail in error.details:
        yield harmless(f"    {detail}")
    if error.hint:
        yield harmless(f"  hint: {error.hint}")
    for other in error.also:
        yield from _lines(other)


def harmless(text: str) -> str:
    """The text without escape sequences, which a record, a server's answer, a prompt or a file's name may hold."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def progress_line(event: Event) -> str:
    """How far something has come: `base.safetensors: downloading 1.2 of 6.9 GB, 45 MB/s, 2 min left`.

    Where no rate is known, what is counted may be anything, so the part is told and not the amount.
    """
    line = f"{event.subject}: {event.text}"
    if event.per_s > 0:
        line += f" {_amount(event)}, {with_unit(event.per_s)}/s"
        line += f", {duration((event.maximum - event.value) / event.per_s)} left" if event.maximum else ""
    elif event.maximum:
        line += f" {event.value / event.maximum:.0%}"
    return harmless(line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…")


def _amount(event: Event) -> str:
    """`1.2 of 6.9 GB`, or `1.2 GB` where the end is not known."""
    if not event.maximum:
        return with_unit(event.value)
    factor, unit = _unit(event.maximum)
    return f"{event.value / factor:.1f} of {event.maximum / factor:.1f} {unit}"


def with_unit(size_bytes: float) -> str:
    """A size as people read it: `6.9 GB`."""
    factor, unit = _unit(size_bytes)
    return f"{size_bytes / factor:.{1 if factor > 1 else 0}f} {unit}"


def _unit(size_bytes: float) -> tuple[float, str]:
    for factor, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= factor:
            return factor, name
    return 1, "B"


def duration(seconds: float) -> str:
    """A time as people say it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:  # noqa: PLR2004  # up to where people count in seconds
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004  # as above


def images_line(counts: Mapping[str, int]) -> str:
    """`images: 2 generated, 3 current, 1 identical, 1 failed`, without what did not occur."""
    known = [outcome for outcome in OUTCOMES if counts.get(outcome)]
    others = sorted(outcome for outcome in counts if outcome not in OUTCOMES and counts[outcome])
    return "images: " + ", ".join(f"{counts[outcome]} {outcome}" for outcome in [*known, *others])


def slowest_lines(took: Mapping[str, Timing], number: int | None) -> Iterator[str]:
    """The images that took longest, and how much of that was loading models.

    :param number: as many as pytest's `--durations` asks for, 0 for all; when it is None, a long run tells a few.
    """
    run_s = {item: one.run_s for item, one in took.items() if one.run_s}
    if number is None:
        is_long = len(run_s) > _FEW and sum(run_s.values()) > _LONG_S
        number = _FEW if is_long else -1
    slowest = sorted(run_s, key=lambda item: -run_s[item])[: number or None] if number >= 0 else ()
    if slowest:
        yield "slowest images:"
    for item in slowest:
        load_s = took[item].load_s or 0.0
        loading = f", {load_s:.1f} s of it for loading" if load_s >= _WORTH_TELLING_S else ""
        yield f"    {run_s[item]:.1f} s{loading}: {harmless(item)}"


def reason_lines(reasons: Iterable[Reason]) -> Iterator[str]:
    """Each reason in words, old value and new."""
    for reason in reasons:
        yield _reason(reason)


def _reason(reason: Reason) -> str:
    match reason.kind:
        case "missing":
            return "the image is missing"
        case "damaged":
            return f"the image is damaged: {reason.new}"
        case "asked":
            return "asked for"
        case "check":
            return f"check {reason.key}: found {reason.old}, wanted {reason.new}"
        case "input":
            return f"{reason.key}, which it is made from, is not current"
        case "changed":
            return _change(reason)


def _change(reason: Reason) -> str:
    if reason.part == "inputs":
        what = "file" if reason.key.startswith("set.") else "picture"
        return f"the {what} of {reason.key} changed ({_short(reason.old)} → {_short(reason.new)})"
    if _is_hash(reason.old) and _is_hash(reason.new):
        hashes = f"{_short(reason.old)} → {_short(reason.new)}"
        return f"the workflow file changed ({hashes})" if reason.key == "workflow_sha" else f"{reason.key} {hashes}"
    old, new = _differing(reason.old, reason.new)
    return f"{reason.key} {_value(old)} → {_value(new)}"


def _short(sha256: Scalar) -> str:
    return str(sha256)[:8] if sha256 else "none"


def _differing(old: Scalar, new: Scalar) -> tuple[Scalar, Scalar]:
    """Of two long texts, what differs with a little around it: the changed word and not the whole prompt twice."""
    if not (isinstance(old, str) and isinstance(new, str)) or max(len(old), len(new)) <= _LONGEST_VALUE:
        return old, new
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    start, rest = max(head - _CONTEXT, 0), max(tail - _CONTEXT, 0)
    return _cut(old, start, rest), _cut(new, start, rest)


def _alike(one: str, other: str) -> int:
    """With how many equal characters both texts begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _cut(text: str, start: int, rest: int) -> str:
    """`text` from `start` up to the last `rest` characters, marked where something is left out."""
    return ("…" if start else "") + text[start : len(text) - rest] + ("…" if rest else "")


def _is_hash(value: Scalar) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _value(value: Scalar) -> str:
    if value is None:
        return "(none)"
    text = repr(value) if isinstance(value, str) and not value.isidentifier() else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def finding_rows(findings: Sequence[Finding]) -> list[str]:
    """Findings as an aligned table: check, what was found, what is wanted."""
    rows = [("check", "found", "wanted"), *((one.code, one.found, one.wanted) for one in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [f"{code:<{widths[0]}}  {found:<{widths[1]}}  {wanted}".rstrip() for code, found, wanted in rows]

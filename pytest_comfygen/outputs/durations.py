"""How long pictures took on this machine, so that a run can say beforehand how long it will take."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pytest_comfygen.outputs.atomic import fresh_token, remove, temp_path
from pytest_comfygen.records import CheckpointRecipe, Job, Timing, relative

__all__ = ["Durations", "Forecast"]

# The newest of a kind count, because a machine's GPU, its other work and ComfyUI change.
_NEWEST = 20
_LARGEST_BYTES = 1 << 20
_KEPT_LINES = 2000


@dataclass(frozen=True, slots=True)
class Forecast:
    """What some pictures will take.

    :param expected_s: of those whose kind was made here before, about.
    :param unknown: how many others there are.
    """

    expected_s: float
    unknown: int


@dataclass(frozen=True, slots=True)
class _Took:
    """What one picture took.

    :param work: how much there was to draw, in megapixels times steps.
    """

    work: float
    drawing_s: float
    load_s: float


class Durations:
    """The times that this machine's pictures took, in a file of one JSON line each; it may be lost.

    :param file: where they are kept; lines are added by several processes at once.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def note(self, job: Job, timing: Timing) -> None:
        """Keep what a picture took; where that cannot be written, nothing is lost but a forecast."""
        if timing.run_s is None:
            return
        load_s = min(timing.load_s or 0.0, timing.run_s)
        line = {"kind": _kind(job), "work": _work(job), "run_s": round(timing.run_s, 3), "load_s": round(load_s, 3)}
        with suppress(OSError):
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(f"{json.dumps(line)}\n")
            if self._file.stat().st_size > _LARGEST_BYTES:
                self._shorten()

    def forecast(self, jobs: Iterable[Job]) -> Forecast:
        """What these pictures will take, one after the other; each kind's models are loaded once."""
        known = self._by_kind()
        expected_s, unknown, loaded = 0.0, 0, set[str]()
        for job in jobs:
            kind = _kind(job)
            before = known.get(kind)
            if not before:
                unknown += 1
                continue
            expected_s += _expected_s(before, _work(job))
            if kind not in loaded:
                expected_s += max(one.load_s for one in before)
                loaded.add(kind)
        return Forecast(expected_s, unknown)

    def _by_kind(self) -> Mapping[str, deque[_Took]]:
        found: dict[str, deque[_Took]] = {}
        for fields in self._lines():
            with suppress(KeyError, TypeError, ValueError):
                run_s, load_s = float(fields["run_s"]), float(fields["load_s"])
                took = _Took(float(fields["work"]), max(run_s - load_s, 0.0), load_s)
                found.setdefault(str(fields["kind"]), deque(maxlen=_NEWEST)).append(took)
        return found

    def _lines(self) -> Iterator[Mapping[str, Any]]:
        """Every line that holds a mapping; one can be torn by a process that was killed."""
        try:
            text = self._file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        for line in text.splitlines():
            with suppress(ValueError):
                fields = json.loads(line)
                if isinstance(fields, dict):
                    yield fields

    def _shorten(self) -> None:
        """Keep the newest lines; what another process adds meanwhile may be lost."""
        temp = temp_path(self._file, fresh_token())
        try:
            kept = self._file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)[-_KEPT_LINES:]
            temp.write_text("".join(kept), encoding="utf-8")
            temp.replace(self._file)
        except OSError:
            remove(temp)


def _kind(job: Job) -> str:
    """What decides how long a unit of work takes."""
    recipe = job.recipe
    if isinstance(recipe, CheckpointRecipe):
        return f"{recipe.family} {recipe.checkpoint.name} {recipe.sampler}"
    return f"workflow {relative(recipe.file, job.root)}"


def _work(job: Job) -> float:
    """How much there is to draw; of a workflow, only the size of its picture is known."""
    recipe = job.recipe
    if not isinstance(recipe, CheckpointRecipe):
        return recipe.size.width * recipe.size.height / 1e6 if recipe.size else 1.0
    passes = [(recipe.size, recipe.steps * recipe.denoise)]
    if recipe.hires:
        passes.append((recipe.hires.size, recipe.hires.steps * recipe.hires.denoise))
    return sum(size.width * size.height / 1e6 * steps for size, steps in passes)


def _expected_s(before: Iterable[_Took], work: float) -> float:
    """What as much work took before, or else what it takes in proportion."""
    alike = [one.drawing_s for one in before if abs(one.work - work) <= work / 100]
    return median(alike) if alike else median(one.drawing_s / one.work for one in before if one.work > 0) * work

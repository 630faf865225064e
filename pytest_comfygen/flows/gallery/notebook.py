"""What the processes of one run note for its gallery, in files that the process with the terminal reads at the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from pytest_comfygen.flows.fingerprint import fingerprint_of
from pytest_comfygen.outputs.gallery import endings_of, entries_of, line_of
from pytest_comfygen.outputs.local import is_run, link_on_the_way
from pytest_comfygen.records import Fingerprint, Job, Scalar
from pytest_comfygen.records.gallery import Ending, Entry

__all__ = ["Notebook", "entry_of"]

_SELECTION = "selection.jsonl"
_FORGOTTEN_S = 24 * 3600.0


class Notebook:
    """The notes of one run.

    :param directory: of this machine's own, for all runs; made when there is something to note.
    :param run: what tells this run from others.
    :param process: what tells this process from the run's others.
    """

    def __init__(self, directory: Path, run: str, process: str, make: Callable[[], Path]) -> None:
        self._directory = directory / run
        self._process = process
        self._make = make

    def note_selection(self, entries: Iterable[Entry]) -> None:
        """Note all images of the run, unless another process has: all of them have the same."""
        selection = self._directory / _SELECTION
        if selection.exists():
            return
        self._make()
        self._directory.mkdir(exist_ok=True)
        aside = self._directory / f"{_SELECTION}.{self._process}"
        aside.write_text("".join(map(line_of, entries)), encoding="utf-8")
        aside.replace(selection)

    def note_ending(self, ending: Ending) -> None:
        """Note how an item ended, at once: the process may die with the next one."""
        with (self._directory / f"ended-{self._process}.jsonl").open("a", encoding="utf-8") as file:
            file.write(line_of(ending))

    def entries(self) -> dict[str, Entry]:
        """The images of the run; nothing when none was selected."""
        return entries_of(_lines(self._directory / _SELECTION))

    def endings(self) -> dict[str, Ending]:
        """How they ended, as far as they did."""
        files = sorted(self._directory.glob("ended-*.jsonl"))
        return endings_of(line for file in files for line in _lines(file))

    def remove(self, now: float) -> None:
        """Remove the notes of this run, and those of runs that died.

        :param now: the wall clock, in seconds.
        """
        if link_on_the_way(self._directory):  # whoever laid it there, what lies behind it is not ours
            return
        shutil.rmtree(self._directory, ignore_errors=True)
        for old in self._directory.parent.glob("*"):
            if is_run(old.name) and not link_on_the_way(old):
                with suppress(OSError):
                    if now - _noted_last(old) > _FORGOTTEN_S:
                        shutil.rmtree(old, ignore_errors=True)


def _noted_last(directory: Path) -> float:
    """When a run noted something last; a directory's own time tells only when a file was made in it."""
    return max(path.stat().st_mtime for path in (directory, *directory.iterdir()))


def entry_of(job: Job, item: str) -> Entry:
    """What a gallery shows of an image whatever becomes of it.

    :param item: pytest's id.
    """
    fingerprint = fingerprint_of(job, job.seed.value or 0)
    hidden = {"seed"} if job.seed.value is None else set()
    return Entry(
        id=item,
        name=job.name,
        root=str(job.root),
        output=job.output_name,
        where=str(job.where),
        tags=job.tags,
        prompt=job.prompt,
        negative=job.negative,
        parameters=tuple((key, _shown(value)) for key, value in _values(fingerprint) if key not in hidden),
    )


def _values(fingerprint: Fingerprint) -> Iterable[tuple[str, Scalar]]:
    """What shapes the picture besides its prompt, hashes in short; what is not known is left out."""
    for part in (fingerprint.params, fingerprint.models, fingerprint.inputs, fingerprint.workflow):
        yield from ((key, value) for key, value in part.items() if value is not None)


def _shown(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _lines(file: Path) -> Iterable[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError:
        return ()

"""Images that no job names any more: found by their records, told, and moved away when that is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from pytest_comfygen.errors import AssetError, ImageEdited, ImageOrphan, JobFileError
from pytest_comfygen.flows.plan import ADOPTED
from pytest_comfygen.language.naming import format_of, parts_of
from pytest_comfygen.outputs.recordfile import RECORDS, record_path
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import ImageRecord, JobResult, relative

__all__ = ["orphan_error", "orphans", "prune"]

_HINT = "give it an item again, or move it to .comfygen/trash/: pytest --comfy-prune"


def orphans(
    root: Path,
    store: Store,
    *,
    skipped: Collection[Path],
    is_claimed: Callable[[Path], bool],
    is_claimed_elsewhere: Callable[[Path, ImageRecord], bool],
) -> Iterator[Path]:
    """The images below `root` that have a record and no job, and records whose image is gone too; in order.

    :param skipped: directories that are not looked into; ComfyUI's.
    :param is_claimed: whether a job of the files that were found makes an output.
    :param is_claimed_elsewhere: whether a job of the file that a record names does, wherever that lies.
    """
    for output in sorted(_recorded(root, skipped)):
        if not is_claimed(output):
            record = _record(output, store)
            if record is None or not is_claimed_elsewhere(output, record):
                yield output


def orphan_error(output: Path, root: Path) -> ImageOrphan:
    """What is said of an image that no job names."""
    name = relative(output, root)
    left = name if output.exists() else f"the record of {name}"
    return ImageOrphan(f"{left} is left of an item that no job file has", hint=_HINT)


def prune(output: Path, root: Path, store: Store, *, keep: bool) -> JobResult:
    """Take away an image that no job names, and its record.

    :param keep: leave copies of both in `.comfygen/trash/`; of what a person made, one is always left.
    :raises ImageEdited: the file is not what its record says, so it may be somebody's work.
    :raises AssetError: the record cannot be read, or the files cannot be moved.
    """
    record, seen = store.record(output), store.look(output)
    if seen.exists and (record is None or record.file_sha256 not in (seen.sha256, seen.lfs_oid)):
        raise ImageEdited(
            f"{relative(output, root)} has no job any more and was changed since it was made, so it is left alone",
            hint="delete it and its record by hand, or take it over with an item and --comfy-adopt",
        )
    is_somebodys = record is not None and record.encoding == ADOPTED
    for path in (output, record_path(output)):
        if keep or is_somebodys:
            store.trash(path)
        store.remove(path)
    return JobResult(outcome="pruned", path=output, record=record)


def _recorded(directory: Path, skipped: Collection[Path]) -> Iterator[Path]:
    """The outputs of all records below a directory; what is hidden from people is not looked into, and neither is
    another repository or work tree.
    """
    for folder, names, files in os.walk(directory):
        if ".git" in (*names, *files) and Path(folder) != directory:
            names.clear()
            continue
        if RECORDS in names:
            yield from (output for output in _outputs(Path(folder)) if _is_ours(output.name))
        names[:] = [one for one in names if not one.startswith(".") and Path(folder, one) not in skipped]


def _outputs(directory: Path) -> Iterator[Path]:
    with os.scandir(directory / RECORDS) as entries:
        for entry in entries:
            if entry.name.endswith(".json") and entry.is_file(follow_symlinks=False):
                yield directory / entry.name.removesuffix(".json")


def _is_ours(name: str) -> bool:
    """Whether a job could make a file of this name: a record comes from git, also a stranger's."""
    try:
        parts_of(name)
        format_of(name)
    except JobFileError:
        return False
    return True


def _record(output: Path, store: Store) -> ImageRecord | None:
    try:
        return store.record(output)
    except AssetError:
        return None

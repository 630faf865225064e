"""The files of one repository that this plugin writes: images, their records, and what stays on this machine.

An image is published in five steps, and a crash between any two leaves what `heal` completes or drops:

1. the new image is written beside the old one, under a temporary name, and a note says so (`stage`);
2. its record goes into that note: the intent;
3. if the old image is still what was planned for, the new one takes its place, and the disk is made to know it;
4. its record takes the old record's place, and the disk is made to know it;
5. the note goes.

With an intent and the new image in place, the record is written; with an intent and any other image, the new one never
came, and the record was not touched. The image reaches the disk before its record, so a power cut obeys this too.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.errors import DestinationChanged, OutsideRepository, RecordDamaged, WriteFailed
from pytest_comfygen.outputs.atomic import (
    fresh_token,
    remove,
    replace,
    sync_directory,
    temp_path,
    write_atomically,
    write_durably,
)
from pytest_comfygen.outputs.filehash import FileHashes
from pytest_comfygen.outputs.guard import Guard
from pytest_comfygen.outputs.pending import Note, Pending, is_alive
from pytest_comfygen.outputs.pointer import lfs_oid
from pytest_comfygen.outputs.recordfile import dump, parse, read, record_path
from pytest_comfygen.outputs.strays import Strays
from pytest_comfygen.records import ImageRecord
from pytest_comfygen.settings import LOCAL

__all__ = ["OnDisk", "Staged", "Store"]

_PAUSE_S = 0.02

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)


@dataclass(frozen=True, slots=True)
class OnDisk:
    """What stands at an output's path: a plain file, or nothing.

    :param sha256: of the file's bytes; None when nothing stands there.
    :param lfs_oid: sha256 of the image that a Git LFS pointer stands for; None when the file is no pointer.
    """

    exists: bool
    sha256: str | None = None
    lfs_oid: str | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """A new image on disk beside the place that it shall have.

    :param path: where it lies now.
    """

    output: Path
    path: Path
    note: Note


class Store:
    """Reads and writes below one repository's root; every path that it is given lies there.

    :param root: the repository's top, absolute.
    :param now: the wall clock, in seconds, as files' times are.
    :param is_alive: whether a process has this id.
    """

    def __init__(
        self,
        root: Path,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        is_alive: Callable[[int], bool] = is_alive,
    ) -> None:
        self._root = root
        self._guard = Guard(root)
        self._local_root = root / LOCAL
        self._now = now
        self._sleep = sleep
        self._pending = Pending(self._local_root / "pending", now, is_alive)
        self._strays = Strays(now)
        self._looked_through: set[str] = set()
        self._hashes = FileHashes(self._local_root / "cache" / "hashes.json", lambda: int(now() * 1e9))

    # --- looking ----------------------------------------------------------------------------------------------------

    def look(self, output: Path) -> OnDisk:
        """What stands at `output` now.

        :raises WriteFailed: something that no image can replace stands there, or it cannot be read.
        """
        with self._guard.translated(output, "read"):
            try:
                status = os.lstat(output)
            except (FileNotFoundError, NotADirectoryError):
                return OnDisk(exists=False)
            if not stat.S_ISREG(status.st_mode):
                raise self._not_a_file(output, status.st_mode)
            found = self._hashes.sha256(output, status)
            return OnDisk(exists=True, sha256=found, lfs_oid=lfs_oid(output, status))

    def read(self, output: Path) -> bytes:
        """The bytes of the image that stands there.

        :raises WriteFailed: it cannot be read.
        """
        with self._guard.translated(output, "read"):
            return output.read_bytes()

    def record(self, output: Path) -> ImageRecord | None:
        """The record of an image; None when there is none.

        :raises RecordDamaged: it is there and cannot be used.
        """
        return read(output, self._guard.name)

    # --- publishing -------------------------------------------------------------------------------------------------

    def heal(self, output: Path) -> None:
        """Complete or drop what a dead process left of writing `output`; nearly free when nothing was left.

        :raises WriteFailed: what was left cannot be put right.
        """
        if self._pending.is_empty():
            return
        with self._guard.translated(output):
            for note in self._pending.abandoned(self._guard.name(output)):
                self._settle(output, note)

    def wait_for_others(self, output: Path, *, at_most_s: float = 5.0) -> bool:
        """Wait while another process publishes `output`, which takes a moment between the image and its record.

        :returns: whether there was something to wait for.
        """
        name, waited_s = self._guard.name(output), 0.0
        while waited_s < at_most_s and self._pending.is_being_written(name):
            self._sleep(_PAUSE_S)
            waited_s += _PAUSE_S
        return waited_s > 0

    def stage(self, output: Path, data: bytes) -> Staged:
        """Write a new image beside its place.

        :raises WriteFailed: it cannot be written.
        :raises OutsideRepository: a link leads out of the repository.
        """
        with self._guard.translated(output):
            self._guard.refuse_outside(output)
            output.parent.mkdir(parents=True, exist_ok=True)
            self._strays.sweep(output)
            note = self._announce(output)
            staged = Staged(output, temp_path(output, note.token), note)
            try:
                write_durably(staged.path, data)
            except BaseException:
                _clear(staged)
                raise
            return staged

    def discard(self, staged: Staged) -> None:
        """Drop a staged image; one that has taken its place is left alone, and so is the note that completes it."""
        if staged.path.exists():
            _clear(staged)

    @contextmanager
    def discarding(self, staged: Staged) -> Iterator[None]:
        """Drop the staged image at the end, unless it was published."""
        try:
            yield
        finally:
            self.discard(staged)

    def publish(self, staged: Staged, record: ImageRecord, seen: OnDisk) -> None:
        """Let a staged image and its record take their places.

        :param seen: the output as it was when this was decided.
        :raises DestinationChanged: it no longer is; the staged image is dropped.
        :raises WriteFailed: it cannot be written. The old image is intact, or the new one stands and `heal` will
            complete it.
        :raises OutsideRepository: a link leads out of the repository.
        """
        output = staged.output
        with self.discarding(staged):
            text = dump(record)
            with self._guard.translated(output):
                staged.note.intend(text)
                self._guard.refuse_outside(output)
                self._refuse_changed(output, seen)
                replace(staged.path, output, self._sleep)
            with self._guard.translated(record_path(output)):
                sync_directory(output.parent)
                self._put_record(output, text, staged.note.token)
                staged.note.drop()

    def write_record(self, output: Path, record: ImageRecord) -> None:
        """Write the record of an image that stays as it is.

        :raises WriteFailed: it cannot be written; the old record is intact.
        :raises OutsideRepository: a link leads out of the repository.
        """
        with self._guard.translated(record_path(output)):
            self._put_record_announced(output, dump(record))

    # --- what stays on this machine ---------------------------------------------------------------------------------

    def reject(self, output: Path, data: bytes, why: str) -> Path | None:
        """Keep a picture that may not be published, with a text beside it that says why.

        :returns: where it lies; None when it could not be kept, which must not hide why it was rejected.
        """
        target = self._local_path("rejected", output)
        with suppress(WriteFailed, OutsideRepository):
            self._write_local(target, data)
            self._write_local(target.with_name(f"{target.name}.txt"), f"{why}\n".encode(errors="replace"))
            return target
        return None

    def trash(self, output: Path) -> Path | None:
        """Keep a copy of the file that stands there, before it is replaced against its will.

        :returns: where the copy lies; None when there is no file.
        :raises WriteFailed: it cannot be copied.
        """
        seen = self.look(output)
        if seen.sha256 is None:
            return None
        target = self._local_path("trash", output)
        target = target.with_name(f"{target.stem}.{seen.sha256[:8]}{target.suffix}")
        self._write_local(target, self.read(output))
        return target

    def remove(self, path: Path) -> None:
        """Delete an image or a record, if it is there.

        :raises AssetError: it cannot be deleted, or a link leads out of the repository.
        """
        with self._guard.translated(path, "deleted"):
            self._guard.refuse_outside(path)
            path.unlink(missing_ok=True)

    def write_sketch(self, output: Path, data: bytes) -> Path:
        """Write a placeholder of an image, away from the assets and without a record.

        :raises WriteFailed: it cannot be written.
        """
        target = self._local_path("sketch", output)
        self._write_local(target, data)
        return target

    def close(self) -> None:
        """Keep what was learned about files' hashes; failing at that is no error."""
        if self._hashes.has_news:
            with suppress(WriteFailed, OutsideRepository), self._guard.translated(self._local_root):
                self._make_local_root()
                self._guard.refuse_link(self._local_root / "cache" / "hashes.json")
                self._hashes.close()

    # --- steps ------------------------------------------------------------------------------------------------------

    def _settle(self, output: Path, note: Note) -> None:
        """The record is written under a note of our own: another process may be settling the same one."""
        text = note.intent()
        if self._stands(output, text):
            self._put_record_announced(output, text)
        remove(temp_path(output, note.token))
        remove(temp_path(record_path(output), note.token))
        note.drop()

    def _stands(self, output: Path, text: str) -> bool:
        """Whether the image that stands there is the one that a kept record was meant for."""
        try:
            meant = parse(text).file_sha256
        except RecordDamaged:  # cut short, so its image was not put in place; or nothing but the announcement
            return False
        seen = self.look(output)
        return meant in (seen.sha256, seen.lfs_oid)

    def _put_record_announced(self, output: Path, text: str) -> None:
        note = self._announce(output)
        try:
            self._put_record(output, text, note.token)
        finally:
            note.drop()

    def _put_record(self, output: Path, text: str, token: str) -> None:
        path = record_path(output)
        self._guard.refuse_outside(path)
        if not path.parent.is_dir():
            path.parent.mkdir(exist_ok=True)
            sync_directory(path.parent.parent)
        write_atomically(path, text.encode(), token, self._sleep)
        sync_directory(path.parent)

    def _announce(self, output: Path) -> Note:
        self._make_local_root()
        self._guard.refuse_link(self._local_root / "pending")
        return self._pending.announce(self._guard.name(output))

    def _refuse_changed(self, output: Path, seen: OnDisk) -> None:
        if self.look(output) != seen:
            raise DestinationChanged(f"{self._guard.name(output)} was changed while its new picture was made")

    # --- the local directory ----------------------------------------------------------------------------------------

    def refuse_unwritable(self, output: Path) -> None:
        """Refuse before a picture is made what could not be written afterwards, as far as that can be seen.

        :raises WriteFailed: the output's directory, or the nearest one that exists, is not writable.
        """
        directory = next(one for one in output.parents if one.exists())
        with self._guard.translated(output):
            if not os.access(directory, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(directory))

    def local_directory(self, name: str) -> Path:
        """A directory of this machine's own below `.comfygen/`, made when it is not there.

        :raises OutsideRepository: a link leads out of the repository, or one lies in the directory or on the way.
        :raises WriteFailed: it cannot be made.
        """
        directory = self._local_root / name
        with self._guard.translated(directory):
            self._make_local_root()
            self._guard.refuse_outside(directory / "file")
            self._guard.refuse_link(directory)
            directory.mkdir(exist_ok=True)
            if name not in self._looked_through:
                self._guard.refuse_links_in(directory)
                self._looked_through.add(name)
        return directory

    def _local_path(self, folder: str, output: Path) -> Path:
        return self._local_root / folder / output.relative_to(self._root)

    def _write_local(self, target: Path, data: bytes) -> None:
        with self._guard.translated(target):
            self._make_local_root()
            self._guard.refuse_outside(target)
            self._guard.refuse_link(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, data, fresh_token(), self._sleep)

    def _make_local_root(self) -> None:
        """Make the directory with its own ignore file, so that nobody has to edit theirs."""
        ignore = self._local_root / ".gitignore"
        self._guard.refuse_outside(ignore)
        self._guard.refuse_link(ignore)
        self._local_root.mkdir(exist_ok=True)
        if not ignore.exists() or not ignore.stat().st_size:  # a crash can leave it empty
            ignore.write_text("*\n", encoding="utf-8")

    def _not_a_file(self, output: Path, mode: int) -> WriteFailed:
        kind = next((words for matches, words in _KINDS if matches(mode)), "a device")
        return WriteFailed(
            f"{self._guard.name(output)} is {kind}, and an image is a plain file",
            hint="move it away, or give the item another name or output",
        )


def _clear(staged: Staged) -> None:
    remove(staged.path)
    staged.note.drop()

"""A file on its way: what has come lies in a `.part` beside the target, and a note says of what it is a part.

The note is written before the first byte, so that whatever a killed process left can be continued or is known to be of
no use. The target appears by a rename, whole, after its bytes are on the disk.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from pytest_comfygen.errors import DiskTooSmall, DownloadFailed
from pytest_comfygen.records import Model

__all__ = ["Note", "Part", "part_key", "readable_size"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a part is a part of.

    :param url: the address, without its query, which may hold a signature.
    :param etag: what `If-Range` needs: a strong etag, or a date; empty when the server gave neither.
    :param size: the whole file's, None when the server did not tell.
    """

    url: str
    etag: str = ""
    size: int | None = None


def part_key(model: Model) -> str:
    """Twelve characters by which parts of different contents are told apart."""
    return (model.sha256 or sha256((model.url or "").encode()).hexdigest())[:12]


class Part:
    """What has come of one file.

    :param target: the file that it becomes.
    """

    def __init__(self, target: Path, key: str) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.{key}.part")
        self._note_path = target.with_name(f"{self.path.name}.json")

    @property
    def size(self) -> int:
        """How many bytes have come."""
        try:
            return self.path.stat().st_size
        except OSError:  # it is not there, or its directory cannot be: whoever writes to it is told
            return 0

    def note(self) -> Note | None:
        """What the part is a part of, None when nothing readable says so."""
        try:
            found = json.loads(self._note_path.read_bytes())
            match found:
                case {"url": str(url), "etag": str(etag), "size": int() | None as size}:
                    return Note(url=url, etag=etag, size=size)
        except (OSError, ValueError, RecursionError):
            pass
        return None

    def describe(self, note: Note) -> None:
        """Write down what the part is a part of."""
        temp = self._note_path.with_name(f"{self._note_path.name}.tmp")
        with _telling(self.target):
            temp.write_text(json.dumps(asdict(note)), encoding="utf-8")
            temp.replace(self._note_path)

    def begin(self, note: Note) -> None:
        """Start over with an empty part."""
        with _telling(self.target):
            self.path.open("wb").close()
        self.describe(note)

    def append(self, chunks: Iterator[bytes]) -> Iterator[int]:
        """Write what comes; yields the part's size after each chunk."""
        with _telling(self.target):
            file = self.path.open("ab", buffering=0)
        with file:
            size = os.fstat(file.fileno()).st_size
            for chunk in chunks:
                rest = memoryview(chunk)
                while rest:
                    with _telling(self.target):
                        rest = rest[file.write(rest) or 0 :]
                size += len(chunk)
                yield size

    def drop(self) -> None:
        """Forget what has come."""
        for path in (self.path, self._note_path):
            path.unlink(missing_ok=True)

    def publish(self) -> None:
        """Make the part the target, which is complete and on the disk from the moment that it can be seen."""
        with _telling(self.target):
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            self.path.replace(self.target)
            _sync_directory(self.target.parent)
        self.tidy()

    def tidy(self) -> None:
        """Remove the notes, and parts of other contents: the target is there, so nobody will ask for them any more."""
        ours = re.compile(re.escape(self.target.name) + r"\.[0-9a-f]{12}\.part(\.json(\.tmp)?)?")
        for path in self.target.parent.iterdir():
            if ours.fullmatch(path.name):
                with suppress(OSError):
                    path.unlink()


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # a directory cannot be opened there
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without that notion
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _telling(target: Path) -> Iterator[None]:
    """Say in our words what the disk refuses."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _FULL:
            hint = "make room, then run the same command again: what has arrived is kept"
            raise DiskTooSmall(f"the disk takes no more of {target.name}: {reason}", hint=hint) from None
        raise DownloadFailed(f"{target} cannot be written: {reason}", hint="may you write there?") from None


def readable_size(size_bytes: int) -> str:
    """A size as people read it."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} bytes"

"""Pictures as a gallery shows them: found on disk and in the commit, made small once and remembered by content."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

from pytest_comfygen.engine.history import blob_id
from pytest_comfygen.errors import WriteFailed
from pytest_comfygen.outputs.pointer import oid_in
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import Size
from pytest_comfygen.records.gallery import Medium, Plate, PlateRole, Preview
from pytest_comfygen.verify.preview import preview_of

__all__ = ["Blobs", "Caption", "Find", "Previews", "find_in_commit", "find_on_disk", "link_to", "plate_of"]

_MEDIA: dict[str, tuple[Medium, str]] = {
    ".png": ("image", "image/png"),
    ".apng": ("image", "image/apng"),
    ".webp": ("image", "image/webp"),
    ".jpg": ("image", "image/jpeg"),
    ".jpeg": ("image", "image/jpeg"),
    ".gif": ("image", "image/gif"),
    ".mp4": ("video", "video/mp4"),
    ".webm": ("video", "video/webm"),
    ".flac": ("audio", "audio/flac"),
    ".mp3": ("audio", "audio/mpeg"),
    ".opus": ("audio", "audio/ogg"),
    ".wav": ("audio", "audio/wav"),
}
_UNKNOWN: tuple[Medium, str] = ("image", "application/octet-stream")
_MOST_KEPT = 20_000


class Caption(NamedTuple):
    """What a file is called where it is shown.

    :param name: relative to the repository.
    :param why: the text beside a refused picture.
    """

    role: PlateRole
    label: str
    name: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A file that a gallery shows.

    :param sha256: of its bytes.
    :param read: gives its bytes.
    :param path: where it lies; None for one that only git has.
    """

    caption: Caption
    sha256: str
    size_bytes: int
    read: Callable[[], bytes]
    path: Path | None = None

    @property
    def medium(self) -> Medium:
        """Whether it is looked at or played."""
        return _kind_of(self.caption.name)[0]


def plate_of(find: Find, preview: Preview | None, *, whole: bool, target: Path) -> Plate:
    """A file as it is shown.

    :param whole: the page holds its bytes.
    :param target: the page.
    """
    medium, media_type = _kind_of(find.caption.name)
    return Plate(
        role=find.caption.role,
        label=find.caption.label,
        name=find.caption.name,
        medium=medium,
        media_type=media_type,
        size_bytes=find.size_bytes,
        preview=preview,
        data=(bytes_of(find) or None) if whole else None,
        link=link_to(find.path, target) if find.path else None,
        note=_note(find, preview),
        why=find.caption.why,
    )


def link_to(path: Path, target: Path) -> str | None:
    """The address of a file, relative to the page; None where there is no way from one to the other."""
    try:
        way = os.path.relpath(path, target.parent)
    except ValueError:  # another drive of Windows
        return None
    return quote(way.replace(os.sep, "/"))


def _kind_of(name: str) -> tuple[Medium, str]:
    return _MEDIA.get(PurePosixPath(name).suffix.lower(), _UNKNOWN)


def _note(find: Find, preview: Preview | None) -> str:
    """Why there is nothing to see."""
    if preview is not None or find.medium != "image":
        return ""
    return "a Git LFS pointer, not the picture" if oid_in(bytes_of(find)) else "not a picture, or damaged"


def bytes_of(find: Find) -> bytes:
    """The file's bytes; none when it went meanwhile, or may not be read: then there is nothing to see."""
    try:
        return find.read()
    except OSError:
        return b""


class Blobs:
    """Which file git calls by which id, remembered from run to run: to find out, the whole file is read.

    :param file: where it is kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = _read_known(file)
        self._news = False

    def is_of(self, blob: str, find: Find) -> bool:
        """Whether a file is the one that git calls so."""
        if blob not in self._known and blob_id(bytes_of(find), blob) == blob:
            self._known[blob] = find.sha256
            self._news = True
        return self._known.get(blob) == find.sha256

    def close(self) -> None:
        """Keep what was learned; failing at that is no error."""
        if self._news:
            kept = dict(list(self._known.items())[-_MOST_KEPT:])
            with suppress(OSError):
                self._file.write_text(json.dumps(kept), encoding="utf-8")


def _read_known(file: Path) -> dict[str, str]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there yet, or cut short
        return {}
    return known if isinstance(known, dict) else {}


@dataclass(slots=True)
class Previews:
    """Small versions of files, by the hash of their bytes; kept on this machine, because decoding takes long.

    :param directory: where they are kept.
    :param workers: how many are made at once.
    """

    directory: Path
    workers: int
    _kept: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with suppress(OSError):  # without a place to keep them, they are made each time
            self.directory.mkdir(exist_ok=True)
        with suppress(OSError), os.scandir(self.directory) as entries:
            self._kept = {entry.name.partition(".")[0]: Path(entry.path) for entry in entries}

    def of(self, finds: Iterable[Find]) -> dict[str, Preview]:
        """The small versions of those files that have one."""
        pictures = {one.sha256: one for one in finds if one.medium == "image"}
        with ThreadPoolExecutor(self.workers) as pool:
            made = pool.map(self._preview, pictures.values())
            return {key: preview for key, preview in zip(pictures, made, strict=True) if preview}

    def forget_old(self) -> None:
        """Keep those that were made last."""
        surplus = len(self._kept) - _MOST_KEPT
        if surplus > 0:
            for path in sorted(self._kept.values(), key=_age)[:surplus]:
                with suppress(OSError):
                    path.unlink()

    def _preview(self, find: Find) -> Preview | None:
        kept = self._kept.get(find.sha256)
        return (kept and _read(kept)) or self._made(find)

    def _made(self, find: Find) -> Preview | None:
        preview = preview_of(bytes_of(find))
        if preview is not None:
            path = self.directory / f"{find.sha256}.{preview.size}.webp"
            with suppress(OSError):
                path.write_bytes(preview.data)
            self._kept[find.sha256] = path
        return preview


def _read(kept: Path) -> Preview | None:
    """A kept preview; None when it is broken, as after a crash."""
    try:
        width, height = kept.name.split(".")[1].split("x")
        data = kept.read_bytes()
        is_whole = len(data) > 12 and int.from_bytes(data[4:8], "little") + 8 == len(data)  # noqa: PLR2004  # RIFF's head
        return Preview(data, Size(int(width), int(height))) if is_whole else None
    except (OSError, ValueError, IndexError):
        return None


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def find_on_disk(store: Store, path: Path, caption: Caption) -> Iterator[Find]:
    """A file that lies there, or nothing."""
    with suppress(WriteFailed, OSError):  # a directory, a link, or unreadable: there is nothing to show
        seen = store.look(path)
        if seen.sha256:
            size_bytes = path.stat().st_size
            yield Find(caption=caption, sha256=seen.sha256, size_bytes=size_bytes, read=path.read_bytes, path=path)


def find_in_commit(read: Callable[[], bytes], caption: Caption) -> Find:
    """A file as the commit has it; read again when it is needed, so that not all of them are held at once."""
    data = read()
    return Find(caption=caption, sha256=sha256(data).hexdigest(), size_bytes=len(data), read=read)

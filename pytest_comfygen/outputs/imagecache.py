"""Images that were made on this machine, kept for a while: a prompt that is taken back gets its image without a GPU."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from pytest_comfygen.errors import RecordDamaged
from pytest_comfygen.outputs.atomic import remove, temp_path
from pytest_comfygen.outputs.local import link_on_the_way
from pytest_comfygen.outputs.recordfile import dump, parse
from pytest_comfygen.records import ImageRecord, KeptImage

__all__ = ["ImageCache"]

_RECORD = ".json"
_KEY = re.compile(r"[0-9a-f]+")
_LEFT_AFTER_TRIMMING = 0.8


class ImageCache:
    """A directory of images by what made them, bounded in size; it may be lost, and several processes use it at once.

    :param directory: where they lie; made when there is something to keep, and left alone when a link leads there.
    :param limit_bytes: how much is kept, the images that were used last.
    """

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes
        self._has_grown = False

    def find(self, key: str) -> KeptImage | None:
        """The image that was made from what `key` stands for; one that is damaged is forgotten."""
        image = self._directory / key
        if self._is_elsewhere(image):
            return None
        try:
            record = parse(image.with_name(f"{key}{_RECORD}").read_text(encoding="utf-8"))
            data = image.read_bytes()
        except (OSError, ValueError, RecordDamaged):
            return None
        if sha256(data).hexdigest() != record.file_sha256:
            remove(image)
            return None
        with suppress(OSError):
            os.utime(image)
        return KeptImage(data, record)

    def keep(self, key: str, data: bytes, record: ImageRecord) -> None:
        """Keep an image; where that cannot be done, it is made again when it is wanted again."""
        image = self._directory / key
        if self._is_elsewhere(image):
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            _write(image, data)
            _write(image.with_name(f"{key}{_RECORD}"), dump(record).encode())
        except OSError:
            return
        self._has_grown = True

    def close(self) -> None:
        """Let go of the images that were not used for the longest time, when there are too many."""
        if not self._has_grown or self._is_elsewhere(self._directory):
            return
        images = sorted(self._images())
        total = sum(size for _, size, _ in images)
        if total <= self._limit_bytes:
            return
        for _, size, path in images:
            if total <= self._limit_bytes * _LEFT_AFTER_TRIMMING:
                break
            remove(path)
            remove(path.with_name(f"{path.name}{_RECORD}"))
            total -= size

    @staticmethod
    def _is_elsewhere(path: Path) -> bool:
        """Whether a link, which may have come with a branch, leads to somebody's files."""
        return link_on_the_way(path) is not None

    def _images(self) -> Iterator[tuple[float, int, Path]]:
        """When each image was used last, its size, and where it lies."""
        with suppress(OSError), os.scandir(self._directory) as entries:
            for entry in entries:
                with suppress(OSError):
                    if _KEY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        status = entry.stat()
                        yield status.st_mtime, status.st_size, Path(entry.path)


def _write(path: Path, data: bytes) -> None:
    temp = temp_path(path, f"{os.getpid()}-{secrets.token_hex(4)}")
    try:
        temp.write_bytes(data)
        temp.replace(path)
    except OSError:
        remove(temp)
        raise

"""Images that were made on this machine, kept for a while: a prompt that is taken back gets its image without a GPU."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pytest_comfygen.outputs.atomic import fresh_token, remove, temp_path
from pytest_comfygen.outputs.kept import is_whole, read_kept, record_beside
from pytest_comfygen.outputs.local import link_on_the_way
from pytest_comfygen.outputs.recordfile import dump_on_one_line
from pytest_comfygen.records import ImageRecord, KeptImage

__all__ = ["ImageCache"]

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
        kept = read_kept(image)
        if kept is None:
            return None
        if not is_whole(kept):
            remove(image)
            return None
        with suppress(OSError):
            os.utime(image)
        return kept

    def keep(self, key: str, data: bytes, record: ImageRecord) -> None:
        """Keep an image; where that cannot be done, it is made again when it is wanted again."""
        image = self._directory / key
        if self._is_elsewhere(image):
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            _write(image, data)
            _write(record_beside(image), dump_on_one_line(record).encode())
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
            remove(record_beside(path))
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
    temp = temp_path(path, fresh_token())
    try:
        temp.write_bytes(data)
        temp.replace(path)
    except OSError:
        remove(temp)
        raise

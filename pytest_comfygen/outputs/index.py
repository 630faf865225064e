"""The index of a job file's images, for the program that uses them: one JSON list, an image a line."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterable
from typing import NamedTuple

from pytest_comfygen.errors import IndexForeign
from pytest_comfygen.outputs.atomic import write_atomically
from pytest_comfygen.outputs.guard import Guard
from pytest_comfygen.records import Index, Size, relative

__all__ = ["IndexEntry", "index_text", "read_index", "write_index"]

_KEYS = frozenset(("name", "file", "size", "tags"))


class IndexEntry(NamedTuple):
    """One image.

    :param file: the image's path relative to the index, with forward slashes.
    :param size: None for sound.
    """

    name: str
    file: str
    size: Size | None
    tags: tuple[str, ...]


def index_text(entries: Iterable[IndexEntry]) -> str:
    """The text of an index; equal entries have equal texts."""
    lines = (
        json.dumps(
            {"name": one.name, "file": one.file, "size": _numbers(one.size), "tags": list(one.tags)},
            ensure_ascii=False,
        )
        for one in entries
    )
    body = ",\n".join(lines)
    return f"[\n{body}\n]\n" if body else "[]\n"


def _numbers(size: Size | None) -> list[int] | None:
    return [size.width, size.height] if size else None


def read_index(index: Index) -> str | None:
    """The text of the index that stands there; None when there is none.

    :raises IndexForeign: the file is something else.
    :raises WriteFailed: it cannot be read.
    """
    name = relative(index.path, index.root)
    with Guard(index.root).translated(index.path, "read"):
        if not index.path.exists():
            return None
        data = index.path.read_bytes() if index.path.is_file() else b""
    if not _is_ours(data):
        raise IndexForeign(f"{name} is no index of images, so it is left alone", where=index.where)
    return data.decode()


def write_index(index: Index, text: str) -> None:
    """Put an index in its place.

    :raises WriteFailed: it cannot be written.
    :raises OutsideRepository: a link leads out of the repository.
    """
    guard = Guard(index.root)
    with guard.translated(index.path):
        guard.refuse_outside(index.path)
        index.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(index.path, text.encode(), f"{os.getpid()}-{secrets.token_hex(4)}", time.sleep)


def _is_ours(data: bytes) -> bool:
    """Whether it is a list of entries like ours, so that it can be made again."""
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(entries, list) and all(isinstance(one, dict) and one.keys() == _KEYS for one in entries)

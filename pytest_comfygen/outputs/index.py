"""The index of a job file's images, for the program that uses them: one JSON list, an image a line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pytest_comfygen.errors import IndexForeign
from pytest_comfygen.outputs.atomic import fresh_token, write_atomically
from pytest_comfygen.outputs.guard import Guard
from pytest_comfygen.records import Index, Size, relative

__all__ = ["IndexEntry", "index_text", "read_index", "write_index"]

_KEYS = ("name", "file", "size", "tags")
_EMPTY = "[\n]\n"
_LARGEST_BYTES = 64 << 20  # 400 000 images, about


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
    return _text_of((one.name, one.file, _numbers(one.size), list(one.tags)) for one in entries)


def _text_of(entries: Iterable[Sequence[object]]) -> str:
    """An entry a line; without any it is two lines, so that somebody's `[]` is not taken for ours."""
    lines = (json.dumps(dict(zip(_KEYS, values, strict=True)), ensure_ascii=False) for values in entries)
    body = ",\n".join(lines)
    return f"[\n{body}\n]\n" if body else _EMPTY


def _numbers(size: Size | None) -> list[int] | None:
    return [size.width, size.height] if size else None


def read_index(index: Index) -> str | None:
    """The index that stands there, in the text that we write for its entries; None when there is none.

    Git may have changed the ends of its lines, or a formatter its spaces.

    :raises IndexForeign: the file is something else.
    :raises WriteFailed: it cannot be read.
    """
    name = relative(index.path, index.root)
    with Guard(index.root).translated(index.path, "read"):
        if not index.path.exists():
            return None
        is_readable = index.path.is_file() and index.path.stat().st_size <= _LARGEST_BYTES
        data = index.path.read_bytes() if is_readable else b""
    text = _as_ours(data)
    if text is None:
        raise IndexForeign(f"{name} is no index of images, so it is left alone", where=index.where)
    return text


def write_index(index: Index, text: str) -> None:
    """Put an index in its place.

    :raises WriteFailed: it cannot be written.
    :raises OutsideRepository: a link leads out of the repository.
    """
    guard = Guard(index.root)
    with guard.translated(index.path):
        guard.refuse_outside(index.path)
        index.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(index.path, text.encode(), fresh_token(), time.sleep)


def _as_ours(data: bytes) -> str | None:
    """The text for a list of entries like ours, which can be made again; None for anything else."""
    try:
        text = data.decode()
        entries = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entries, list) or not all(isinstance(one, dict) and one.keys() == set(_KEYS) for one in entries):
        return None
    is_anothers = not entries and text.splitlines() != _EMPTY.splitlines()
    return None if is_anothers else _text_of([one[key] for key in _KEYS] for one in entries)

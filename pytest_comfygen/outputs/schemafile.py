"""A JSON Schema as a file, which only ever takes the place of an older one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytest_comfygen.errors import WriteFailed
from pytest_comfygen.outputs.atomic import fresh_token, write_atomically

__all__ = ["as_text", "check_place", "write"]

MAX_BYTES = 64 * 1024 * 1024


def as_text(schema: Mapping[str, Any], *, plain: bool = False) -> str:
    """The schema as people read it.

    :param plain: in ASCII alone.
    """
    return json.dumps(schema, indent=2, ensure_ascii=plain) + "\n"


def check_place(path: Path, shown: str) -> None:
    """Refuse a place where anything but a schema of ours stands.

    :raises WriteFailed: so it is, or what stands there cannot be read.
    """
    try:
        if path.is_dir():
            raise WriteFailed(f"{shown} is a directory", hint="name a file in it, such as comfyjob.schema.json")
        if path.exists() and not (path.is_file() and _is_ours(path)):
            told = f"{shown} is no schema of job files, so it is left alone"
            raise WriteFailed(told, hint="name another file, or move it away")
    except OSError as error:
        raise _failed(shown, error) from None


def write(path: Path, shown: str, schema: Mapping[str, Any], sleep: Callable[[float], None]) -> None:
    """Put the schema into a file, at once or not at all; a link stays, and what it leads to is written.

    :raises WriteFailed: something else stands there, or the system refuses.
    """
    path = path.resolve()
    check_place(path, shown)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, as_text(schema).encode(), fresh_token(), sleep)
    except OSError as error:
        raise _failed(shown, error) from None


def _is_ours(path: Path) -> bool:
    """Whether the file is a JSON Schema with the key that every job file has."""
    if path.stat().st_size > MAX_BYTES:
        return False
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    match document:
        case {"$schema": str(), "properties": {"comfyjob": {}}, "definitions": {"Item": {}}}:
            return True
    return False


def _failed(shown: str, error: OSError) -> WriteFailed:
    return WriteFailed(f"{shown} cannot be written: {error.strerror or error}", hint="name another file")

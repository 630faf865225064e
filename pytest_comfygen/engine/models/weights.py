"""Whether a file can be used as weights, seen from its first bytes, before a server dies of it or runs it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from pytest_comfygen.errors import ModelDamaged, PageInsteadOfModel, PickleRefused

__all__ = ["check_weights", "looks_like_a_page", "refuse_pickle"]

# Source: ComfyUI folder_paths.py, supported_pt_extensions, without the two that are no pickles.
_PICKLES = frozenset({".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl"})
_SAFETENSORS = frozenset({".safetensors", ".sft"})

# Source: safetensors, tensor.rs: MAX_HEADER_SIZE and the checks of Metadata::validate.
_LONGEST_HEADER_BYTES = 100_000_000
_LENGTH_BYTES = 8

_LOOK_BYTES = 512
_PAGE_STARTS = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--")
_LFS_START = b"version https://git-lfs.github.com/spec/"
_GET_AGAIN = "delete the file, and get it again with --comfy-download"


def check_weights(path: Path, *, pickles_allowed: bool, name: str | None = None) -> None:
    """Refuse a file that is no weights file, or a torn one.

    :param name: the file's name where it has another one for now; its suffix decides.
    :raises PickleRefused: it is a pickle, and they are not allowed.
    :raises PageInsteadOfModel: it is a web page.
    :raises ModelDamaged: it is torn, empty, a Git LFS pointer, or not what its suffix says.
    """
    name = name or path.name
    refuse_pickle(name, pickles_allowed=pickles_allowed)
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_LOOK_BYTES)
    _refuse_stand_ins(start, size, name)
    suffix = PurePath(name).suffix.lower()
    if suffix in _SAFETENSORS:
        _check_safetensors(path, start, size, name)
    elif suffix in _PICKLES and start.startswith(b"PK") and not zipfile.is_zipfile(path):
        raise ModelDamaged(f"{name} is cut off: its last bytes are missing", hint=_GET_AGAIN)


def refuse_pickle(name: str, *, pickles_allowed: bool) -> None:
    """Refuse a file whose suffix is that of a pickle, unless they are allowed.

    :raises PickleRefused: so it is.
    """
    if not pickles_allowed and PurePath(name).suffix.lower() in _PICKLES:
        hint = "use the model's .safetensors file"
        raise PickleRefused(f"{name} is a pickle, which can run any program when it is loaded", hint=hint)


def looks_like_a_page(start: bytes) -> bool:
    """Whether a file that starts so is a web page."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n")[:16].lower().startswith(_PAGE_STARTS)


def _refuse_stand_ins(start: bytes, size: int, name: str) -> None:
    if size == 0:
        raise ModelDamaged(f"{name} is empty", hint=_GET_AGAIN)
    if looks_like_a_page(start):
        raise PageInsteadOfModel(f"{name} is a web page, saved under a model's name", hint=_GET_AGAIN)
    if start.startswith(_LFS_START):
        raise ModelDamaged(f"{name} is a Git LFS pointer, not the file it stands for", hint="git lfs pull")


def _check_safetensors(path: Path, start: bytes, size: int, name: str) -> None:
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    if start.startswith(b"PK") or start[:1] == b"\x80":
        raise ModelDamaged(f"{name} is a pickle under the name of a safetensors file", hint=_GET_AGAIN)
    if size < _LENGTH_BYTES or not 0 < length <= _LONGEST_HEADER_BYTES:
        raise ModelDamaged(f"{name} is no safetensors file: its header cannot be that long", hint=_GET_AGAIN)
    rest = size - _LENGTH_BYTES - length
    if rest < 0:
        raise ModelDamaged(f"{name} is cut off in its header", hint=_GET_AGAIN)
    end = _data_end(_header(path, length, name), name)
    if end > rest:
        raise ModelDamaged(f"{name} is cut off: {end - rest} bytes are missing at its end", hint=_GET_AGAIN)
    if end < rest:
        raise ModelDamaged(f"{name} has {rest - end} bytes too many at its end", hint=_GET_AGAIN)


def _header(path: Path, length: int, name: str) -> Mapping[str, Any]:
    with path.open("rb") as file:
        file.seek(_LENGTH_BYTES)
        text = file.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise ModelDamaged(f"{name} is no safetensors file: its header is not JSON", hint=_GET_AGAIN)
    return header


def _data_end(header: Mapping[str, Any], name: str) -> int:
    """Where the last tensor ends, counted from the header's end."""
    end = 0
    for key, tensor in header.items():
        if key == "__metadata__":
            continue
        match tensor:
            case {"dtype": str(), "shape": list(), "data_offsets": [int(first), int(last)]} if 0 <= first <= last:
                end = max(end, last)
            case _:
                raise ModelDamaged(f"{name} is no safetensors file: {key[:60]!r} is no tensor", hint=_GET_AGAIN)
    return end

r"""Which file is meant by a model's name.

People write `sdxl/Base.safetensors`, Windows lists `sdxl\\base.safetensors`, and the file lies one folder higher: all
that is one model. Two files that are equally meant are none, because a picture from the wrong weights is worse than a
question.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from pytest_comfygen.engine.models.places import directories_for
from pytest_comfygen.records import FoundModel, Model, ModelPlaces

__all__ = ["checkpoints_in", "find_model", "match_name", "near_models", "near_names"]


def find_model(model: Model, places: ModelPlaces) -> FoundModel | None:
    """The model's file on this machine: exactly as named, else the only one that can be meant."""
    directories = directories_for(model.folder, places)
    for directory in directories:
        if (path := directory / model.name).is_file():
            return FoundModel(model, path, model.name, is_exact=True)
    files = dict(reversed([one for directory in directories for one in _files(directory)]))  # the first directory wins
    name = match_name(model.name, tuple(files))
    return FoundModel(model, files[name], name, is_exact=False) if name is not None else None


def near_models(model: Model, places: ModelPlaces, limit: int = 3) -> tuple[str, ...]:
    """What could have been meant by a model that is not found, as `folder/name`; other folders' files too."""
    here = [name for directory in directories_for(model.folder, places) for name, _ in _files(directory)]
    found = [f"{model.folder}/{name}" for name in near_names(model.name, here, limit)]
    elsewhere = dict(_files(places.models)) if not found else {}
    same = [name for name in elsewhere if _parts(name)[-1] == _parts(model.name)[-1]]
    return tuple(found or sorted(same)[:limit])


def checkpoints_in(places: ModelPlaces) -> tuple[str, ...]:
    """The checkpoints of this machine, as ComfyUI lists them, with forward slashes."""
    files = [name for directory in directories_for("checkpoints", places) for name, _ in _files(directory)]
    return tuple(sorted({name for name in files if name.endswith((".safetensors", ".sft"))}))


def match_name(wanted: str, names: Sequence[str]) -> str | None:
    """The only one of `names`, as a server or a directory lists them, that `wanted` can mean; None for none or several.

    Slashes, case and Unicode's forms do not count, and a subfolder may be left out on either side.
    """
    if wanted in names:
        return wanted
    parts = _parts(wanted)
    same = [name for name in names if _parts(name) == parts]
    alike = same or [name for name in names if _ends_with(_parts(name), parts) or _ends_with(parts, _parts(name))]
    return alike[0] if len(alike) == 1 else None


def near_names(wanted: str, names: Sequence[str], limit: int = 3) -> tuple[str, ...]:
    """What could have been meant: names that fit and are several, else names that look alike."""
    last = _parts(wanted)[-1]
    same = [name for name in names if _parts(name)[-1] == last]
    by_text = {"/".join(_parts(name)): name for name in names}
    close = get_close_matches("/".join(_parts(wanted)), by_text, n=limit)
    return tuple(same[:limit]) or tuple(by_text[text] for text in close)


def _parts(name: str) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", name.replace("\\", "/")).casefold().split("/"))


def _ends_with(parts: tuple[str, ...], end: tuple[str, ...]) -> bool:
    return parts[-len(end) :] == end


def _files(directory: Path) -> Iterator[tuple[str, Path]]:
    """Every file below `directory`: its name relative to it, and its path; links are followed, but not in circles."""
    seen: set[str] = set()
    for folder, subfolders, names in os.walk(directory, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file():
                yield path.relative_to(directory).as_posix(), path

"""Where a gallery may be written: to a page or a sheet of its own, and never among the images or over another file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pytest_comfygen.errors import SettingsError
from pytest_comfygen.outputs.gallery.file import is_ours
from pytest_comfygen.records import relative

__all__ = ["check_target", "is_sheet", "refuse_among_images", "target_of"]

_SHEET = ".png"
_SUFFIXES = (".html", ".htm", _SHEET)


def target_of(root: Path, written: str) -> Path:
    """The file that `--comfy-gallery` means.

    :param root: the repository.
    :param written: the value, relative to the repository.
    """
    return Path(os.path.normpath(root / written))


def check_target(target: Path, written: str) -> None:
    """Look at what stands there.

    :param written: the value that it is named by.
    :raises SettingsError: nothing of ours can be written there.
    """
    if target.is_dir() or ".comfyjob." in target.name:
        hint = "write the paths of images first, or an equals sign: pytest jobs/ --comfy-gallery=gallery.html"
        raise SettingsError(f"--comfy-gallery took {written} for the file to write", hint=hint)
    if target.suffix.lower() not in _SUFFIXES:
        hint = "give it the ending .html, or .png for a contact sheet"
        raise SettingsError(f"--comfy-gallery: {written} is neither a page nor a sheet", hint=hint)
    if _is_anothers(target):
        hint = "give another name, or move that file away"
        raise SettingsError(f"--comfy-gallery: {written} is there and is no gallery of ours", hint=hint)


def refuse_among_images(target: Path, root: Path, outputs: Iterable[Path]) -> None:
    """Refuse a gallery in a directory that images are made in: it would be committed with them, or taken for one.

    :raises SettingsError: so it is.
    """
    holding = {output.parent for output in outputs}
    for directory in (target.parent, *target.parent.parents):
        if directory in holding and (directory != root or target.parent == root):
            hint = "write it elsewhere; without a file it goes to .comfygen/gallery.html"
            named = relative(directory, root) if directory != root else "the top of the repository"
            told = f"--comfy-gallery: {relative(target, root)} lies in {named}, where images are made"
            raise SettingsError(told, hint=hint)


def is_sheet(target: Path) -> bool:
    """Whether a contact sheet is meant, and no page."""
    return target.suffix.lower() == _SHEET


def _is_anothers(target: Path) -> bool:
    try:
        return target.exists() and not is_ours(target)
    except OSError:
        return True

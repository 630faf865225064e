"""Where ComfyUI looks for weights files: its own folders and those of `extra_model_paths.yaml`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import MappingProxyType

from pytest_comfygen.records import Model, ModelPlaces

__all__ = ["ExtraPaths", "directories_for", "download_target", "model_places"]

# Folders that have another name as well, and the directories below `models` that ComfyUI searches for them.
# Source: ComfyUI folder_paths.py, map_legacy and folder_names_and_paths.
_LEGACY = MappingProxyType({"unet": "diffusion_models", "clip": "text_encoders", "t2i_adapter": "controlnet"})
_SEVERAL = MappingProxyType(
    {
        "text_encoders": ("text_encoders", "clip"),
        "diffusion_models": ("unet", "diffusion_models"),
        "controlnet": ("controlnet", "t2i_adapter"),
    }
)
_NO_WEIGHTS = frozenset({"custom_nodes", "base_path", "is_default"})


@dataclass(frozen=True, slots=True)
class ExtraPaths:
    """An `extra_model_paths.yaml`, parsed.

    :param directory: where the file lies, absolute; its relative paths start there.
    :param sections: the document: section to `base_path`, `is_default` and folders.
    """

    directory: Path
    sections: Mapping[str, object]


def model_places(checkout: Path, extra: Sequence[ExtraPaths], environment: Mapping[str, str]) -> ModelPlaces:
    """The directories of each model folder, in ComfyUI's order.

    :param checkout: ComfyUI's directory, absolute.
    :param extra: in the order in which ComfyUI loads them.
    :param environment: for `~` and `$NAME` in a `base_path`.
    """
    models = checkout / "models"
    roots = {folder: [models / name for name in names] for folder, names in _SEVERAL.items()}
    for paths in extra:
        for folder, directory, is_default in _extra_directories(paths, environment):
            known = roots.setdefault(folder, [models / folder])
            if is_default and directory in known:
                known.remove(directory)
            if directory not in known:
                known.insert(0 if is_default else len(known), directory)
    return ModelPlaces(models, {folder: tuple(directories) for folder, directories in roots.items()})


def directories_for(folder: str, places: ModelPlaces) -> tuple[Path, ...]:
    """Where ComfyUI looks for the models of `folder`, which may have its older name."""
    name = _LEGACY.get(folder, folder)
    return places.roots.get(name, (places.models / name,))


def download_target(model: Model, places: ModelPlaces) -> Path:
    """Where a model belongs that is not there yet.

    ComfyUI's own folder, unless an `is_default` section goes before it: that is what the key is for.
    """
    first, *_ = directories = directories_for(model.folder, places)
    written = places.models / model.folder
    own = written in directories and first.is_relative_to(places.models)
    return (written if own else first) / model.name


def _extra_directories(paths: ExtraPaths, environment: Mapping[str, str]) -> Iterator[tuple[str, Path, bool]]:
    """Each folder's directories, and whether they go first. Source: ComfyUI utils/extra_config.py."""
    for section in paths.sections.values():
        if isinstance(section, Mapping):
            base = _base(section.get("base_path"), paths.directory, environment)
            for folder, lines in section.items():
                if isinstance(lines, str) and folder not in _NO_WEIGHTS:
                    for line in filter(None, map(str.strip, lines.split("\n"))):
                        directory = Path(os.path.normpath(base / line))
                        yield _LEGACY.get(folder, folder), directory, bool(section.get("is_default"))


def _base(written: object, directory: Path, environment: Mapping[str, str]) -> Path:
    if not isinstance(written, str):
        return directory
    text = Template(written).safe_substitute(environment)
    home = environment.get("HOME") or environment.get("USERPROFILE")
    if home and (text == "~" or text.startswith("~/")):
        text = home + text[1:]
    return directory / text

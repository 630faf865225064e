"""The models that a file declares, and what `checkpoint:` and its like may name."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath

from pytest_comfygen.errors import BadPath, UnknownRole, WrongType
from pytest_comfygen.language.naming import parts_of
from pytest_comfygen.language.schema import ModelEntry
from pytest_comfygen.records import Model

__all__ = ["ModelNames", "declared_model", "is_model_file", "model_named"]

# Source: ComfyUI folder_paths.py, supported_pt_extensions.
MODEL_SUFFIXES = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl"})

# ComfyUI looks for these files in an older folder, too. Source: ComfyUI folder_paths.py, map_legacy.
_FOLDERS = {"diffusion_models": ("diffusion_models", "unet"), "text_encoders": ("text_encoders", "clip")}
_SINGULAR = {
    "checkpoints": "a checkpoint",
    "diffusion_models": "a diffusion model",
    "text_encoders": "a text encoder",
    "vae": "a VAE",
    "loras": "a LoRA",
    "controlnet": "a ControlNet",
    "upscale_models": "an upscale model",
}


def declared_model(role: str, entry: ModelEntry) -> Model:
    """The model of one entry of `models:`.

    :raises JobFileError: bad-path (its `file` is not a folder and a model file's name in it).
    """
    folder, *name = parts_of(entry.file)
    if not name or not is_model_file(entry.file):
        hint = "write the folder and the file, such as checkpoints/base.safetensors"
        raise BadPath(f"{entry.file[:60]!r} is no file of a model folder", hint=hint)
    return Model(
        folder=folder,
        name="/".join(name),
        role=role,
        sha256=entry.sha256,
        url=entry.url,
        size_bytes=entry.size,
        license=entry.license,
    )


def model_named(text: str, models: Mapping[str, Model], folder: str) -> Model:
    """The model of one of ComfyUI's folders that a role or a file name stands for; a declared file is found by both.

    :raises JobFileError: unknown-role, wrong-type (the role is a file of another folder), bad-path.
    """
    folders = _FOLDERS.get(folder, (folder,))
    if text in models:
        if models[text].folder not in folders:
            hint = f"name a role whose file lies in {folder}/"
            what = _SINGULAR[folder]
            raise WrongType(f"the role {text!r} is a file of {models[text].folder}/, not {what}", hint=hint)
        return models[text]
    if not is_model_file(text):
        raise _unknown_role(text, models)
    name = "/".join(parts_of(text))
    declared = (model for model in models.values() if model.folder in folders and model.name == name)
    return next(declared, Model(folder, name))


class ModelNames:
    """The declared models by what a workflow may call them: the name in their folder, or its last part.

    Case, the direction of slashes and Unicode's forms do not count. What is one file's whole name means no other file.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        """:param models: by role."""
        self._models = models
        self._by_name: defaultdict[str, set[str]] = defaultdict(set)
        self._by_last_part: defaultdict[str, set[str]] = defaultdict(set)
        for role, model in models.items():
            name = _folded(model.name)
            self._by_name[name].add(role)
            self._by_last_part[name.rpartition("/")[2]].add(role)
        self._in_order: dict[frozenset[str], tuple[Model, ...]] = {}

    def roles_in(self, values: Iterable[object]) -> frozenset[str]:
        """The roles of the models that are called by one of `values`."""
        found: set[str] = set()
        for value in values:
            if isinstance(value, str):
                name = _folded(value)
                found |= self._by_name.get(name) or self._by_last_part.get(name, set())
        return frozenset(found)

    def models_of(self, roles: frozenset[str]) -> tuple[Model, ...]:
        """The models of these roles in the file's order; the items that use the same ones share the answer."""
        if roles not in self._in_order:
            self._in_order[roles] = tuple(model for role, model in self._models.items() if role in roles)
        return self._in_order[roles]


def is_model_file(name: str) -> bool:
    """Whether ComfyUI would list a file of this name as a model."""
    return PurePosixPath(name).suffix.lower() in MODEL_SUFFIXES


def _unknown_role(text: str, models: Mapping[str, Model]) -> UnknownRole:
    near = get_close_matches(text, models, n=1)
    if near:
        hint = f"did you mean `{near[0]}`?"
    elif models:
        hint = f"roles here: {', '.join(models)}; or write a file name that ends in .safetensors"
    else:
        hint = "declare the role under `models:`, or write a file name that ends in .safetensors"
    return UnknownRole(f"no role under `models:` is called {text[:60]!r}", hint=hint)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/")).casefold()

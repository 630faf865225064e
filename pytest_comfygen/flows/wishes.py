"""What the settings ask of this machine, said in the engine's words."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from pytest_comfygen.engine.install import CustomNode, InstallWish
from pytest_comfygen.engine.models import ExtraPaths, model_places
from pytest_comfygen.errors import JobFileError, SettingsError
from pytest_comfygen.language.load import read_document
from pytest_comfygen.records import ModelPlaces
from pytest_comfygen.settings import Settings

__all__ = ["custom_nodes", "extra_paths", "install_wish", "local_model_places", "node_name", "our_model_paths"]

# The folders of ComfyUI's `models` directory. Source: ComfyUI folder_paths.py, folder_names_and_paths.
_FOLDERS = (
    "audio_encoders",
    "checkpoints",
    "clip_vision",
    "controlnet",
    "diffusers",
    "diffusion_models",
    "embeddings",
    "gligen",
    "hypernetworks",
    "loras",
    "model_patches",
    "photomaker",
    "style_models",
    "text_encoders",
    "upscale_models",
    "vae",
    "vae_approx",
)
_OLDER_NAMES = {"diffusion_models": "unet", "text_encoders": "clip", "controlnet": "t2i_adapter"}


def install_wish(settings: Settings, root: Path) -> InstallWish:
    """The ComfyUI that the settings ask for.

    :param root: the repository, which relative paths refer to.
    :raises SettingsError: two custom nodes have one name.
    """
    return InstallWish(
        directory=root / settings.dir,
        repo=_address(settings.repo, root),
        revision=settings.revision,
        torch=settings.torch,
        torch_index=settings.torch_index,
        constraints=root / settings.constraints if settings.constraints else None,
        extra_requirements=settings.extra_requirements,
        as_of=settings.as_of,
        python=Path(sys.executable),
        nodes=custom_nodes(settings, root),
    )


def custom_nodes(settings: Settings, root: Path) -> tuple[CustomNode, ...]:
    """The custom nodes that the settings declare; each is called as the last part of its address.

    :raises SettingsError: two have one name.
    """
    nodes: dict[str, CustomNode] = {}
    for written in settings.custom_node:
        address, _, revision = written.rpartition("@")
        name = node_name(written)
        if name in nodes:
            raise SettingsError(f"two custom nodes are called {name}", hint="declare each once, in comfy_custom_node")
        nodes[name] = CustomNode(name=name, repo=_address(address, root), revision=revision)
    return tuple(nodes.values())


def node_name(written: str) -> str:
    """What a custom node is called, written as `URL@REVISION`: the last part of its address."""
    address = written.rpartition("@")[0].rstrip("/\\")
    return re.split(r"[/:\\]", address)[-1].removesuffix(".git")


def our_model_paths(settings: Settings, root: Path) -> Mapping[str, object]:
    """The `extra_model_paths.yaml` that the settings stand for; empty when they name no directory.

    ComfyUI puts each default section before those it has read already, so the first that was named comes last.
    """
    folders = {folder: f"{folder}\n{_OLDER_NAMES[folder]}" for folder in _OLDER_NAMES}
    folders = {folder: folders.get(folder, folder) for folder in _FOLDERS}
    named = {
        f"comfygen_{number}": {"base_path": str(root / directory), "is_default": True, **folders}
        for number, directory in enumerate(settings.models_dir, start=1)
    }
    return dict(reversed(named.items()))


def extra_paths(settings: Settings, root: Path) -> tuple[ExtraPaths, ...]:
    """Where else models are, in the order in which ComfyUI reads it: the checkout's own file, then the settings.

    A file that cannot be read leads nowhere; what the server lists stays the truth.
    """
    checkout = (root / settings.dir).resolve()
    file = checkout / "extra_model_paths.yaml"
    written: object = None
    if file.is_file():
        try:
            written = read_document(file, file.name).root
        except JobFileError:
            written = None
    found = [ExtraPaths(checkout, written)] if isinstance(written, Mapping) else []
    return (*found, ExtraPaths(root, our_model_paths(settings, root)))


def local_model_places(settings: Settings, root: Path, environment: Mapping[str, str]) -> ModelPlaces:
    """Where the ComfyUI of the settings looks for weights files."""
    return model_places((root / settings.dir).resolve(), extra_paths(settings, root), environment)


def _address(written: str, root: Path) -> str:
    """A repository's address, or the absolute path of a local one."""
    if "://" in written or re.match(r"[\w.-]+@[\w.-]+:", written):
        return written
    return str((root / Path(written).expanduser()).resolve())

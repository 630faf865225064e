"""The JSON Schema with the names of a server: one that is named or runs already, else our own, started to be asked.

Which server that is, the same rule says as for images; but nothing is ever installed for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pytest_comfygen.engine.server import running
from pytest_comfygen.errors import MachineError
from pytest_comfygen.flows.contact import open_client, server_at
from pytest_comfygen.flows.models import choices_of, listed_models
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.flows.provision import Machine
from pytest_comfygen.flows.repository import state_directories
from pytest_comfygen.language.schema.names import ServerNames
from pytest_comfygen.records import ObjectInfo, ServerInfo

__all__ = ["find_names", "names_in"]

_OLD_NAMES = ("unet", "clip")  # of folders that are listed by their new ones, too


def find_names(premises: Premises) -> ServerNames:
    """What the server calls its models, samplers, schedulers and nodes.

    :param premises: with settings that install nothing.
    :raises MachineError: there is no server, or it does not tell.
    """
    with (
        _server(premises) as server,
        open_client(server.url, premises.settings, premises.environment) as client,
    ):
        return names_in(client.object_info(), server.version)


def names_in(object_info: ObjectInfo, version: str) -> ServerNames:
    """The names that a job file can use, out of what a server says of its nodes."""
    models = {folder: names for folder, names in listed_models(object_info).items() if folder not in _OLD_NAMES}
    return ServerNames(
        version=version,
        # On Windows ComfyUI lists subfolders with backslashes; job files have forward slashes everywhere.
        models={folder: [name.replace("\\", "/") for name in names] for folder, names in models.items()},
        samplers=choices_of(object_info, "KSampler", "sampler_name"),
        schedulers=choices_of(object_info, "KSampler", "scheduler"),
        nodes=sorted(name for name, node in object_info.items() if _is_preprocessor(node)),
    )


def _is_preprocessor(node: Mapping[str, object]) -> bool:
    """Whether a node's first output is a picture, and its input `image`, too. Source: ComfyUI /object_info."""
    match node:
        case {"output": ["IMAGE", *_], "input": {"required": {"image": ["IMAGE", *_]}}}:
            return True
    return False


@contextmanager
def _server(premises: Premises) -> Iterator[ServerInfo]:
    """The server that images would be made by, or one of ours that runs anyway, with whatever flags."""
    machine = Machine(premises)
    found = next(_ours(premises), None) if machine.starts_own else None
    if found:
        premises.say(f"using the ComfyUI {found.version} of ours that runs at {found.url}")
        yield found
        return
    with machine.serving(machine.install) as server:
        yield server


def _ours(premises: Premises) -> Iterator[ServerInfo]:
    """Servers that we started for this repository and that answer."""
    for state in state_directories(premises.root):
        server = running(state)
        try:
            if server:
                yield server_at(server.url, premises.settings, {})
        except MachineError:
            continue

"""`--comfy-schema`: the JSON Schema goes to a file or to standard output, and words to standard error."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from pytest_comfygen.errors import AssetError, ComfygenError, MachineError, NoServer, SettingsError
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.flows.schema import find_names
from pytest_comfygen.language.schema.draft07 import json_schema
from pytest_comfygen.language.schema.names import ServerNames
from pytest_comfygen.outputs.schemafile import as_text, check_place, write
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.plugin.mistaken import refuse_strange_root
from pytest_comfygen.plugin.options import read_settings, usage_error
from pytest_comfygen.plugin.session import repository_of
from pytest_comfygen.records import Environment, Event
from pytest_comfygen.settings import Settings

__all__ = ["write_schema"]

_TO_HAVE_NAMES = (
    "to have them, start ComfyUI, name a running one with --comfy-url, or have a run that makes images install it; "
    "then type the same command again"
)


def write_schema(config: pytest.Config) -> int:
    """Write the schema with the names of the server, or without them when there is none.

    :returns: the exit code.
    :raises pytest.UsageError: a setting, or the file, cannot be used.
    """
    settings = read_settings(config)
    refuse_strange_root(config, settings)
    try:
        target = _target(config, settings)
        names = _names(settings, repository_of(config))
        if target is None:
            _print(names)
        else:
            write(target, settings.schema or "", json_schema(names), time.sleep)
            _say(f"{settings.schema} is written, {_told(names)}")
    except (AssetError, SettingsError) as error:
        raise usage_error(error) from None
    return int(pytest.ExitCode.OK)


def _target(config: pytest.Config, settings: Settings) -> Path | None:
    """The file to write; None for standard output."""
    if settings.schema in (None, "-"):
        return None
    path = config.invocation_params.dir / settings.schema
    check_place(path, settings.schema)  # before a server is started for nothing
    return path


def _names(settings: Settings, root: Path) -> ServerNames | None:
    store = Store(root)
    premises = Premises(
        settings=settings._replace(install="never"),
        root=root,
        local_directory=store.local_directory,
        environment=Environment(os.environ),
        notify=_tell,
    )
    try:
        return find_names(premises)
    except (MachineError, AssetError) as error:  # no server, or no place to note that one is started
        _say(f"the schema has no names of a server: {_lack(error)}")
        return None
    finally:
        store.close()


def _lack(error: ComfygenError) -> str:
    """Why there are no names, and what to do about it, in one line."""
    if isinstance(error, NoServer):
        return "; ".join((error.message, *error.details, _TO_HAVE_NAMES))
    return "; ".join(filter(None, (error.message, error.hint)))


def _print(names: ServerNames | None) -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(as_text(json_schema(names), plain=not encoding.lower().startswith("utf")))
    sys.stdout.flush()


def _told(names: ServerNames | None) -> str:
    if names is None:
        return "without the names of a server"
    models = sum(len(found) for found in names.models.values())
    return f"with the names of ComfyUI {names.version}: {models} models, {len(names.samplers)} samplers"


def _tell(event: Event) -> None:
    if event.kind == "notice":
        _say(event.text)


def _say(text: str) -> None:
    sys.stderr.write(f"comfygen: {text}\n")

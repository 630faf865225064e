"""Servers that we start, share and stop, and that never outlive those who need them.

The stand-in is a process' own (`sketch_server`). ComfyUI takes long to start, so all processes on a machine share one
per state directory: see `docs/explanation/servers.md`.
"""

from __future__ import annotations

from pytest_comfygen.engine.server.command import (
    ANY_GPU,
    PORT,
    ServerCommand,
    comfy_command,
    identity_of,
    known_flags,
)
from pytest_comfygen.engine.server.environment import server_environment, without_secrets
from pytest_comfygen.engine.server.evidence import Neighbour, is_gone, neighbour
from pytest_comfygen.engine.server.failure import log_tail, moved_aside
from pytest_comfygen.engine.server.lease import Lease, leased, recorded, running, stop_kept, stop_unused
from pytest_comfygen.engine.server.sketch import sketch_server
from pytest_comfygen.engine.server.start import Means
from pytest_comfygen.engine.supervise.state import OwnedServer

__all__ = [
    "ANY_GPU",
    "PORT",
    "Lease",
    "Means",
    "Neighbour",
    "OwnedServer",
    "ServerCommand",
    "comfy_command",
    "identity_of",
    "is_gone",
    "known_flags",
    "leased",
    "log_tail",
    "moved_aside",
    "neighbour",
    "recorded",
    "running",
    "server_environment",
    "sketch_server",
    "stop_kept",
    "stop_unused",
    "without_secrets",
]

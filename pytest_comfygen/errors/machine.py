"""What this machine lacks: an item's setup ends, with no verdict on its picture."""

from __future__ import annotations

from pytest_comfygen.errors.place import ComfygenError

__all__ = [
    "BadResponse",
    "MachineError",
    "MediaMissing",
    "NoServer",
    "NotComfyUI",
    "ServerFailed",
    "ServerInUse",
    "ServerStartFailed",
    "ServerTooSlow",
    "ServerUnreachable",
    "SketchMissing",
]


class MachineError(ComfygenError):
    """Something this run needs on this machine is not there or does not work."""

    code = "machine"


class NoServer(MachineError):
    """No ComfyUI server answers and none may be started."""

    code = "no-server"
    wants_server = True


class ServerUnreachable(MachineError):
    """The server refuses or resets connections."""

    code = "server-unreachable"
    wants_server = True


class NotComfyUI(MachineError):
    """Something else than ComfyUI answers at the address."""

    code = "not-comfyui"
    wants_server = True


class ServerTooSlow(MachineError):
    """A request was not answered in full before its deadline."""

    code = "server-too-slow"
    wants_server = True


class ServerFailed(MachineError):
    """The server answers with an error of its own (HTTP 5xx or 4xx out of the protocol)."""

    code = "server-failed"


class BadResponse(MachineError):
    """The server's answer is not of the documented shape."""

    code = "bad-response"


class ServerStartFailed(MachineError):
    """A server that we start did not come up; the end of its log is in the message."""

    code = "server-start-failed"
    wants_server = True


class ServerInUse(MachineError):
    """A server that we started is used by another run, which must not lose it."""

    code = "server-in-use"
    wants_server = True


class MediaMissing(MachineError):
    """PyAV is not installed, without which nobody can tell what a video or a sound holds."""

    code = "media-missing"
    default_hint = "pip install 'pytest-comfygen[media]'"


class SketchMissing(MachineError):
    """The stand-in's packages are not installed."""

    code = "sketch-missing"
    default_hint = "pip install 'pytest-comfygen[sketch]'"

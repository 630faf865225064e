"""A ComfyUI that somebody else started, to be used by its address: what passes for one, without an installation.

As a program it serves until its standard input ends, so that it does not outlive the tests.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest_comfygen

__all__ = ["somebodys_comfyui"]

ROOT = Path(pytest_comfygen.__file__).parents[1]


@contextmanager
def somebodys_comfyui(directory: Path) -> Iterator[str]:
    """The address of one that runs in a directory, and has the checkpoint `tiny.safetensors`."""
    (directory / "checkpoints").mkdir(parents=True)
    (directory / "checkpoints" / "tiny.safetensors").touch()
    command = [sys.executable, "-m", __name__, str(directory)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.communicate()


def main(directory: Path) -> None:
    """Serve, after saying where."""
    from pytest_comfygen.sketch.files import Folders
    from pytest_comfygen.sketch.options import Options
    from tests.comfyui.server import serve

    version = ModuleType("comfyui_version")
    vars(version)["__version__"] = "0.3.64"
    sys.modules[version.__name__] = version
    threading.Thread(target=lambda: os._exit(len(sys.stdin.read())), daemon=True).start()
    options = Options(checkpoints=(), checkpoint_dirs=(directory / "checkpoints",), paint=False)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)  # noqa: T201  # a program of its own
        serve(options, listener, Folders.below(directory))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

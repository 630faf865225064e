"""Other programs that have ComfyUI make pictures, each in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["COMFY_CLI", "SIMPLIFIED_API", "installed"]

COMFY_CLI = "comfy-cli"
SIMPLIFIED_API = "comfy-api-simplified"


def installed(directory: Path) -> dict[str, Path]:
    """The directories with the programs of each rival; one that cannot be installed is told and left out.

    :param directory: keeps the environments; what is there already is taken as it is.
    """
    found = {}
    for name in (COMFY_CLI, SIMPLIFIED_API):
        place = directory / name
        programs = place / ("Scripts" if os.name == "nt" else "bin")
        marker = place / "is-complete"
        if not marker.exists() and not _install(name, place, programs):
            continue
        marker.touch()
        found[name] = programs
    return found


def _install(name: str, place: Path, programs: Path) -> bool:
    venv.create(place, with_pip=True, clear=True)
    command = [str(programs / "python"), "-m", "pip", "install", "--quiet", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        print(f"{name} cannot be installed and is left out: {reason}", file=sys.stderr)
    return not done.returncode

"""Which build of torch this machine can use, and where it comes from."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.install.places import site_packages
from pytest_comfygen.engine.install.wish import InstallWish
from pytest_comfygen.engine.programs import ask, clean_environment

__all__ = ["Flavour", "Torch", "choose", "flavour_for_nvidia", "gpus", "installed_torch", "torch_index"]

_INDEX = "https://download.pytorch.org/whl/"
_ROCM = "rocm7.2"

# From which driver on, and which builds. Within a major version of CUDA, an older driver runs a newer build.
# Source: docs.nvidia.com/deploy/cuda-compatibility; the names of builds are those of download.pytorch.org.
_CUDA = (((580,), "cu130"), ((570,), "cu128"), ((525,), "cu126"))
_CUDA_13_CAPABILITY = (7, 5)
"""The oldest GPUs (Turing, the 20 series) that CUDA 13 has code for."""


@dataclass(frozen=True, slots=True)
class Flavour:
    """A build of torch, and why it was chosen."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Torch:
    """The torch of an environment.

    :param version: with its local part, as `2.9.0+cu130`.
    :param flavour: how it was built.
    """

    version: str
    flavour: str


def choose(wish: InstallWish, environment: Mapping[str, str]) -> Flavour:
    """The build that is asked for, else the one for this machine's hardware."""
    if wish.torch != "auto":
        return Flavour(wish.torch, "--comfy-torch")
    if sys.platform == "darwin":
        return Flavour("mps", "Apple silicon") if platform.machine() == "arm64" else Flavour("cpu", "an Intel Mac")
    return _nvidia(environment) or _other_gpu(environment) or Flavour("cpu", "no GPU found")


def gpus(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The numbers of the GPUs that a server can be given.

    :returns: `0` alone where there is a GPU that is not NVIDIA's, which nobody counts; none without a GPU.
    """
    if sys.platform == "darwin":
        return ("0",) if platform.machine() == "arm64" else ()
    lines = _nvidia_answer(environment).splitlines()
    found = [line for line in lines if flavour_for_nvidia(line)]
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if found and visible is not None:
        return tuple(one for one in map(str.strip, visible.split(",")) if one.isdecimal())
    return tuple(map(str, range(len(found)))) or (("0",) if _other_gpu(environment) else ())


def torch_index(wish: InstallWish, flavour: str) -> str | None:
    """The one index that torch comes from; None is wherever the installer looks by itself."""
    if wish.torch_index:
        return None if wish.torch_index == "default" else wish.torch_index
    return None if sys.platform == "darwin" else _INDEX + flavour


def flavour_for_nvidia(answer: str) -> Flavour | None:
    """The build for what `nvidia-smi` answers: a line a GPU, as `580.65.06, 8.9`; None when it tells no driver."""
    found = re.findall(r"^(\d+(?:\.\d+)*), *(\d+)\.(\d+)$", answer, re.MULTILINE)
    if not found:
        return None
    driver = tuple(map(int, found[0][0].split(".")))
    capability = min((int(major), int(minor)) for _, major, minor in found)
    name = next((name for least, name in _CUDA if driver >= least), None)
    if name is None:
        return Flavour("cpu", f"NVIDIA's driver {found[0][0]} is older than 525: update it to use the GPU")
    if capability < _CUDA_13_CAPABILITY:
        name = "cu126"
    return Flavour(name, f"NVIDIA driver {found[0][0]}")


def installed_torch(environment: Path) -> Torch | None:
    """The torch that lies in an environment, by its files: importing it takes a second."""
    packages = site_packages(environment)
    try:
        text = (packages / "torch" / "version.py").read_text(encoding="utf-8") if packages else ""
    except OSError:
        return None
    version = re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE)
    return Torch(version[1], _built_for(text, version[1])) if version else None


def _built_for(text: str, version: str) -> str:
    """The flavour that torch's `version.py` tells."""
    _, _, local = version.partition("+")
    if re.fullmatch(r"cpu|xpu|cu\d+|rocm[\d.]+", local):
        return local
    if cuda := re.search(r"^cuda: .*= '([\d.]+)'", text, re.MULTILINE):
        return "cu" + cuda[1].replace(".", "")
    return "mps" if sys.platform == "darwin" else "cpu"


def _nvidia(environment: Mapping[str, str]) -> Flavour | None:
    return flavour_for_nvidia(_nvidia_answer(environment))


def _nvidia_answer(environment: Mapping[str, str]) -> str:
    """What NVIDIA's program says of drivers and GPUs; nothing where it is not there."""
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if not program:
        return ""
    query = [program, "--query-gpu=driver_version,compute_cap", "--format=csv,noheader"]
    return ask(query, clean_environment(environment), timeout_s=20).output


def _other_gpu(environment: Mapping[str, str]) -> Flavour | None:
    if shutil.which("rocminfo", path=environment.get("PATH")):
        return Flavour(_ROCM, "rocminfo is on the PATH")
    if shutil.which("xpu-smi", path=environment.get("PATH")):
        return Flavour("xpu", "xpu-smi is on the PATH")
    return None

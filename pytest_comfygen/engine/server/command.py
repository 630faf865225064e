"""One way to start a server, and the one for ComfyUI: which flags it gets and where it may write."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_comfygen.engine.server.environment import server_environment
from pytest_comfygen.engine.server.failure import tail_of
from pytest_comfygen.engine.supervise.state import read_json, write_json
from pytest_comfygen.errors import ServerStartFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ANY_GPU", "PORT", "ServerCommand", "comfy_command", "identity_of", "known_flags"]

PORT = "{port}"
ANY_GPU = "any"
HELP_TIMEOUT_S = 60.0

# ComfyUI refuses `--cpu` together with any of these. Source: comfy/cli_args.py, vram_group.
_OF_A_GPU = frozenset({"--gpu-only", "--highvram", "--normalvram", "--lowvram", "--novram"})
_DEVICE_VARIABLES = re.compile(r"(CUDA|HIP|ROCR|HSA|ONEAPI|ZE|PYTORCH|MIOPEN)_.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCommand:
    """One way to start a server.

    :param argv: program and arguments; the argument `{port}` stands for the port that it is given.
    :param environment: all of it, without secrets.
    :param identity: of what matters to those who use the server; a running one is shared only when it is equal.
    :param directories: made before the start.
    :param scratch: emptied before the start; below the state directory.
    """

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str] = field(repr=False)
    identity: str
    directories: tuple[Path, ...] = ()
    scratch: tuple[Path, ...] = ()

    def at(self, port: int) -> tuple[str, ...]:
        """The command line for a server on `port`."""
        return tuple(str(port) if argument == PORT else argument for argument in self.argv)


def comfy_command(  # noqa: PLR0913  # all that shapes a server
    *,
    python: Path,
    checkout: Path,
    state: Path,
    extra_args: tuple[str, ...],
    gpu: str | None,
    environment: Mapping[str, str],
    flags_known: frozenset[str],
    basis: tuple[str, ...] = (),
) -> ServerCommand:
    """How ComfyUI is started: listening on this machine only, writing below `state` only.

    :param extra_args: for `main.py`, from the settings or a job file.
    :param gpu: `any` leaves the choice to ComfyUI, a number is that device's, None runs on the processor.
    :param flags_known: as `known_flags` gives them; a flag of ours that is not among them is left out.
    :param basis: what else tells servers apart: the checkout's commit, those of custom nodes, where models are.
    :raises ServerStartFailed: `extra_args` has a flag that this ComfyUI does not know.
    """
    unknown = [flag for flag in map(_flag, extra_args) if flag.startswith("--") and flag not in flags_known]
    if unknown:
        raise ServerStartFailed(
            f"this ComfyUI has no flag {unknown[0]}",
            hint="take it out of the server's args, or move ComfyUI to a version that has it",
        )
    own = [argument for group in _our_flags(state, gpu) if group[0] in flags_known for argument in group]
    wanted = [one for one in extra_args if gpu is not None or _flag(one) not in _OF_A_GPU]
    argv = (str(python), "main.py", "--port", PORT, *own, *wanted)
    cleaned = server_environment(environment)
    places = {name: state / name for name in ("output", "temp", "input", "user")}
    return ServerCommand(
        argv=argv,
        cwd=checkout,
        environment=cleaned,
        identity=identity_of([str(checkout.resolve()), *argv, *_device_settings(cleaned), *basis]),
        directories=tuple(places.values()),
        scratch=(places["output"], places["temp"]),
    )


def identity_of(parts: Iterable[str]) -> str:
    """A hash of what matters, in its order; 64 hex digits."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()


def known_flags(python: Path, checkout: Path, *, environment: Mapping[str, str], cache: Path) -> frozenset[str]:
    """The flags that `main.py --help` names.

    :param cache: a file that remembers them; they are asked for again when the checkout's command line changed.
    :raises ServerStartFailed: it cannot be asked.
    """
    source = _source_of_flags(checkout)
    match read_json(cache):
        case {"source": str(known), "flags": [*flags]} if known == source:
            return frozenset(map(str, flags))
    flags = sorted(_flags_in(_help(python, checkout, environment)))
    with suppress(OSError):  # then they are asked for again
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_json(cache, {"source": source, "flags": flags})
    return frozenset(flags)


def _our_flags(state: Path, gpu: str | None) -> Iterator[tuple[str, ...]]:
    yield "--listen", "127.0.0.1"
    yield ("--disable-auto-launch",)
    for name in ("output", "temp", "input", "user"):
        yield f"--{name}-directory", str(state / name)
    yield "--database-url", f"sqlite:///{(state / 'user' / 'comfyui.db').as_posix()}"
    if gpu is None:
        yield ("--cpu",)
    elif gpu != ANY_GPU:
        yield "--cuda-device", gpu


def _flag(argument: str) -> str:
    return argument.partition("=")[0]


def _device_settings(environment: Mapping[str, str]) -> list[str]:
    """What of the environment chooses devices and how they are used."""
    return sorted(f"{name}={value}" for name, value in environment.items() if _DEVICE_VARIABLES.fullmatch(name))


def _source_of_flags(checkout: Path) -> str:
    """A hash of the files that declare them, so that a checkout with changes of its own is asked, too."""
    files = [checkout / "main.py", checkout / "comfy" / "cli_args.py"]
    return identity_of(hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in files)


def _help(python: Path, checkout: Path, environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # the interpreter and the checkout that we are to start
            [python, "main.py", "--help"],
            cwd=checkout,
            env=server_environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=HELP_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise _no_help(f"exit code {error.returncode}", error.stderr) from None
    except subprocess.TimeoutExpired as error:
        raise _no_help(f"no answer in {HELP_TIMEOUT_S:g} s", error.stderr) from None
    except OSError as error:
        raise _no_help(error.strerror or str(error), None) from None
    return done.stdout.decode("utf-8", "replace")


def _no_help(reason: str, output: bytes | None) -> ServerStartFailed:
    hint = "is it a ComfyUI, and its environment whole? pytest --comfy-doctor"
    return ServerStartFailed(f"main.py --help does not work: {reason}", details=tail_of(output or b""), hint=hint)


def _flags_in(text: str) -> set[str]:
    """The flags in the usage lines, which end at the first empty one; the texts below speak of others, too."""
    return set(re.findall(r"--[a-z0-9][a-z0-9_-]*", text.replace("\r\n", "\n").partition("\n\n")[0]))

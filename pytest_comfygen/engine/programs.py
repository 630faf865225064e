"""Other people's programs, run so that they ask nothing, see none of our tokens and do not outlive us."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pytest_comfygen.engine import lifeline

__all__ = ["Done", "ask", "clean_environment", "redacted", "work"]

_SECRETS = frozenset({"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_API_TOKEN", "CIVITAI_API_TOKEN", "COMFYGEN_AUTH"})
_CANNOT_RUN = 127
_TIMED_OUT = 124

# What says where a Python program finds its modules, or whose environment it works on.
_TARGET = re.compile(r"PYTHON.*|__PYVENV_LAUNCHER__|VIRTUAL_ENV.*|CONDA_.*|PIPENV_.*|PYTEST_.*|COV_CORE_.*|COVERAGE_.*")

# Of the installers' settings, what leads to an index, a certificate or a cache stays; the others would change what is
# installed, or where.
_INSTALLER = re.compile(r"(PIP|UV)_.*")
_WAY = re.compile(
    r"PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|CERT|CLIENT_CERT|PROXY|(DEFAULT_)?TIMEOUT|RETRIES"
    r"|CACHE_DIR|NO_CACHE_DIR|CONFIG_FILE|KEYRING_PROVIDER|ONLY_BINARY|NO_BINARY|PREFER_BINARY)"
    r"|UV_(INDEX.*|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|KEYRING_PROVIDER|NATIVE_TLS|SYSTEM_CERTS"
    r"|INSECURE_HOST|HTTP_.*|CACHE_DIR|NO_CACHE|OFFLINE|CONFIG_FILE|LINK_MODE|CONCURRENT_.*|NO_BINARY|NO_BUILD)"
)


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended.

    :param status: its exit status; 127 when it could not be run, 124 when it took too long.
    :param output: what it wrote to standard output, or to both outputs when it ran long.
    """

    status: int
    output: str
    errors: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """All that it wrote, without empty lines."""
        return tuple(line for line in (self.output + self.errors).splitlines() if line.strip())


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without tokens and without what would turn a Python program to another target.

    What leads to an index, a certificate or a proxy stays.
    """
    return {name: value for name, value in environment.items() if _may_pass(name)}


def _may_pass(name: str) -> bool:
    if name in _SECRETS or _TARGET.fullmatch(name):
        return False
    return not _INSTALLER.fullmatch(name) or bool(_WAY.fullmatch(name))


def redacted(text: str) -> str:
    """The text without what stands before the @ of an address."""
    return re.sub(r"(?<=://)[^/@\s'\"]+@", "", text)


def ask(
    command: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None = None, timeout_s: float = 60
) -> Done:
    """Run a short program and take what it says; it gets no terminal and no input."""
    try:
        done = subprocess.run(  # noqa: S603  # the caller's program, no shell
            command,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            start_new_session=True,
        )
    except OSError as error:
        return Done(_CANNOT_RUN, "", f"{command[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Done(_TIMED_OUT, "", f"{Path(command[0]).name} did not end within {timeout_s:g} s")
    return Done(done.returncode, _text(done.stdout), _text(done.stderr))


def work(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    cwd: Path,
    line: Callable[[str], None],
    started: Callable[[int], None],
) -> int:
    """Run a long program to its end; should we end first, in whatever way, it ends too.

    :param line: gets each line as it is written, progress lines included, without tokens of addresses.
    :param started: gets the process id of the supervisor that keeps the program.
    :returns: the exit status, 127 when it could not be run.
    """
    supervised = [sys.executable, "-I", "-S", lifeline.__file__, *command]
    process = subprocess.Popen(  # noqa: S603  # our own supervisor and the caller's program, no shell
        supervised,
        env=dict(environment),
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # no terminal to ask at; Ctrl-C is ours to handle
    )
    try:
        started(process.pid)
        for text in _lines(process.stdout):
            line(redacted(text))
        return process.wait()
    finally:
        _let_go(process)


def _lines(pipe: IO[bytes] | None) -> Iterator[str]:
    """Lines as they come; a carriage return ends one too, because progress is written that way."""
    rest = b""
    while pipe and (chunk := os.read(pipe.fileno(), 65536)):
        *whole, rest = re.split(rb"[\r\n]+", rest + chunk)
        yield from map(_text, filter(None, whole))
    if rest:
        yield _text(rest)


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Close the lifeline, wait for what hangs on it, and kill what does not end by itself."""
    with suppress(BrokenPipeError):
        if process.stdin:
            process.stdin.close()
    try:
        process.wait(timeout=lifeline.GRACE_S + 2)
    except subprocess.TimeoutExpired:
        _kill_group(process)
    if process.stdout:
        process.stdout.close()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")

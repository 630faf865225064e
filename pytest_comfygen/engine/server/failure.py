"""Why a server did not come up: the end of its log, and what the last exception in it calls for."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_comfygen.errors import ServerStartFailed

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "advice",
    "ended_early",
    "log_number",
    "log_tail",
    "moved_aside",
    "tail_of",
    "tells_of_taken_port",
    "tells_of_work",
    "too_slow",
]

TAIL_BYTES = 64 * 1024
TAIL_LINES = 20
LINE_LIMIT = 300

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)?")
_EXCEPTION = re.compile(r"(?:\[\w+\] )?(?P<kind>[\w.]*(?:Error|Exception|Interrupt)): ?(?P<text>.*)")
_MISSING = re.compile(r"No module named '(?P<module>[\w.]+)'")
_WITHOUT_NAME = re.compile(
    r"cannot import name '(?P<name>\w+)' from (?:partially initialized module )?'(?P<module>\w+)"
)
_WITHOUT_LIBRARY = re.compile(r"(?P<library>\S+\.(?:so|dylib|dll)\S*): cannot open shared object file")
_WITHOUT_GPU = re.compile("Found no NVIDIA driver|not compiled with CUDA|No (CUDA|HIP) GPUs are available")
_TAKEN_PORT = re.compile(r"address already in use|Port \d+ is already in use", re.IGNORECASE)
_UNKNOWN_FLAG = re.compile(r"error: unrecognized arguments: (?P<flags>.+)")

# Where a module comes in a package of another name.
_PACKAGES = {
    "PIL": "pillow",
    "OpenGL": "PyOpenGL",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "git": "GitPython",
    "google": "protobuf",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def ended_early(exit_code: int | None, log: Path) -> ServerStartFailed:
    """It ended before it was ready.

    :param exit_code: as subprocess gives it: negative for a signal.
    """
    tail = log_tail(log)
    how = "" if exit_code is None else f" ({_ending(exit_code)})"
    hint = advice(tail, exit_code) or f"all it wrote: {log}"
    return ServerStartFailed(f"the server ended before it was ready{how}", details=tail, hint=hint)


def too_slow(limit_s: float, log: Path) -> ServerStartFailed:
    """It did not get ready in time, and was stopped."""
    hint = f"give it longer by --comfy-start-timeout; all it wrote: {log}"
    return ServerStartFailed(f"the server was not ready within {limit_s:g} s", details=log_tail(log), hint=hint)


def advice(tail: tuple[str, ...], exit_code: int | None = None) -> str | None:
    """What to do about it, when the log's end tells; only the last exception counts, earlier ones were survived."""
    if exit_code == -9:  # noqa: PLR2004  # SIGKILL, which not every system has a name for
        return "the system killed it, most likely for want of memory: close other programs, or use a smaller model"
    for line in reversed(tail):
        if found := _UNKNOWN_FLAG.search(line):
            return f"this ComfyUI does not know {found['flags']}: take it out of the server's args"
        if found := _EXCEPTION.fullmatch(line.strip()):
            return _mend(found["text"])
    return None


def tells_of_work(tail: tuple[str, ...]) -> bool:
    """Whether a server had taken a job. Source: ComfyUI server.py, `post_prompt`."""
    return any(line.endswith("got prompt") for line in tail)


def tells_of_taken_port(tail: tuple[str, ...]) -> bool:
    """Whether another program had the port. Source: the words of asyncio, and of ComfyUI's main.py since 2026."""
    return any(_TAKEN_PORT.search(line) for line in tail)


def _mend(text: str) -> str | None:
    if found := _MISSING.search(text):
        module = found["module"].partition(".")[0]
        package = _PACKAGES.get(module, module)
        return f"its environment lacks the module {module}; add it: --comfy-extra-requirements {package}"
    if found := _WITHOUT_NAME.search(text):
        module = found["module"]
        package = _PACKAGES.get(module, module)
        return (
            f"its environment has another version of {module} than it was written for; "
            f"name one: --comfy-extra-requirements '{package}<VERSION', or hold all back: --comfy-as-of DATE"
        )
    if found := _WITHOUT_LIBRARY.search(text):
        return f"{found['library']} is not on this machine: is the flavour of torch right? --comfy-torch"
    if _WITHOUT_GPU.search(text):
        return "torch finds no GPU that it was made for: is its flavour right, and the driver installed? --comfy-torch"
    return None


def _ending(exit_code: int) -> str:
    return f"killed by signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"


def log_tail(log: Path, lines: int = TAIL_LINES, *, number: int | None = None) -> tuple[str, ...]:
    """The last lines of a log, fit to be shown.

    :param number: of the file, as `log_number` gave it, when the next server may have moved it aside by now.
    """
    for path in (log,) if number is None else (log, moved_aside(log)):
        with suppress(OSError), path.open("rb") as file:
            if number not in {None, os.fstat(file.fileno()).st_ino}:
                continue
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            return tail_of(file.read(), lines)
    return ()


def log_number(log: Path) -> int | None:
    """What a log is known by, whatever it is called."""
    try:
        return log.stat().st_ino
    except OSError:
        return None


def moved_aside(log: Path) -> Path:
    """What a log is called once the next server has begun one."""
    return log.with_suffix(".1.log")


def tail_of(output: bytes, lines: int = TAIL_LINES) -> tuple[str, ...]:
    """The last lines of some output, without what would play tricks on a terminal."""
    text = _ESCAPE.sub("", output[-TAIL_BYTES:].decode("utf-8", "replace"))
    shown = (_shown(line) for line in text.split("\n"))
    return tuple([line for line in shown if line][-lines:])


def _shown(line: str) -> str:
    """A line as it would stand in a terminal: a progress bar overwrites itself."""
    last = line.rstrip().rpartition("\r")[2]
    plain = "".join(c if c.isprintable() else " " for c in last).rstrip()
    return plain if len(plain) <= LINE_LIMIT else plain[: LINE_LIMIT - 1] + "…"

"""A program that runs another one and ends it, with all that it started, when our end of a pipe closes.

The system closes the pipe even when we are killed, so no installer goes on alone. Started by its path with
`python -I -S`: it imports nothing of ours, so that starting it costs little.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

__all__ = ["GRACE_S", "main"]

GRACE_S = 3.0
_CANNOT_RUN = 127


def main(command: list[str]) -> int:
    """Run `command` until it ends or standard input does.

    :returns: its exit status; 128 and the signal's number when a signal ended it.
    """
    _survive_the_group_s_end()
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603  # our caller's command, as it is
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return _CANNOT_RUN
    threading.Thread(target=_end_with_the_lifeline, args=(process,), daemon=True).start()
    status = process.wait()
    return status if status >= 0 else 128 - status


def _survive_the_group_s_end() -> None:
    """Outlive the signal that we send to our own group; a handler, unlike ignoring, is not inherited."""
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda _number, _frame: None)


def _end_with_the_lifeline(process: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    if os.name == "nt":
        _end_tree(process)
    else:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask our process group to end, wait, and kill what is left of it, ourselves included."""
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(0, signal.SIGKILL)


def _end_tree(process: subprocess.Popen[bytes]) -> None:
    taskkill = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")  # noqa: PTH118  # pathlib would double the start-up time
    subprocess.run([taskkill, "/T", "/F", "/PID", str(process.pid)], check=False, capture_output=True)  # noqa: S603  # the system's own program


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

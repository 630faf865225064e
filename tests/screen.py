"""A terminal for tests: a program runs in it, and what stands on its screen can be read."""

from __future__ import annotations

import base64
import os
import re
import signal
import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Seen", "pictures_in", "run_in_terminal"]

_KITTY = re.compile(r"\x1b_G([^;\x1b]*);([A-Za-z0-9+/=]*)\x1b\\")
_ITERM2 = re.compile(r"\x1b\]1337;File=([^:\x07\x1b]*):([A-Za-z0-9+/=]*)\x07")
_PIECE = re.compile(r"\x1b\[(\d*)([A-Za-z])|\x1b|[\r\n]|[^\x1b\r\n]")


def pictures_in(written: str) -> list[bytes]:
    """The files that a terminal is told to show: by kitty's protocol, in pieces, or by iTerm2's."""
    found, pieces = [], ""
    for keys, piece in _KITTY.findall(written):
        told = dict(key.split("=") for key in keys.split(","))
        assert told.keys() == ({"m"} if pieces else {"a", "f", "q", "m"})
        assert len(piece) <= 4096
        pieces += piece
        if told["m"] == "0":
            found.append(base64.b64decode(pieces, validate=True))
            pieces = ""
    assert not pieces
    for keys, whole in _ITERM2.findall(written):
        data = base64.b64decode(whole, validate=True)
        assert keys.split(";") == [f"size={len(data)}", "inline=1"]
        found.append(data)
    return found


@dataclass(frozen=True, slots=True)
class Seen:
    """What a terminal showed.

    :param written: everything that came, in the order in which it came.
    :param lines: what stands there at the end, also what has moved off the top.
    """

    written: str
    lines: Sequence[str]
    returncode: int


def run_in_terminal(
    command: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    *,
    columns: int = 80,
    interrupt: Callable[[str], bool] = lambda _: False,
) -> Seen:
    """Run a program in a terminal of its own. POSIX only.

    :param interrupt: asked with what was written up to now; once it says so, Ctrl-C is pressed.
    """
    import fcntl
    import pty
    import termios

    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        command, cwd=directory, env=environment, stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    written, is_interrupted = b"", False
    while piece := _read(ours):
        written += piece
        if not is_interrupted and interrupt(written.decode(errors="replace")):
            is_interrupted = True
            process.send_signal(signal.SIGINT)
    os.close(ours)
    text = written.decode(errors="replace")
    return Seen(text, _screen(text, columns), process.wait())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody has the other end open any more
        return b""


def _screen(text: str, columns: int) -> list[str]:
    """What stands there in the end, with as much of the terminal's language as pytest and the plugin speak."""
    text = _ITERM2.sub("", _KITTY.sub("", text))
    rows, row, column = [[" "] * columns], 0, 0
    for found in _PIECE.finditer(text):
        number, command = found[1], found[2]
        if command in ("m", "?"):
            continue
        if command == "K":
            start = 0 if number == "2" else column
            rows[row][start:] = [" "] * (columns - start)
        elif command == "A":
            row -= int(number or 1)
        elif command == "G":
            column = int(number or 1) - 1
        elif command:
            raise AssertionError(found[0])
        elif found[0] == "\r":
            column = 0
        elif found[0] == "\n":
            row += 1
            rows += [[" "] * columns] if row == len(rows) else []
        else:
            if column == columns:
                row, column = row + 1, 0
                rows += [[" "] * columns] if row == len(rows) else []
            rows[row][column] = found[0]
            column += 1
    return ["".join(one).rstrip() for one in rows]

"""What the processes of one run have made, in one file that each of them appends to.

The order of the lines is the same for everybody, so of two that make the same picture at the same time, exactly one
finds the other before itself.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

__all__ = ["Entry", "Register"]

Entry: TypeAlias = Mapping[str, str | float | None]

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_TOKEN = "token"  # noqa: S105  # the name of a field


class Register:
    """One process' view of the file.

    :param path: the same for all processes of the run, in a directory that exists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0

    def add(self, entry: Entry) -> list[Entry]:
        """Append an entry.

        :returns: what others have appended before it, as far as it was not given before.
        """
        token = secrets.token_hex(8)
        self._append(f"{json.dumps({**entry, _TOKEN: token})}\n".encode())
        return self._news_before(token)

    def _append(self, line: bytes) -> None:
        handle = os.open(self._path, _APPEND, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def _news_before(self, token: str) -> list[Entry]:
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            lines = file.read().splitlines(keepends=True)
        news: list[Entry] = []
        for line in lines:
            self._read_bytes += len(line)
            fields: dict[str, str | float | None] = json.loads(line)
            if fields.pop(_TOKEN) == token:
                break
            news.append(fields)
        return news

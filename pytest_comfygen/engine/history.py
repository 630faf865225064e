"""What the commit that is checked out holds: one process of git for any number of files, and none of a repository's."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from pathlib import Path
from typing import IO

from pytest_comfygen.engine.git import Git

__all__ = ["Head", "Reader", "blob_id", "head_of"]

# A clone without all objects would fetch what is missing; nobody asked for that.
_OFFLINE = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}


@dataclass(frozen=True, slots=True)
class Head:
    """The commit that is checked out at the top of a repository.

    :param files: every file of the commit, relative to the top, with git's id of its bytes.
    """

    git: Git
    top: Path
    commit: str
    files: Mapping[str, str]

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Read files of the commit."""
        process = subprocess.Popen(  # noqa: S603  # git, no shell
            self.git.command("cat-file", "--batch"),
            env={**self.git.environment, **_OFFLINE},
            cwd=self.top,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with process:  # closes the pipes, which ends it, and waits
            if process.stdin is None or process.stdout is None:
                msg = "git was started without its pipes"
                raise AssertionError(msg)
            yield Reader(process.stdin, process.stdout, self.commit)


@dataclass(frozen=True, slots=True)
class Reader:
    """Asks a running git for one file after the other, whichever thread wants it."""

    questions: IO[bytes]
    answers: IO[bytes]
    commit: str
    turn: threading.Lock = field(default_factory=threading.Lock)

    def read(self, name: str) -> bytes | None:
        """A file's bytes in the commit; None when it is not there.

        :param name: relative to the top, with forward slashes.
        """
        if "\n" in name:  # it would be two questions
            return None
        try:
            with self.turn:
                return self._ask(f"{self.commit}:{name}")
        except (OSError, ValueError):  # git has ended, or what it says is no answer
            return None

    def _ask(self, name: str) -> bytes | None:
        self.questions.write(f"{name}\n".encode())
        self.questions.flush()
        _, kind, size = self.answers.readline().rsplit(b" ", 2)
        if not size.strip().isdigit():  # `… missing`
            return None
        data = self.answers.read(int(size) + 1)[:-1]
        return data if kind == b"blob" else None


def head_of(git: Git, top: Path) -> Head | None:
    """What is checked out at `top`; None where that is no top of a repository, or there is no commit yet.

    git is not asked which files were changed: to be sure it would run the filters that attributes name.
    """
    if not (top / ".git").exists():
        return None
    commit = git.ask(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").output.strip()
    listed = git.ask(top, "ls-tree", "-r", "-z", "--full-tree", commit) if commit else None
    if listed is None or listed.status:
        return None
    lines = (line.partition("\t") for line in listed.output.split("\0") if line)
    return Head(git, top, commit, {name: about.split()[2] for about, _, name in lines})


def blob_id(data: bytes, like: str) -> str:
    """Git's id of a file's bytes.

    :param like: another id of the same repository; the longer ones are sha256. Source: git, hash-function-transition.
    """
    text = b"blob %d\0" % len(data) + data
    is_sha1 = len(like) == 40  # noqa: PLR2004  # hexadecimal digits
    return sha1(text, usedforsecurity=False).hexdigest() if is_sha1 else sha256(text).hexdigest()

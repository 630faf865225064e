"""Where a repository begins, which is the widest place a job file may reach, and where it keeps its servers' notes."""

from __future__ import annotations

from pathlib import Path

from pytest_comfygen.settings import LOCAL

__all__ = ["find_root", "main_root", "state_directories"]


def find_root(directory: Path, otherwise: Path) -> Path:
    """The git top level above `directory`; without git `otherwise`, or `directory` itself when it lies outside that.

    A work tree and a submodule have a `.git` file instead of a directory; both count.

    :param directory: absolute; a job file's directory.
    :param otherwise: pytest's root directory.
    """
    directory = directory.resolve()
    for candidate in (directory, *directory.parents):
        if (candidate / ".git").exists():
            return candidate
    otherwise = otherwise.resolve()
    return otherwise if directory.is_relative_to(otherwise) else directory


def main_root(root: Path) -> Path:
    """The repository that a git work tree belongs to; any other repository is its own.

    Source: git, Documentation/gitrepository-layout.
    """
    try:
        pointer = (root / ".git").read_text(encoding="utf-8").strip()
        directory = root / pointer.removeprefix("gitdir: ")
        common = (directory / (directory / "commondir").read_text(encoding="utf-8").strip()).resolve()
    except (OSError, ValueError):
        return root
    return common.parent if common.name == ".git" and pointer.startswith("gitdir: ") else root


def state_directories(root: Path) -> list[Path]:
    """Of the servers that were started for the repository at `root` and not stopped since; they may be dead."""
    return sorted(record.parent for record in (root / LOCAL / "server").glob("*/state.json"))

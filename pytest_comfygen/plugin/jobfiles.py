"""Where job files lie: looked for level by level, and not in a tree that is too large."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_comfygen.plugin.asked import Asked, is_job_file

if TYPE_CHECKING:
    import pytest

__all__ = ["add_job_files", "holds_jobs_only", "job_files"]

_MOST_DIRECTORIES = 2000


def add_job_files(config: pytest.Config, asked: Asked, comfy_dirs: Sequence[Path]) -> None:
    """Have pytest look at job files that `testpaths` leaves out, when images are asked for without naming a place.

    A check that silently checked nothing would be worse than none.
    """
    if config.args_source is config.ArgsSource.TESTPATHS and (asked.everything or asked.by_name):
        tests, root = [config.rootpath / arg for arg in config.args], config.rootpath
        missed = (
            path for path in job_files(root, config, comfy_dirs) if not any(_is_below(path, one) for one in tests)
        )
        config.args.extend(str(path.relative_to(root)) for path in sorted(missed))


def _is_below(path: Path, directory: Path) -> bool:
    return path.is_relative_to(directory)


def holds_jobs_only(directory: Path, config: pytest.Config, comfy_dirs: Sequence[Path]) -> bool:
    """Whether job files lie below `directory` and no Python test does.

    Looks level by level, because a test lies near the top of most repositories, and gives up in a large tree: then
    images are not asked for, and the header says how to.
    """
    tests, found = config.getini("python_files"), False
    for level in _levels(directory, config, comfy_dirs):
        if level is None or any(path.suffix == ".py" and _matches(path.name, tests) for path in level):
            return False
        found = found or any(is_job_file(path) for path in level)
    return found


def job_files(
    directory: Path, config: pytest.Config, comfy_dirs: Sequence[Path], *, at_most: int = _MOST_DIRECTORIES
) -> Iterator[Path]:
    """The job files below `directory`, ComfyUI's left alone.

    :param at_most: in a tree of more directories, those deep down are not found.
    """
    for level in _levels(directory, config, comfy_dirs, at_most):
        yield from (path for path in level or () if is_job_file(path))


def _levels(
    directory: Path, config: pytest.Config, comfy_dirs: Sequence[Path], at_most: int = _MOST_DIRECTORIES
) -> Iterator[list[Path] | None]:
    """The files of each level below `directory`, the top first; None at last when the tree is too large to go on."""
    skipped = config.getini("norecursedirs")
    level, seen = [str(directory)], 0
    while level:
        seen += len(level)
        if seen > at_most:
            yield None
            return
        entries = [(entry, entry.is_dir(follow_symlinks=False)) for path in level for entry in _entries(path)]
        yield [Path(entry.path) for entry, is_directory in entries if not is_directory]
        level = [
            entry.path
            for entry, is_directory in entries
            if is_directory and not _matches(entry.name, skipped) and Path(entry.path) not in comfy_dirs
        ]


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except OSError:
        return []


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)

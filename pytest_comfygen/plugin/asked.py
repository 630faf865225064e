"""When a run asks for images: nobody's unit-test run may start a server by accident.

Decided on the controller from what was typed, never from settings or `addopts`, and sent to the workers.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_comfygen.settings import OPTIONS

if TYPE_CHECKING:
    import pytest

__all__ = ["JOB_SUFFIXES", "Asked", "add_job_files", "decide", "is_job_file", "is_positive", "job_files", "typed_words"]

JOB_SUFFIXES = (".comfyjob.yaml", ".comfyjob.yml", ".comfyjob.json")

_VERBS = frozenset(option.flag for option in OPTIONS if option.asks)
_MOST_DIRECTORIES = 2000
_OPERATORS = frozenset(("and", "or", "not"))
_WORD = re.compile(r"\(|\)|[^\s()]+")
_MARK_WITH_ARGUMENTS = re.compile(r"([^\s()]+)\([^()]*\)")


class Asked(NamedTuple):
    """What this run asks for.

    :param everything: a verb option was typed, so every selected item counts.
    :param paths: directories and job files that were typed, absolute; what lies in them counts.
    :param by_name: `-k` or `-m` was typed and wants something by name; counts unless a Python test is selected too.
    :param remembered: ids of items that `--lf`, `--ff` or `--sw` take from their cache.
    :param listing: `--collect-only`: job files are opened for the editor's sake, and nothing runs.
    """

    everything: bool = False
    paths: tuple[str, ...] = ()
    by_name: bool = False
    remembered: tuple[str, ...] = ()
    listing: bool = False

    @property
    def nothing(self) -> bool:
        """Whether no image is asked for at all."""
        return not any(self)

    def wants_file(self, path: Path, node_id: str) -> bool:
        """Whether a job file is opened at all."""
        return (
            self.everything
            or self.by_name
            or self.listing
            or self._holds(path)
            or any(one.partition("::")[0] == node_id for one in self.remembered)
        )

    def wants_only_by_name(self, path: Path, node_id: str) -> bool:
        """Whether nothing but a `-k` or `-m` opens a job file, which may be meant for a Python test after all."""
        return self.by_name and not self._replace(by_name=False).wants_file(path, node_id)

    def wants_item(self, path: Path, node_id: str, *, alone: bool) -> bool:
        """Whether an item of an opened file runs.

        :param alone: no Python test is selected in this run.
        """
        return (
            self.everything
            or self.listing
            or self._holds(path)
            or node_id in self.remembered
            or node_id.partition("::")[0] in self.remembered  # its file could not be collected then
            or (self.by_name and alone)
        )

    def _holds(self, path: Path) -> bool:
        text = str(path)
        return any(text == one or text.startswith(f"{one.rstrip(os.sep)}{os.sep}") for one in self.paths)


def decide(config: pytest.Config, comfy_dirs: Sequence[Path]) -> Asked:
    """Look at the command line that was typed.

    :param comfy_dirs: where ComfyUI lives; its own tests are not the user's.
    """
    typed = typed_words(config)
    return Asked(
        everything=any(word.partition("=")[0] in _VERBS for word in typed),
        paths=tuple(str(path) for path in _asking_paths(config, typed, comfy_dirs)),
        by_name=_wants_names(config, typed),
        remembered=tuple(_remembered(config, typed)),
        listing=bool(config.option.collectonly),
    )


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


def is_job_file(path: Path | str) -> bool:
    """Whether a file is a job file, by its name."""
    return str(path).endswith(JOB_SUFFIXES)


def is_positive(expression: str) -> bool:
    """Whether a `-k` or `-m` expression wants something: it is false for an item with no name and no mark.

    `kin_dwarf` and `portrait and not draft` are positive, `not slow` is not. What pytest would not understand is not
    positive either: pytest says so itself.
    """
    bare = _MARK_WITH_ARGUMENTS.sub(lambda found: found[0] if found[1] in _OPERATORS else found[1], expression)
    return _evaluate(_WORD.findall(bare))


def _evaluate(words: Sequence[str]) -> bool:
    """True when the expression is well formed and false for the item without name and mark."""
    try:
        value, rest = _either(list(words))
    except IndexError:
        return False
    return not rest and not value


def _either(words: list[str]) -> tuple[bool, list[str]]:
    value, rest = _both(words)
    while rest and rest[0] == "or":
        other, rest = _both(rest[1:])
        value = value or other
    return value, rest


def _both(words: list[str]) -> tuple[bool, list[str]]:
    value, rest = _one(words)
    while rest and rest[0] == "and":
        other, rest = _one(rest[1:])
        value = value and other
    return value, rest


def _one(words: list[str]) -> tuple[bool, list[str]]:
    head, rest = words[0], words[1:]
    if head == "not":
        value, rest = _one(rest)
        return not value, rest
    if head == "(":
        value, rest = _either(rest)
        return value, rest[1:]
    return False, rest


# --- what was typed -------------------------------------------------------------------------------------------------


def typed_words(config: pytest.Config) -> list[str]:
    """The words that were typed, not those of settings or `addopts`."""
    return list(_typed(config.invocation_params.args, config.invocation_params.dir))


def _typed(args: Iterable[str], directory: Path) -> Iterator[str]:
    """The words typed, with `@file` arguments opened as pytest does."""
    for word in args:
        if word.startswith("@") and (directory / word[1:]).is_file():
            yield from (directory / word[1:]).read_text(encoding="utf-8").splitlines()
        else:
            yield word


def _wants_names(config: pytest.Config, typed: Sequence[str]) -> bool:
    return any(
        expression and _has_short(typed, letter) and is_positive(expression)
        for letter, expression in (("k", config.option.keyword), ("m", config.option.markexpr))
    )


def _has_short(typed: Iterable[str], letter: str) -> bool:
    """Whether the option `-k` stands there, also as `-kname` or behind others as in `-vk name`."""
    return any(re.match(rf"-[qvxsl]*{letter}", word) for word in typed)


def _remembered(config: pytest.Config, typed: Sequence[str]) -> Iterator[str]:
    cache: pytest.Cache | None = getattr(config, "cache", None)  # absent with -p no:cacheprovider
    if cache is None:
        return
    if any(word in ("--lf", "--last-failed", "--ff", "--failed-first") for word in typed):
        yield from cache.get("cache/lastfailed", {})
    if any(word in ("--sw", "--stepwise", "--sw-skip", "--stepwise-skip") for word in typed):
        remembered = cache.get("cache/stepwise", None)
        last = remembered.get("last_failed") if isinstance(remembered, dict) else remembered
        if isinstance(last, str):
            yield last


def _asking_paths(config: pytest.Config, typed: Sequence[str], comfy_dirs: Sequence[Path]) -> Iterator[Path]:
    """Typed job files and directories of jobs; with no path typed, the directory that pytest was started in."""
    here = config.invocation_params.dir
    arguments = [arg for arg in config.args if arg in typed] if _args_were_given(config) else []
    for argument in arguments or [str(here)]:
        path = Path(os.path.normpath(here / argument.partition("::")[0]))
        if is_job_file(path) or (path.is_dir() and _holds_jobs_only(path, config, comfy_dirs)):
            yield path


def _args_were_given(config: pytest.Config) -> bool:
    return config.args_source is config.ArgsSource.ARGS


def _holds_jobs_only(directory: Path, config: pytest.Config, comfy_dirs: Sequence[Path]) -> bool:
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

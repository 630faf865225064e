"""When a run asks for images: nobody's unit-test run may start a server by accident.

Decided on the controller from what was typed, never from settings or `addopts`, and sent to the workers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_comfygen.settings import OPTIONS

if TYPE_CHECKING:
    import pytest

__all__ = ["JOB_SUFFIXES", "Asked", "decide", "is_job_file", "typed_words"]

JOB_SUFFIXES = (".comfyjob.yaml", ".comfyjob.yml", ".comfyjob.json")

_VERBS = frozenset(option.flag for option in OPTIONS if option.asks)


class Asked:
    """What this run asks for.

    :param everything: a verb option was typed, so every selected item counts.
    :param paths: directories and job files that were typed, absolute; what lies in them counts.
    :param by_name: `-k` or `-m` was typed and wants something by name; counts unless a Python test is selected too.
    :param remembered: ids of items that `--lf`, `--ff` or `--sw` take from their cache.
    :param listing: `--collect-only`: job files are opened for the editor's sake, and nothing runs.
    """

    def __init__(
        self,
        *,
        everything: bool = False,
        paths: tuple[str, ...] = (),
        by_name: bool = False,
        remembered: tuple[str, ...] = (),
        listing: bool = False,
    ) -> None:
        self.everything = everything
        self.paths = paths
        self.by_name = by_name
        self.remembered = remembered
        self.listing = listing

    @property
    def nothing(self) -> bool:
        """Whether no image is asked for at all."""
        return not any(vars(self).values())

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
        return self.by_name and not Asked(**{**vars(self), "by_name": False}).wants_file(path, node_id)

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


def is_job_file(path: Path | str) -> bool:
    """Whether a file is a job file, by its name."""
    return str(path).endswith(JOB_SUFFIXES)


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
    given = (("k", config.option.keyword), ("m", config.option.markexpr))
    typed_here = [expression for letter, expression in given if expression and _has_short(typed, letter)]
    if not typed_here:
        return False
    from pytest_comfygen.plugin.expressions import is_positive  # noqa: PLC0415  # a run without must not pay

    return any(map(is_positive, typed_here))


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
        if is_job_file(path) or (path.is_dir() and _is_of_jobs(path, config, comfy_dirs)):
            yield path


def _is_of_jobs(directory: Path, config: pytest.Config, comfy_dirs: Sequence[Path]) -> bool:
    from pytest_comfygen.plugin.jobfiles import holds_jobs_only  # noqa: PLC0415  # a run of one test must not pay

    return holds_jobs_only(directory, config, comfy_dirs)


def _args_were_given(config: pytest.Config) -> bool:
    return config.args_source is config.ArgsSource.ARGS

"""External scorers: which program a job's `scorer` is, what it is told, and the verdict on its answer."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from pytest_comfygen.engine.scorer import Score, ask_scorer
from pytest_comfygen.errors import ComfygenError, ScorerFailed, ScorerUnknown
from pytest_comfygen.records import Finding, Job, relative
from pytest_comfygen.settings import Settings

__all__ = ["Scorers"]


class Scorers:
    """The scorers of the settings; the same picture is scored once a run.

    :param root: the repository, where they run.
    :param environment: ours; they see no token of it.
    """

    def __init__(self, settings: Settings, root: Path, environment: Mapping[str, str]) -> None:
        self._commands = dict(_entry(line) for line in settings.scorer)
        self._root = root
        self._environment = environment
        self._timeout_s = settings.timeout
        self._scores: dict[tuple[str, str, str], Score] = {}

    def judge(self, job: Job, path: Path) -> tuple[Finding, ...]:
        """What the job's scorer says against the picture at `path`; nothing for a job without one.

        :raises ScorerUnknown: the settings do not have it.
        :raises ScorerFailed: it does not answer with a score.
        """
        wanted = job.checks.scoring
        if wanted is None:
            return ()
        try:
            score = self._score(job, wanted.scorer, path)
        except ComfygenError as error:
            raise error.at(job.place("verify.scorer")) from None
        if score.value >= wanted.least:
            return ()
        found = f"{score.value:g} by {wanted.scorer}" + (f": {score.reason}" if score.reason else "")
        return (Finding("low-score", "error", found, f"at least {wanted.least:g}", "change prompt or seed"),)

    def _score(self, job: Job, name: str, path: Path) -> Score:
        if name not in self._commands:
            hint = f"add to pytest's configuration: comfy_scorer = {name} = COMMAND"
            raise ScorerUnknown(f"the settings have no scorer {name!r}", hint=hint)
        key = (name, job.id, sha256(path.read_bytes()).hexdigest())
        if key not in self._scores:
            self._scores[key] = ask_scorer(
                _words(name, self._commands[name]),
                _request(job, path),
                self._environment,
                cwd=self._root,
                timeout_s=self._timeout_s,
            )
        return self._scores[key]


def _entry(line: str) -> tuple[str, str]:
    name, _, command = line.partition("=")
    return name.strip(), command.strip()


def _words(name: str, command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ScorerFailed(f"the command of the scorer {name!r} cannot be read: {error}") from None


def _request(job: Job, path: Path) -> Mapping[str, object]:
    return {
        "image": str(path),
        "format": job.format,
        "job": relative(job.file, job.root),
        "item": job.name,
        "prompt": job.prompt,
        "negative": job.negative,
        "tags": list(job.tags),
    }

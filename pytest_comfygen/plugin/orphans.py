"""Images that no job names any more, as items of their own: a check fails for them, `--comfy-prune` takes them away."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_comfygen.errors import ComfygenError, JobFileError
from pytest_comfygen.outputs.report import harmless
from pytest_comfygen.plugin.collect import ComfyItem
from pytest_comfygen.plugin.jobfiles import job_files
from pytest_comfygen.plugin.session import Session, session_of
from pytest_comfygen.records import relative

__all__ = ["OrphanItem", "meet_orphans"]


class OrphanItem(pytest.Item):
    """An image, or what is left of one, that no job names.

    :param output: the image's path, whether a file stands there or not.
    :param problem: why nothing may be pruned.
    """

    def __init__(self, *, output: Path, problem: ComfygenError | None = None, **kwargs: Any) -> None:  # noqa: ANN401  # pytest's own, handed through
        super().__init__(**kwargs)
        self._output = output
        self._problem = problem

    @property
    def output(self) -> Path:
        """The image's path."""
        return self._output

    def runtest(self) -> None:
        """Fail for it, or take it away."""
        if self._problem:
            raise self._problem
        result = session_of(self.config).work.prune(self._output)
        self.user_properties.append(("comfygen.outcome", result.outcome))
        self.user_properties.append(("comfygen.output", relative(self._output, session_of(self.config).root)))

    def reportinfo(self) -> tuple[Path, None, str]:
        """The image's place."""
        return self._output, None, harmless(relative(self._output, session_of(self.config).root))


def meet_orphans(pytest_session: pytest.Session, items: list[pytest.Item]) -> None:
    """See to the images that no job names: as items of a check or of `--comfy-prune`, else as a line at the end."""
    config, session = pytest_session.config, session_of(pytest_session.config)
    if session.settings.prune:
        found = list(_pruning(pytest_session, session))
        config.hook.pytest_deselected(items=items[:])
        items[:] = found
    elif session.settings.only_looks:
        items += (_item(pytest_session, output, session.root) for output in _left_of(config, session, items))
    else:
        session.orphans += [relative(output, session.root) for output in _left_of(config, session, items)]


def _left_of(config: pytest.Config, session: Session, items: Sequence[pytest.Item]) -> Iterator[Path]:
    """The images that no job names; none when this run does not have all the jobs there are."""
    work, images = session.work, sum(isinstance(item, ComfyItem) for item in items)
    if images and images == work.job_count and all(work.has_loaded(path) for path in _all_files(config, session)):
        yield from work.orphans(session.comfy_dirs)


def _pruning(pytest_session: pytest.Session, session: Session) -> Iterator[OrphanItem]:
    """What is to be taken away; or nothing but the job file that cannot be read, whose images nobody knows."""
    for path in _all_files(pytest_session.config, session):
        if not session.work.has_loaded(path):
            try:
                session.work.load(path)
            except JobFileError as error:
                yield _item(pytest_session, path, session.root, error)
                return
    for output in session.work.orphans(session.comfy_dirs):
        yield _item(pytest_session, output, session.root)


def _all_files(config: pytest.Config, session: Session) -> Iterator[Path]:
    """The job files of the run's repository, whatever was selected."""
    found = job_files(session.root, config, session.comfy_dirs, at_most=sys.maxsize)
    return (path for path in sorted(found) if session.work.root_of(path) == session.root)


def _item(pytest_session: pytest.Session, output: Path, root: Path, problem: ComfygenError | None = None) -> OrphanItem:
    item: OrphanItem = OrphanItem.from_parent(
        pytest_session,
        name="orphan",
        path=output,
        nodeid=harmless(f"{relative(output, root)}::orphan"),
        output=output,
        problem=problem,
    )
    return item

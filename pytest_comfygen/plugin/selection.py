"""Which job files are opened and which of their images run."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen.plugin.asked import is_job_file
from pytest_comfygen.plugin.session import Session, session_of

if TYPE_CHECKING:
    from pytest_comfygen.plugin.collect import ComfyFile, ComfyItem

__all__ = ["NextOnes", "bring_forward", "following", "is_skipped", "opened", "select"]

_COLLECT = "pytest_comfygen.plugin.collect"
_MAY_SKIP = frozenset(("skip", "skipif"))
_NEXT = pytest.StashKey["pytest.Item | None"]()


def opened(path: Path, parent: pytest.Collector) -> ComfyFile | None:
    """The job file at `path` when this run asks for it."""
    if not _wants(path, parent):
        return None
    from pytest_comfygen.plugin.collect import ComfyFile  # noqa: PLC0415  # who left it alone must not pay

    return ComfyFile.from_parent(parent, path=path)


def select(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Leave out the images that this run does not ask for, and see to those that no job names."""
    _keep_asked(session.config, items)
    _see_to_orphans(session, items)


def _wants(path: Path, parent: pytest.Collector) -> bool:
    """Whether this run opens the job file at `path`; remembers it when not."""
    session = session_of(parent.config)
    node_id = _node_id(path, parent.config)
    if session.asked.wants_file(path, node_id):
        return True
    if session.asked.nothing:  # who asks for one file knows that there are others
        session.left_alone.files.add(node_id)
    return False


def _keep_asked(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the images out of `items` that this run does not ask for.

    Runs after pytest's own `-k` and `-m`, because whether a Python test is selected decides for `-k kin_dwarf`.
    """
    if session_of(config).settings.pick:
        from pytest_comfygen.plugin.picking import keep_picked  # noqa: PLC0415  # nearly no run asks for it

        keep_picked(config, items)
        return
    images, session = _of_job_files(items), session_of(config)
    alone = len(images) == len(items)
    _tell_unusable(session, items, alone=alone)
    if not images:
        return
    left = [item for item in images if not session.asked.wants_item(item.path, item.nodeid, alone=alone)]
    if left:
        gone = set(left)
        items[:] = [item for item in items if item not in gone]
        session.left_alone.items.update(item.nodeid for item in left)
        config.hook.pytest_deselected(items=left)
    from pytest_comfygen.plugin.garbage import set_aside  # noqa: PLC0415  # a run without images must not pay
    from pytest_comfygen.plugin.order import arrange  # noqa: PLC0415  # as above

    arrange(items, _images(items), session, only_listed=config.option.collectonly)
    set_aside(session, session.work.job_count, alone=alone)


def _see_to_orphans(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Look for images that no job names, where images are looked at: as assets, not as sketches or quick pictures."""
    settings = session_of(session.config).settings
    if settings.pick or session.config.option.collectonly:  # who only lists items is not told what is left over
        return
    if settings.prune or (_images(items) and not (settings.sketch or settings.prompt or settings.plan)):
        from pytest_comfygen.plugin.orphans import meet_orphans  # noqa: PLC0415  # a run without images must not pay

        meet_orphans(session, items)


def _tell_unusable(session: Session, items: list[pytest.Item], *, alone: bool) -> None:
    """A `-k login` that means a unit test is no reason to fail over a job file; one that means an image is."""
    if not session.unusable:
        return
    from pytest_comfygen.plugin.collect import UnusableFile  # noqa: PLC0415  # loaded already, or there were none

    for file, error in session.unusable.items():
        if alone:
            items.append(UnusableFile.from_parent(file, name="job-file", error=error))
        else:
            session.left_alone.files.add(file.nodeid)


def bring_forward(session: pytest.Session, current: pytest.Item, refused: Collection[str]) -> None:
    """Run the images that the server would refuse at once, so that a typo in the last one shows in seconds.

    They come after the next item, which pytest has promised to the current one already. Not on an xdist worker: its
    controller counts on the order.

    :param refused: job ids.
    """
    if not refused or hasattr(session.config, "workerinput"):
        return
    settled = session.items.index(current) + 2
    waiting = session.items[settled:]
    first = {item for item in _images(waiting) if item.job.id in refused}
    session.items[settled:] = sorted(waiting, key=lambda item: item not in first)


def following(item: pytest.Item) -> Iterator[pytest.Item]:
    """The items whose turn comes after that of `item`, as far as this process knows: a worker knows the next one."""
    if hasattr(item.config, "workerinput"):
        after = item.config.stash.get(_NEXT, None)
        return iter(() if after is None else (after,))
    items = item.session.items
    return islice(items, items.index(item) + 1, None)


def is_skipped(item: pytest.Item) -> bool:
    """Whether an item may be skipped by a mark, which pytest finds out when its turn has come."""
    return any(mark.name in _MAY_SKIP for mark in item.iter_markers())


class NextOnes:
    """Listens on an xdist worker to which item comes after the one that runs."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Keep it for `following`."""
        item.config.stash[_NEXT] = nextitem


def _images(items: Sequence[pytest.Item]) -> list[ComfyItem]:
    """The images among `items`; without an opened job file, their class was never imported."""
    collect = sys.modules.get(_COLLECT)
    return [item for item in items if isinstance(item, collect.ComfyItem)] if collect else []


def _of_job_files(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The images among `items`, and the lists of them; as above."""
    return [item for item in items if is_job_file(item.path)] if _COLLECT in sys.modules else []


def _node_id(path: Path, config: pytest.Config) -> str:
    root = config.rootpath
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()

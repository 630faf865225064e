"""How a run is shared out among pytest-xdist's workers, when it is a run of images."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xdist.scheduler import LoadScheduling

from pytest_comfygen.plugin.asked import decide, is_job_file
from pytest_comfygen.plugin.options import read_settings
from pytest_comfygen.plugin.session import comfy_dirs, repository_of

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer

    from pytest_comfygen.settings import Settings

__all__ = ["scheduler", "workers_for"]

FEWEST = 2  # one makes the next picture's request while the other checks what came


class SameOrder(LoadScheduling):  # type: ignore[misc]  # to mypy, pytest-xdist has no types
    """Hands images out one by one, so that all workers go through the same part of the list.

    Handed out in chunks, as pytest-xdist does by itself, each worker is in another part, with other models, and a
    server that several share loads them in turns.
    """

    maxschedchunk: int | None
    collection: list[str] | None

    def schedule(self) -> None:
        """Hand out what was collected."""
        if self.collection is None and self.maxschedchunk is None:
            ids: list[str] = next(iter(self.node2collection.values()), [])
            if ids and all(is_job_file(one.partition("::")[0]) for one in ids):
                self.maxschedchunk = 1
        super().schedule()


def scheduler(config: pytest.Config, log: Producer | None) -> LoadScheduling | None:
    """The scheduler for `--dist load`, unless somebody says how large its chunks are."""
    if config.getoption("dist") != "load" or config.getoption("maxschedchunk") is not None:
        return None
    return SameOrder(config, log)


def workers_for(config: pytest.Config) -> int | None:
    """How many workers `-n auto` means: one a server, when this run asks for images and nothing else."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    settings = read_settings(config)
    asked = decide(config, comfy_dirs(config, repository_of(config), settings))
    here = config.invocation_params.dir
    places = {os.path.normpath(here / one.partition("::")[0]) for one in config.args}
    if not places <= set(asked.paths):
        return None
    return max(_servers(settings), FEWEST)


def _servers(settings: Settings) -> int:
    if settings.url or settings.sketch:
        return len(settings.url)
    if settings.gpus.isdecimal():
        return int(settings.gpus)
    if settings.gpus != "all":
        return len([one for one in settings.gpus.split(",") if one])
    from pytest_comfygen.engine.install import gpus  # noqa: PLC0415  # nearly no run asks

    return len(gpus(os.environ))

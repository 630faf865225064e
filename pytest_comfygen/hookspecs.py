"""The hooks that other plugins and `conftest.py` files may implement.

One module serves pytest's plugin manager and a bare `pluggy.PluginManager`, so that flows can be tested without pytest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from pytest_comfygen.records import Finding, Graph, Job, JobResult, Scalar

__all__ = [
    "pytest_comfygen_before_submit",
    "pytest_comfygen_finished",
    "pytest_comfygen_source",
    "pytest_comfygen_verify",
]

hookspec = pluggy.HookspecMarker("pytest")


@hookspec
def pytest_comfygen_before_submit(job: Job, graph: Graph) -> None:
    """A graph is about to be sent to ComfyUI, nearly always while the image before it is still made.

    For looking on: logging, statistics, refusing by raising. The graph is what the job says and may not be changed
    here, because nothing would tell the next run that it was.

    :param job: the job, every default merged and every variable filled in.
    :param graph: the graph in ComfyUI's API format, read-only.

    Use in conftest plugins
    =======================

    Called for the `conftest.py` files of the job file's directory and its parents, in the process that runs the item.
    """


@hookspec
def pytest_comfygen_verify(job: Job, path: Path) -> Sequence[Finding]:
    """A new image has passed the built-in checks; say what else is wrong with it.

    Every implementation is asked, and a finding of severity `error` keeps the image from being published. An image
    that is current is not asked about again: change the job, or run with `--comfy-update all`, when the check changes.

    :param job: the job that the image was made for.
    :param path: the image as it will be published, under a temporary name; read it, do not change it.
    :returns: findings, or an empty list.

    Use in conftest plugins
    =======================

    Called for the `conftest.py` files of the job file's directory and its parents, in the process that runs the item.
    """
    return ()


@hookspec
def pytest_comfygen_finished(job: Job, result: JobResult) -> None:
    """An item ended well: its image was generated, found identical, current or planned, or adopted.

    :param job: the job.
    :param result: the outcome, the image's path and its record.

    Use in conftest plugins
    =======================

    Called for the `conftest.py` files of the job file's directory and its parents, in the process that runs the item.
    """


@hookspec(firstresult=True)
def pytest_comfygen_source(
    name: str, options: Mapping[str, Scalar], job_file: Path
) -> Iterable[Mapping[str, Scalar]] | None:
    """A job file names a source (`from: [{source: NAME}]`); give its rows, which become items.

    The first answer counts. It has to be the same each time, in the same order: every process of a run asks for
    itself, and an image is made anew when its row is another one.

    :param name: the source's name.
    :param options: what the job file tells the source besides, read-only.
    :param job_file: the job file, absolute.
    :returns: a mapping of columns to texts, numbers, truth values or None for each row, at most 100 000; or None when
        the name is another one's.

    Use in conftest plugins
    =======================

    Called while the job file is collected, for the `conftest.py` files of its directory and its parents, in every
    process of the run.
    """

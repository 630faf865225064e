"""The whole selection is checked against the server before the first picture is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_comfygen.errors import ComfygenError
from pytest_comfygen.language.check import check_graph
from pytest_comfygen.language.graph import build_graph
from pytest_comfygen.records import Job, ObjectInfo, ServerInfo

__all__ = ["check_selection"]


def check_selection(
    jobs: Iterable[tuple[Job, int]], object_info: ObjectInfo, server: ServerInfo
) -> Mapping[str, ComfygenError]:
    """What the server would refuse, by job id; a job that is fine is not in the answer.

    The stand-in has every model, because it paints without one.

    :param jobs: each job with the seed it will be made with.
    """
    refused: dict[str, ComfygenError] = {}
    for job, seed in jobs:
        errors = check_graph(job, build_graph(job, seed, "comfygen"), object_info, models_open=server.sketch)
        if errors:
            refused[job.id] = _joined(errors)
    return refused


def _joined(errors: tuple[ComfygenError, ...]) -> ComfygenError:
    first, rest = errors[0], errors[1:]
    return type(first)(first.message, where=first.where, hint=first.hint, details=first.details, also=rest)

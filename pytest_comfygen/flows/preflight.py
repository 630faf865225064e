"""The whole selection is checked against the server before the first picture is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_comfygen.errors import ComfygenError, JobFileError, NodeMissing
from pytest_comfygen.flows.wishes import node_name
from pytest_comfygen.language.check import check_graph
from pytest_comfygen.language.graph import build_graph
from pytest_comfygen.language.workflow import for_server
from pytest_comfygen.records import Job, ObjectInfo, ServerInfo

__all__ = ["check_selection", "undeclared_nodes"]


def check_selection(
    jobs: Iterable[tuple[Job, int]],
    object_info: ObjectInfo,
    server: ServerInfo,
    declared_nodes: tuple[str, ...] = (),
    failed_nodes: tuple[str, ...] = (),
) -> Mapping[str, ComfygenError]:
    """What the server would refuse, by job id; a job that is fine is not in the answer.

    The stand-in has every model, because it paints without one.

    :param jobs: each job with the seed it will be made with.
    :param declared_nodes: the custom nodes in the settings.
    :param failed_nodes: the custom nodes that the server could not import.
    """
    refused: dict[str, ComfygenError] = {}
    for planned, seed in jobs:
        try:
            job = for_server(planned, object_info)
        except JobFileError as error:
            refused[planned.id] = error
            continue
        errors = check_graph(job, build_graph(job, seed, "comfygen"), object_info, models_open=server.sketch)
        if errors:
            told = tuple(_with_custom_nodes(error, job, declared_nodes, failed_nodes) for error in errors)
            refused[job.id] = _joined(told)
    return refused


def undeclared_nodes(job: Job, declared: tuple[str, ...]) -> NodeMissing | None:
    """The custom nodes that a job file needs and the settings do not declare, with the lines to add."""
    have = {node_name(written) for written in declared}
    missing = [written for written in job.server.custom_nodes if node_name(written) not in have]
    if not missing:
        return None
    names = ", ".join(map(node_name, missing))
    return NodeMissing(
        f"this job file needs custom nodes that the settings do not declare: {names}",
        where=job.place("server.custom_nodes"),
        details=("custom nodes are programs, so only the settings can have them installed",),
        hint="if you trust them, add to pytest's ini: comfy_custom_node = " + "\n".join(missing),
    )


def _with_custom_nodes(
    error: ComfygenError, job: Job, declared: tuple[str, ...], failed: tuple[str, ...]
) -> ComfygenError:
    """A missing node class with what is known of the custom nodes that could bring it."""
    if not isinstance(error, NodeMissing):
        return error
    details = tuple(f"{name} could not be imported: see the server's log" for name in failed)
    wanted = undeclared_nodes(job, declared)
    hint = wanted.hint if wanted else error.hint
    return NodeMissing(error.message, where=error.where, details=(*error.details, *details), hint=hint)


def _joined(errors: tuple[ComfygenError, ...]) -> ComfygenError:
    first, rest = errors[0], errors[1:]
    return type(first)(first.message, where=first.where, hint=first.hint, details=first.details, also=rest)

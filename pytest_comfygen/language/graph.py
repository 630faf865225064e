"""What ComfyUI runs for a job: the built-in graph of its family of models, or its workflow with values set.

Node ids and the shape of each part of the built-in graph never change, so that ComfyUI's cache keeps the loaded models
and equal text encodings from one job to the next. A family's recipe number is raised only when its pixels are meant to
change.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_comfygen.language.drawing import drawn_graph, name_of
from pytest_comfygen.language.workflow import canonical_sha256, set_values
from pytest_comfygen.records import CheckpointRecipe, Graph, InputImage, Job, Scalar, WorkflowRecipe

__all__ = ["build_graph", "canonical_sha256", "family", "recipe_number"]


def build_graph(job: Job, seed: int, prefix: str) -> Graph:
    """The graph of a job, new and free to change.

    A workflow as ComfyUI's page saves it has none before `workflow.for_server` has found it.

    :param seed: 0..2**64-1; the job's own, or the plan's when its rule is `random`.
    :param prefix: what the files on the server begin with; it only names the submission.
    """
    if isinstance(job.recipe, CheckpointRecipe):
        return drawn_graph(job, job.recipe, seed, prefix)
    return _workflow_graph(job.recipe, seed, prefix)


def family(job: Job) -> str:
    """The family of a job's recipe, as records name it."""
    return job.recipe.family if isinstance(job.recipe, CheckpointRecipe) else "workflow"


def recipe_number(job: Job) -> int:
    """The number of a built-in recipe; 0 for workflows, whose graph is part of the fingerprint."""
    return 1 if isinstance(job.recipe, CheckpointRecipe) else 0


def _workflow_graph(recipe: WorkflowRecipe, seed: int, prefix: str) -> Graph:
    """The workflow with its sets applied; the recipe's own graph stays as it is."""
    graph = {node: {**body, "inputs": dict(body["inputs"])} for node, body in recipe.graph.items()}
    values: Mapping[str, Scalar] = set_values(recipe, seed) | {
        entry.target: name_of(entry.value, entry.input) for entry in recipe.sets if isinstance(entry.value, InputImage)
    }
    for entry in recipe.sets:
        graph[entry.node]["inputs"][entry.input] = values[entry.target]
    for body in graph.values():
        if "filename_prefix" in body["inputs"]:
            body["inputs"]["filename_prefix"] = prefix
    return graph if recipe.output_node is None else _needed_for(recipe.output_node, graph)


def _needed_for(output: str, graph: Graph) -> Graph:
    """The node `output` and those that it depends on, so that ComfyUI makes one picture and not the others."""
    needed, waiting = {output}, [output]
    while waiting:
        for value in graph.get(waiting.pop(), {"inputs": {}})["inputs"].values():
            if isinstance(value, list) and value and isinstance(value[0], str) and value[0] not in needed:
                needed.add(value[0])
                waiting.append(value[0])
    return {node: body for node, body in graph.items() if node in needed}

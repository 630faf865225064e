"""What a server has to load for a job, which takes longer than many a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, groupby, zip_longest

from pytest_comfygen.records.job import Job
from pytest_comfygen.records.recipe import CheckpointRecipe, WorkflowRecipe

__all__ = ["expected_loads", "loads_of"]


def loads_of(job: Job) -> tuple[object, ...]:
    """What has to be loaded for a job, beginning with what takes longest; equal parts need no loading in between."""
    recipe = job.recipe
    if isinstance(recipe, CheckpointRecipe):
        encoders = tuple(one.name for one in recipe.text_encoders)
        loras = tuple((one.model.name, one.strength, one.strength_clip) for one in recipe.loras)
        return recipe.checkpoint.name, recipe.family, encoders, loras, (recipe.size.width, recipe.size.height)
    return tuple(one.name for one in recipe.models), _set_models(recipe), recipe.sha256


def _set_models(recipe: WorkflowRecipe) -> tuple[object, ...]:
    """The models that a job sets in its workflow; nodes call such inputs `ckpt_name`, `lora_name` and the like."""
    return tuple((one.node, one.value) for one in recipe.sets if one.input.endswith("_name"))


def expected_loads(jobs: Sequence[Job], dist: str, workers: int) -> int:
    """How often one server loads other models when `workers` processes send it these jobs.

    Reckoned for jobs that take equally long, so that the workers take turns.

    :param dist: pytest-xdist's way to share them out; `load`, as this plugin has it, gives them out one by one.
    """
    turns = zip_longest(*_parts(jobs, dist, workers))
    asked = (loads_of(job)[0] for job in chain.from_iterable(turns) if job is not None)
    return sum(1 for _ in groupby(asked))


def _parts(jobs: Sequence[Job], dist: str, workers: int) -> Iterator[Sequence[Job]]:
    """What each worker gets: a part of the list, or the files that come next when it is done with one."""
    if dist == "worksteal":
        size = max(-(-len(jobs) // workers), 1)
        yield from (jobs[first : first + size] for first in range(0, len(jobs), size))
    elif dist in ("loadfile", "loadscope"):
        parts: list[list[Job]] = [[] for _ in range(workers)]
        for _, members in groupby(sorted(jobs, key=lambda job: job.file), key=lambda job: job.file):
            min(parts, key=len).extend(members)
        yield from parts
    else:
        yield jobs

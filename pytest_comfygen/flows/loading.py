"""What a server has to load for a job, which takes longer than many a picture."""

from __future__ import annotations

from pytest_comfygen.records.job import Job
from pytest_comfygen.records.recipe import CheckpointRecipe, WorkflowRecipe

__all__ = ["loads_of"]


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

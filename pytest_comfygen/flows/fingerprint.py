"""What shapes an image's pixels, as values that can be compared and shown."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_comfygen.language.graph import family
from pytest_comfygen.language.workflow import set_values
from pytest_comfygen.records import CheckpointRecipe, Fingerprint, Job, Part, Reason, Scalar, WorkflowRecipe

__all__ = ["compare", "fingerprint_of"]


def fingerprint_of(job: Job, seed: int) -> Fingerprint:
    """The fingerprint of `job` made with `seed`.

    A key that a later version adds must be left out while it has its default, or an upgrade makes every image stale.
    """
    prompt: dict[str, Scalar] = {"prompt": job.prompt, "negative": job.negative}
    if isinstance(job.recipe, WorkflowRecipe):
        return Fingerprint(prompt=prompt, params=_sized(job, seed), workflow=_workflow(job.recipe, seed))
    return Fingerprint(prompt=prompt, params=_sized(job, seed) | _sampling(job.recipe), models=_models(job.recipe))


def compare(old: Fingerprint, new: Fingerprint, parts: tuple[Part, ...]) -> tuple[tuple[Reason, ...], tuple[str, ...]]:
    """What changed in `parts`, and the names of values that are unknown on one side and so were not compared."""
    reasons: list[Reason] = []
    uncompared: list[str] = []
    for part in parts:
        before, after = old.part(part), new.part(part)
        if before == after:
            uncompared += [key for key, value in before.items() if value is None and key.endswith("sha256")]
            continue
        for key in sorted(before.keys() | after.keys()):
            was, is_now = before.get(key), after.get(key)
            if key.endswith("sha256") and (was is None or is_now is None):
                uncompared.append(key)
            elif was != is_now or isinstance(was, bool) != isinstance(is_now, bool):  # to Python, True is 1
                reasons.append(Reason("changed", part, key, was, is_now))
    return tuple(reasons), tuple(uncompared)


def _sized(job: Job, seed: int) -> dict[str, Scalar]:
    size = job.recipe.size
    params: dict[str, Scalar] = {"family": family(job), "seed": seed}
    return params | ({"size": str(size)} if size else {})


def _sampling(recipe: CheckpointRecipe) -> dict[str, Scalar]:
    return {
        "steps": recipe.steps,
        "cfg": recipe.cfg,
        "sampler": recipe.sampler,
        "scheduler": recipe.scheduler,
    }


def _models(recipe: CheckpointRecipe) -> dict[str, Scalar]:
    return {"checkpoint": recipe.checkpoint.name, "checkpoint_sha256": recipe.checkpoint.sha256}


def _workflow(recipe: WorkflowRecipe, seed: int) -> Mapping[str, Scalar]:
    return {"workflow_sha": recipe.sha256} | {
        f"set {target}": value for target, value in set_values(recipe, seed).items()
    }

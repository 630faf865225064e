"""What shapes an image's pixels, as values that can be compared and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_comfygen.language.graph import family
from pytest_comfygen.language.workflow import set_values
from pytest_comfygen.records import (
    CheckpointRecipe,
    Fingerprint,
    Job,
    Model,
    Part,
    Reason,
    Scalar,
    Size,
    Transparent,
    WorkflowRecipe,
)

__all__ = ["compare", "fingerprint_of"]


def fingerprint_of(
    job: Job,
    seed: int,
    sha256_of: Callable[[Model], str | None] = lambda model: model.sha256,
    inputs: Mapping[str, Scalar] | None = None,
) -> Fingerprint:
    """The fingerprint of `job` made with `seed`.

    A key that a later version adds must be left out while it has its default, or an upgrade makes every image stale;
    a hash may be added, since it is not compared with what does not have it.

    :param sha256_of: what is known of a model's content, where that is more than the job file says.
    :param inputs: the hash of each picture that the job starts from, by its key.
    """
    prompt: dict[str, Scalar] = {"prompt": job.prompt, "negative": job.negative}
    params, recipe = _sized(job, seed), job.recipe
    if isinstance(recipe, WorkflowRecipe):
        hashes = {f"{model.role}_sha256": sha256_of(model) for model in recipe.models}
        return Fingerprint(
            prompt=prompt, params=params, workflow=_workflow(recipe, seed), models=hashes, inputs=inputs or {}
        )
    models: dict[str, Scalar] = {}
    for key, model in recipe.models.items():
        models |= {key: model.name, f"{key}_sha256": sha256_of(model)}
    return Fingerprint(
        prompt=prompt, params=params | _sampling(recipe) | _added(recipe), models=models, inputs=inputs or {}
    )


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


def _added(recipe: CheckpointRecipe) -> dict[str, Scalar]:
    """What the keys of the other kinds add; nothing for a job that has none of them."""
    added: dict[str, Scalar | Size] = {
        "clip_skip": recipe.clip_skip,
        "guidance": recipe.guidance,
        "shift": recipe.shift,
        "denoise": recipe.denoise if recipe.init_image else None,
    }
    for number, lora in enumerate(recipe.loras):
        added[f"loras.{number}.strength"] = lora.strength
        added[f"loras.{number}.strength_clip"] = lora.strength_clip
    if control := recipe.controlnet:
        added |= {f"controlnet.{key}": getattr(control, key) for key in ("strength", "start", "end", "preprocessor")}
        added |= {f"controlnet.preprocessor.{name}": value for name, value in control.settings.items()}
    added["refiner.start"] = recipe.refiner.start if recipe.refiner else None
    if hires := recipe.hires:
        added |= {f"hires.{key}": getattr(hires, key) for key in ("size", "steps", "denoise")}
        added["hires.upscaler"] = None if isinstance(hires.upscaler, Model) else hires.upscaler
    added["upscale.size"] = recipe.upscale.size if recipe.upscale else None
    added |= _transparency(recipe.transparent) if recipe.transparent else {}
    return {key: str(value) if isinstance(value, Size) else value for key, value in added.items() if value is not None}


def _transparency(by: Transparent) -> dict[str, Scalar]:
    told: dict[str, Scalar] = {
        "transparent": by.node,
        "transparent.takes": None if by.takes == "image" else by.takes,
        "transparent.gives": by.gives,
        "transparent.output": by.output or None,
    }
    return told | {f"transparent.inputs.{name}": value for name, value in by.settings.items()}


def _workflow(recipe: WorkflowRecipe, seed: int) -> Mapping[str, Scalar]:
    chosen = {} if recipe.output_node is None else {"output_node": recipe.output_node}
    sets = {f"set {target}": value for target, value in set_values(recipe, seed).items()}
    return {"workflow_sha": recipe.sha256} | chosen | sets

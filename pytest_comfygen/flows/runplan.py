"""What a run would do, told without doing any of it: nothing is started, downloaded or made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pytest_comfygen.flows.models import Models, models_of
from pytest_comfygen.flows.plan import Plan
from pytest_comfygen.flows.provision import Machine
from pytest_comfygen.outputs.durations import Durations
from pytest_comfygen.records import Job, Model, PlannedImage, PlannedModel, RunPlan

__all__ = ["run_plan"]


def run_plan(plans: Sequence[Plan], machine: Machine, models: Models, durations: Durations) -> RunPlan:
    """What would become of these images, and what that takes.

    :param plans: of the images that were selected.
    """
    images = tuple(_image(plan) for plan in plans)
    jobs = [plan.job for plan in plans if plan.action == "make"]
    if not jobs:
        return RunPlan(images=images)
    ours = [job for job in jobs if not machine.is_elsewhere(job)]
    local = _needs(ours) if machine.serves_our_models else {}
    missing = [model for model in local if not models.find(model)]
    forecast = durations.forecast(jobs)
    return RunPlan(
        images=images,
        models=(
            *(_here_or_missing(model, count, models) for model, count in local.items()),
            *(_elsewhere(model, count) for model, count in _needs(jobs).items() if model not in local),
        ),
        disks=models.planned_downloads(missing).disks if any(model.url for model in missing) else (),
        comfyui=tuple(_servers(jobs, ours, machine)),
        expected_s=forecast.expected_s,
        unknown=forecast.unknown,
    )


def _image(plan: Plan) -> PlannedImage:
    return PlannedImage(
        item=plan.job.id,
        output=plan.job.output_name,
        action=plan.action,
        reasons=plan.reasons,
        problem=plan.problem,
    )


def _needs(jobs: Sequence[Job]) -> Mapping[Model, int]:
    """The weights files of some jobs, each with how many of the jobs need it."""
    return Counter(model for job in jobs for model in models_of(job))


def _here_or_missing(model: Model, images: int, models: Models) -> PlannedModel:
    if found := models.find(model):
        return PlannedModel(model=model, images=images, state="here", size_bytes=found.path.stat().st_size)
    return PlannedModel(
        model=model,
        images=images,
        state="to download" if model.url else "missing",
        size_bytes=model.size_bytes,
    )


def _elsewhere(model: Model, images: int) -> PlannedModel:
    return PlannedModel(model=model, images=images, state="up to the server", size_bytes=model.size_bytes)


def _servers(jobs: Sequence[Job], ours: Sequence[Job], machine: Machine) -> Iterator[str]:
    """Which ComfyUI would make the images: the run's, and those that job files name."""
    if ours:
        yield machine.prospect()
    named = dict.fromkeys(job.server.urls[0] for job in jobs if machine.is_elsewhere(job))
    yield from (f"the server at {url}, which a job file names" for url in named)

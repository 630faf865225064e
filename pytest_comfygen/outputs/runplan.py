"""A plan as people read it, and as programs do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pytest_comfygen.outputs.report import duration, harmless, one_line, reason_lines, with_unit
from pytest_comfygen.records import PlannedAction, PlannedImage, PlannedModel, RunPlan

__all__ = ["plan_json", "plan_lines"]

FORMAT = 1

_LISTED = 50
# What the first line counts, in this order.
_WORDS: tuple[tuple[PlannedAction, str], ...] = (
    ("make", "would be made"),
    ("restore", "would be restored from .comfygen/cache/"),
    ("adopt", "would be adopted"),
    ("refuse", "would be refused"),
    ("planned", "planned and missing"),
    ("choose", "waiting for a candidate to be picked"),
)


def plan_lines(plan: RunPlan, *, everything: bool, instead: str) -> Iterator[str]:
    """What would be done and why, what it takes, and what to type next.

    :param instead: what the same command has in place of `--comfy-plan` when it is to be done; empty for nothing.
    :param everything: list every image that something would become of, however many there are.
    """
    yield _summary(plan)
    yield from _listed(plan, everything=everything)
    for comfyui in plan.comfyui:
        yield harmless(f"made by: {comfyui}")
    if plan.models:
        yield "models:"
        yield from (harmless(f"    {_model(model)}") for model in plan.models)
    for disk in plan.disks:
        yield harmless(f"free: {with_unit(disk.free_bytes)} in {disk.directory}")
    if plan.count("make"):
        yield f"time: {_time(plan)}"
    if plan.count("make") or plan.count("restore"):
        how = f"with {instead} instead of --comfy-plan" if instead else "without --comfy-plan"
        yield f"to make them: the same command {how}{', and --comfy-download' if plan.downloads else ''}"


def plan_json(plan: RunPlan, unusable: Mapping[str, str]) -> str:
    """One JSON document in ASCII, with these keys in every version of its format.

    :param unusable: what could not be collected, each with why.
    """
    document = {
        "format": FORMAT,
        "images": [_image_fields(image) for image in plan.images],
        "models": [_model_fields(model) for model in plan.models],
        "made_by": list(plan.comfyui),
        "expected_s": round(plan.expected_s, 1),
        "unknown": plan.unknown,
        "unusable": dict(unusable),
    }
    return json.dumps(document, indent=2)


# --- words ----------------------------------------------------------------------------------------------------------


def _summary(plan: RunPlan) -> str:
    """`plan: 3 of 20 images would be made, 1 would be refused, 16 are current`."""
    if not plan.images:
        return "plan: no image is selected"
    current = plan.count("keep") + plan.count("refresh")
    parts = [f"{count} {words}" for action, words in _WORDS if (count := plan.count(action))]
    if not parts:
        return f"plan: nothing to make, {_count(current, 'image')} {'is' if current == 1 else 'are'} current"
    head, *rest = parts
    amount, _, words = head.partition(" ")
    told = [f"{amount} of {_count(len(plan.images), 'image')} {words}", *rest]
    return f"plan: {', '.join([*told, *([f'{current} current'] if current else [])])}"


def _listed(plan: RunPlan, *, everything: bool) -> Iterator[str]:
    touched = [image for image in plan.images if image.action not in ("keep", "refresh")]
    listed = touched if everything else touched[:_LISTED]
    for image in listed:
        yield from _image(image)
    if len(touched) > len(listed):
        yield f"    … and {len(touched) - len(listed)} more; -v lists them all"


def _image(image: PlannedImage) -> Iterator[str]:
    if image.problem:
        yield f"    {one_line(image.problem)}"
        yield from ([harmless(f"        hint: {image.problem.hint}")] if image.problem.hint else [])
        return
    first, *others = list(reason_lines(image.reasons)) or ["recorded as it stands"]
    yield harmless(f"    {image.item}: {first}")
    yield from (harmless(f"        {other}") for other in others)


def _model(model: PlannedModel) -> str:
    one = model.model
    size = with_unit(model.size_bytes) if model.size_bytes else "size unknown"
    origin = f" from {one.url}" if model.state == "to download" else ""
    licence = f"; licence: {one.license}" if origin and one.license else ""
    return f"{one.folder}/{one.name}, {size}, {model.state}{origin}{licence}; for {_count(model.images, 'image')}"


def _time(plan: RunPlan) -> str:
    known = plan.count("make") - plan.unknown
    if not known:
        return "unknown, since nothing of this kind was made on this machine yet"
    about = f"about {duration(plan.expected_s)} on one server, going by what this machine took before"
    return f"{about}; {plan.unknown} of a kind not made here yet not counted" if plan.unknown else about


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# --- fields ---------------------------------------------------------------------------------------------------------


def _image_fields(image: PlannedImage) -> dict[str, object]:
    problem = image.problem
    return {
        "item": image.item,
        "output": image.output,
        "action": image.action,
        "reasons": list(reason_lines(image.reasons)),
        "error": {"code": problem.code, "message": problem.message, "hint": problem.hint} if problem else None,
    }


def _model_fields(model: PlannedModel) -> dict[str, object]:
    return {
        "folder": model.model.folder,
        "name": model.model.name,
        "state": model.state,
        "size_bytes": model.size_bytes,
        "url": model.model.url,
        "license": model.model.license,
        "images": model.images,
    }

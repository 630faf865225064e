"""The names of one server in the JSON Schema: editors offer them, and refuse a sampler that is not there.

A key of a model takes a role, too, and `${…}`, so there the names are only offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pytest_comfygen.language.kinds import LATENT_UPSCALERS

__all__ = ["ServerNames", "with_names"]

# A part of a JSON document, which is made anew where something changes.
_Part: TypeAlias = dict[str, Any]
_Change: TypeAlias = Callable[[_Part], _Part]
_FormsOf: TypeAlias = Callable[[list[_Part], Iterable[str]], list[_Part]]

_WITH_ITEM_KEYS = ("Keys", "Item", "Source", "Matrix")
_MODELS_OF_ITEMS = {
    "checkpoint": "checkpoints",
    "diffusion_model": "diffusion_models",
    "text_encoders": "text_encoders",
    "vae": "vae",
}


@dataclass(frozen=True, slots=True)
class ServerNames:
    """What a server calls its own.

    :param models: the files of each of ComfyUI's model folders.
    :param nodes: the classes of nodes that make a picture out of one called `image`.
    """

    version: str
    models: Mapping[str, Sequence[str]] = field(default_factory=dict)
    samplers: Sequence[str] = ()
    schedulers: Sequence[str] = ()
    nodes: Sequence[str] = ()


def with_names(schema: Mapping[str, Any], names: ServerNames) -> dict[str, Any]:
    """The schema with these names where they can be written; a list that is empty says nothing."""
    definitions = dict(schema["definitions"])
    for definition, key, change in _changes(names):
        definitions[definition] = _with_key(definitions[definition], key, change)
    for definition, found in (
        ("LoraEntry", names.models.get("loras", ())),
        ("Refiner", names.models.get("checkpoints", ())),
        ("Upscale", names.models.get("upscale_models", ())),
        ("Preprocessor", names.nodes),
    ):
        definitions[definition] = _with_short_form(definitions[definition], found)
    told = f"The names of models, samplers, schedulers and nodes are those of a ComfyUI {names.version}."
    return {"$schema": schema["$schema"], "$comment": told, **schema, "definitions": definitions}


def _changes(names: ServerNames) -> Iterator[tuple[str, str, _Change]]:
    """Which key of which mapping takes which names, and how."""
    for definition in _WITH_ITEM_KEYS:
        for key, folder in _MODELS_OF_ITEMS.items():
            yield definition, key, _offering(names.models.get(folder, ()))
        yield definition, "sampler", _allowing(names.samplers)
        yield definition, "scheduler", _allowing(names.schedulers)
    upscalers = names.models.get("upscale_models", ())
    yield "LoraEntry", "model", _offering(names.models.get("loras", ()))
    yield "ControlNet", "model", _offering(names.models.get("controlnet", ()))
    yield "Refiner", "model", _offering(names.models.get("checkpoints", ()))
    yield "Upscale", "model", _offering(upscalers)
    yield "Hires", "upscaler", _offering((*sorted(LATENT_UPSCALERS), *upscalers))
    yield "Preprocessor", "node", _offering(names.nodes)
    yield "ModelEntry", "file", _offering(tuple(_files(names.models)))


def _files(models: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Models with their folders; what has no suffix comes with ComfyUI itself and is no file."""
    for folder, found in models.items():
        yield from (f"{folder}/{name}" for name in found if "." in name)


def _with_key(definition: _Part, key: str, change: _Change) -> _Part:
    """The mapping with one of its keys changed; one that has short forms stands before them."""
    if "anyOf" in definition:
        mapping, *short = definition["anyOf"]
        return {**definition, "anyOf": [_with_key(mapping, key, change), *short]}
    properties = definition["properties"]
    return {**definition, "properties": {**properties, key: change(properties[key])}}


def _with_short_form(definition: _Part, names: Iterable[str]) -> _Part:
    mapping, *short = definition["anyOf"]
    return {**definition, "anyOf": [mapping, *_offered(short, names)]}


def _offering(names: Sequence[str]) -> _Change:
    """The names are offered, and any other text is taken."""
    return lambda part: _changed(part, names, _offered)


def _allowing(names: Sequence[str]) -> _Change:
    """The names are all there are."""
    return lambda part: _changed(part, names, _allowed)


def _changed(part: _Part, names: Sequence[str], forms_of: _FormsOf) -> _Part:
    """The key with these names for its text, or for each text of its list, and with one of them as its example."""
    if not names:
        return part
    described: _Part = {key: part[key] for key in ("description", "default") if key in part}
    forms = part.get("anyOf") or [{key: one for key, one in part.items() if key not in {*described, "examples"}}]
    is_list = any(form.get("type") == "array" for form in forms)
    forms = [_with_items(form, names, forms_of) for form in forms] if is_list else forms_of(forms, names)
    return {"anyOf": forms, **described, "examples": [[names[0]] if is_list else names[0]]}


def _with_items(form: _Part, names: Sequence[str], forms_of: _FormsOf) -> _Part:
    return {**form, "items": {"anyOf": forms_of([form["items"]], names)}} if form.get("type") == "array" else form


def _offered(forms: list[_Part], names: Iterable[str]) -> list[_Part]:
    found = list(dict.fromkeys(names))
    return [{"enum": found}, *forms] if found else forms


def _allowed(forms: list[_Part], names: Iterable[str]) -> list[_Part]:
    return [{"enum": list(dict.fromkeys(names))}, *(form for form in forms if form.get("type") != "string")]

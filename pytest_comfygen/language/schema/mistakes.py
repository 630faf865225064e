"""What pydantic finds, in our words: the key, what it must be, what it is, and what to do."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from pytest_comfygen.errors import (
    JobFileError,
    KeyConflict,
    MissingKey,
    NotLoopback,
    OutOfRange,
    SecretFound,
    TooLarge,
    UnknownKey,
    Where,
    WrongType,
)
from pytest_comfygen.language.load import Document
from pytest_comfygen.language.schema.items import NEVER, Keys, Matrix, Source, Verify
from pytest_comfygen.language.schema.kinds import KINDS
from pytest_comfygen.language.schema.looks import LOOKS
from pytest_comfygen.language.schema.models import DefaultsDocument, JobDocument, ModelEntry, Output, Server
from pytest_comfygen.language.schema.playing import RANGES
from pytest_comfygen.language.schema.values import Wants

__all__ = ["keys_of", "mistakes", "plain_type", "shown"]


def keys_of(model: type[Any]) -> dict[str, Any]:
    """The keys of a mapping as they are written, each with its type; `from` is no name that Python allows."""
    types_of = typing.get_type_hints(model, include_extras=True)
    if model in _ITEMS:
        return types_of
    return {field.alias or name: types_of[name] for name, field in model.model_fields.items()}


_ITEMS: tuple[type[Any], ...] = (Keys, Source, Matrix)
_MODELS: tuple[type[Any], ...] = (
    JobDocument,
    DefaultsDocument,
    Server,
    ModelEntry,
    Output,
    *_ITEMS,
    Verify,
    *KINDS,
    *LOOKS,
    *RANGES,
)
_WRAPPERS = (typing.Annotated, typing.Union, types.UnionType)
_BY_CODE: dict[str, type[JobFileError]] = {
    error.code: error for error in (KeyConflict, MissingKey, NotLoopback, OutOfRange, SecretFound, WrongType)
}


def mistakes(error: ValidationError, document: Document, model: type[Any] = JobDocument) -> list[JobFileError]:
    """Every mistake in `document` that pydantic found, each at its place.

    :param model: what the document as a whole is.
    """
    found = error.errors(include_url=False)
    return [_mistake(details, document, model) for details in found]


def shown(value: object) -> str:
    """A value as its writer knows it, in at most some 60 characters."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) <= 60 else f"the text {value[:57]!r}..."  # noqa: PLR2004  # as promised
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"a value of type {type(value).__name__}"


def _mistake(details: Mapping[str, Any], document: Document, whole: type[Any]) -> JobFileError:
    path: tuple[str | int, ...] = details["loc"]
    model, wants = _in_language(path, whole)
    key = ".".join(str(step)[:60] for step in path)
    value = details["input"]
    hint = ""
    match details["type"]:
        case "extra_forbidden":
            return _unknown_key(str(path[-1]), model, document.where(path, of_key=True))
        case "missing":
            return _missing_key(str(path[-1]), wants, document.where(path[:-1], of_key=True))
        case "comfygen":
            kind = _BY_CODE[details["ctx"]["code"]]
            told = f"{key}: {details['ctx']['problem']}" if details["ctx"]["problem"] else ""
            hint = details["ctx"]["hint"]
        case "too_long":
            kind = TooLarge if path == ("items",) else OutOfRange
            told = f"{key} holds more than {details['ctx']['max_length']:,} entries"
        case "literal_error" if isinstance(value, str):
            kind, told = OutOfRange, ""
        case name:
            kind, told = (WrongType if name.endswith("_type") or name == "literal_error" else OutOfRange), ""
    message = told or f"{key} must be {wants}, not {shown(value)}"
    meant = _meant(details) if details["type"] == "literal_error" else None
    return kind(message, where=document.where(path), hint=hint or meant or _hint(kind, wants, value))


def _meant(details: Mapping[str, Any]) -> str | None:
    """The nearest of the words that a key may have. Source: pydantic quotes each in `expected`."""
    words = details["ctx"]["expected"].split("'")[1::2]
    near = get_close_matches(str(details["input"])[:60], words, n=1)
    return f"did you mean `{near[0]}`?" if near else None


def _hint(kind: type[JobFileError], wants: str, value: object) -> str | None:
    if kind is not WrongType:
        return None
    if isinstance(value, str):
        if wants.startswith("a list"):
            return f"write [{value[:60]}]"
        return "remove the quotes" if value.lstrip("+-").replace(".", "", 1).isdigit() else None
    if wants.startswith("a text such as 832x1216") and isinstance(value, int):
        return _size_hint(value)
    if wants.startswith(("a text", "a path")) and isinstance(value, (bool, int, float)):
        return "put the text in quotes"
    return None


def _size_hint(value: int) -> str | None:
    if not value:
        return "put the size in quotes: YAML reads 0x… as a hexadecimal number"
    return None if isinstance(value, bool) else f"write both sides: {value}x{value}"


def _unknown_key(key: str, model: type[Any], where: Where | None) -> JobFileError:
    never = NEVER if model in _ITEMS else model.NEVER
    if key in never:
        return UnknownKey(f"there is no key {key!r}", where=where, hint=never[key])
    allowed = list(keys_of(model))
    elsewhere = [] if model is not JobDocument else [one for one in keys_of(Keys) if one not in allowed]
    is_elsewhere = model is Keys and key in keys_of(JobDocument)
    near = [] if is_elsewhere else get_close_matches(key, [*allowed, *elsewhere], n=1)
    if near and near[0] in elsewhere:
        hint = f"put `{near[0]}` under `defaults:` or an item"
    elif near:
        hint = f"did you mean `{near[0]}`?"
    elif is_elsewhere:
        hint = f"put `{key}` at the top level of the file"
    else:
        hint = f"allowed here: {', '.join(allowed)}"
    return UnknownKey(f"unknown key {key[:60]!r}", where=where, hint=hint)


def _missing_key(key: str, wants: str, where: Where | None) -> MissingKey:
    return MissingKey(f"the key `{key}` is missing", where=where, hint=f"add `{key}:`, {wants}")


def _in_language(path: Sequence[str | int], whole: type[Any]) -> tuple[type[Any], str]:
    """The model that holds the last key of `path`, and what the language wants there."""
    model: type[Any] = whole
    kind: Any = whole
    for step in path:
        holder = plain_type(kind)
        if holder in _MODELS:
            model, kind = holder, keys_of(holder).get(str(step))
        else:
            kind = typing.get_args(holder)[-1]
    return model, _wants(kind)


def plain_type(kind: Any) -> Any:  # noqa: ANN401  # any type expression
    """The type behind `Annotated[…]` and `… | None`."""
    if typing.get_origin(kind) in _WRAPPERS:
        return plain_type(typing.get_args(kind)[0])
    return kind


def _wants(kind: Any) -> str:  # noqa: ANN401  # any type expression
    if typing.get_origin(kind) not in _WRAPPERS:
        return "something else"
    inner, *metadata = typing.get_args(kind)
    return next((entry.words for entry in metadata if isinstance(entry, Wants)), None) or _wants(inner)

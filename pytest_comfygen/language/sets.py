"""The `set:` of a workflow item: every entry addressed, every variable known, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pytest_comfygen.errors import JobFileError, KeyConflict, UnknownVariable, Where
from pytest_comfygen.language.places import JobPlaces
from pytest_comfygen.language.schema import Keys
from pytest_comfygen.language.schema.kinds import InputFile
from pytest_comfygen.language.template import fill, unknown_variable, used_names
from pytest_comfygen.records import InputImage, Scalar, SetValue

__all__ = ["VARIABLES", "addressed", "parameters"]

# What every item can be asked for in `set:`; `vars` may not give these names another meaning.
VARIABLES = frozenset(
    {"name", "prompt", "negative", "seed", "width", "height", "steps", "cfg", "sampler", "scheduler", "checkpoint"}
)
_GIVEN_BY = {"width": "size", "height": "size"}


def parameters(keys: Keys, prompt: str | None, negative: str | None, checkpoint: str | None) -> dict[str, Scalar]:
    """The variables that an item's own keys give to `set:`, without `seed`; only what the item has.

    :param checkpoint: the file name as ComfyUI lists it.
    """
    size = keys.get("size")
    given: dict[str, Scalar] = {
        "prompt": prompt,
        "negative": negative,
        "width": size.width if size else None,
        "height": size.height if size else None,
        "steps": keys.get("steps"),
        "cfg": keys.get("cfg"),
        "sampler": keys.get("sampler"),
        "scheduler": keys.get("scheduler"),
        "checkpoint": checkpoint,
    }
    return {name: value for name, value in given.items() if value is not None}


def addressed(  # noqa: PLR0913  # the entries, and what each of them may name
    entries: Mapping[str, Scalar | InputFile],
    address: Callable[[str], tuple[str, str]],
    file: Callable[[str], Path],
    *,
    variables: Mapping[str, Scalar],
    places: JobPlaces,
    item: Where,
) -> tuple[SetValue, ...]:
    """The entries of `set:` with the node and input that each is for.

    :param address: the node and input that a key means.
    :param file: the file of the repository that a path means.
    :param variables: what the entries may use, without `seed`.
    :param item: the place of entries that come from no file.
    :raises JobFileError: set-target, unknown-variable, bad-template, too-large, conflicting-keys; what `file` raises.
    """
    found: dict[tuple[str, str], SetValue] = {}
    for target, value in entries.items():
        key = f"set.{target}"
        try:
            node_and_input = address(target)
            if twin := found.get(node_and_input):
                raise KeyConflict(f"{target!r} and {twin.target!r} set the same input", hint="remove one of them")
        except JobFileError as error:
            raise error.at(places.of_key(key) or places.around(key)) from None
        try:
            checked = _input(value, file, variables) if isinstance(value, InputFile) else _checked(value, variables)
        except JobFileError as error:
            raise error.at(_place_of(value, key, places)) from None
        found[node_and_input] = SetValue(target, *node_and_input, checked, places.get(key, item))
    return tuple(found.values())


def _input(source: InputFile, file: Callable[[str], Path], variables: Mapping[str, Scalar]) -> InputImage:
    """The file that an input gets; its path is known before any seed is."""
    if source.item is not None:
        return InputImage(Path(), fill(source.item, variables))
    return InputImage(file(fill(source.file or "", variables)))


def _place_of(value: Scalar | InputFile, key: str, places: JobPlaces) -> Where | None:
    """Where a value stands; what a row gives as a whole stands at its cell."""
    if isinstance(value, InputFile):
        return places.around(f"{key}.{'file' if value.item is None else 'item'}")
    return places.around(key)


def _checked(value: Scalar, variables: Mapping[str, Scalar]) -> Scalar:
    if not isinstance(value, str):
        return value
    known = {**variables, "seed": 2**64 - 1}  # the longest seed there is
    for name in used_names(value):
        if name not in known:
            raise _unknown(name, known)
    fill(value, known)
    return value


def _unknown(name: str, known: Mapping[str, Scalar]) -> UnknownVariable:
    error = unknown_variable(name, known)
    if name not in VARIABLES:
        return error
    return UnknownVariable(error.message, hint=f"give the item `{_GIVEN_BY.get(name, name)}:`")

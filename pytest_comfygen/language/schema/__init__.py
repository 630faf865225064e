"""The job language as models: what may be written, within which limits, and how a mistake is explained.

The models are the only description of the language: they validate job files, and the JSON Schema that editors use is
printed from them (`python -m pytest_comfygen.language`). Types are strict: `steps: "30"` is a text, not a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import ValidationError

from pytest_comfygen.errors import EmptyFile, LanguageVersion, MissingKey, WrongType
from pytest_comfygen.language.load import Document, Table, Value
from pytest_comfygen.language.problems import first_of
from pytest_comfygen.language.schema.axes import Range, Values
from pytest_comfygen.language.schema.items import MAX_ITEMS, Keys, Matrix, Source, Verify
from pytest_comfygen.language.schema.mistakes import keys_of, mistakes, plain_type, shown
from pytest_comfygen.language.schema.models import (
    DefaultsDocument,
    ItemsDocument,
    JobDocument,
    ModelEntry,
    Output,
    Server,
)

__all__ = [
    "MAX_ITEMS",
    "DefaultsDocument",
    "ItemsDocument",
    "JobDocument",
    "Keys",
    "Matrix",
    "ModelEntry",
    "Output",
    "Range",
    "Server",
    "Source",
    "Values",
    "Verify",
    "keys_of",
    "plain_type",
    "validate",
    "validate_defaults",
    "validate_item",
]

_MAKE_ROWS = frozenset({"from", "matrix"})
_MAKE_ITEMS = _MAKE_ROWS | {"items"}


def validate(document: Document) -> ItemsDocument:
    """The document as models; a `JobDocument` when it has rows or combinations.

    :raises JobFileError: the first mistake by place, the others in `also`.
    """
    root = _checked_head(document)
    kind = ItemsDocument if _MAKE_ROWS.isdisjoint(root) else JobDocument
    try:
        parsed = kind.model_validate(root)
    except ValidationError as error:
        raise first_of([*mistakes(error, document), *_without_items(document)]) from None
    if missing := _without_items(document):
        raise missing[0]
    return parsed


def validate_defaults(document: Document) -> DefaultsDocument:
    """A file of defaults as models.

    :raises JobFileError: as `validate`.
    """
    _check_version(document, "defaults")
    try:
        return DefaultsDocument.model_validate(document.root)
    except ValidationError as error:
        raise first_of(mistakes(error, document, DefaultsDocument)) from None


def validate_item(values: Mapping[str, Value], document: Callable[[], Document]) -> Keys:
    """Keys of an item that stand elsewhere than in a job file.

    :param document: gives `values` with their places, for errors.
    :raises JobFileError: the first mistake by place, the others in `also`.
    """
    from pytest_comfygen.language.schema.rows import ROW  # noqa: PLC0415  # few runs have such keys

    try:
        return ROW.validate_python(values)
    except ValidationError as error:
        raise first_of(mistakes(error, document(), Keys)) from None


def _without_items(document: Document) -> list[MissingKey]:
    """The mistake of a file that has neither items nor what makes them."""
    if isinstance(document.root, Table) and _MAKE_ITEMS.isdisjoint(document.root):
        hint = "add `items:`, a mapping of names to items"
        return [MissingKey("the key `items` is missing", where=document.where(()), hint=hint)]
    return []


def _checked_head(document: Document) -> Table:
    """The top mapping; refuses what makes every other message pointless: nothing there, another version, no items."""
    root = _check_version(document, "job")
    nothing_else = root.keys() & _MAKE_ITEMS == {"items"}
    if nothing_else and not root["items"] and not isinstance(root["items"], (str, bool, int, float)):
        raise EmptyFile("the file holds no item", where=document.where(["items"]), hint="add an image under `items:`")
    return root


def _check_version(document: Document, what: str) -> Table:
    """The top mapping of a file of this language's version."""
    root = document.root
    if root is None:
        hint = None if what == "job" else "start with `comfyjob: 1` and a `defaults:` mapping"
        raise EmptyFile(f"the file holds no {what}", where=document.where(()), hint=hint)
    if not isinstance(root, Table):
        raise WrongType(f"a {what} file must be a mapping, not {shown(root)}", where=document.where(()))
    version = root.get("comfyjob", 1)
    if type(version) is not int:  # to pydantic's Literal, true and 1.0 are as good as 1
        raise WrongType(f"comfyjob must be 1, not {shown(version)}", where=document.where(["comfyjob"]))
    if version != 1:
        raise LanguageVersion(f"the job language has no version {version} here", where=document.where(["comfyjob"]))
    return root

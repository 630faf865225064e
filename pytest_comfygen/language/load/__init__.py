"""A job file's text becomes a tree of plain values, each with its place, or one error at its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pytest_comfygen.errors import TooDeep
from pytest_comfygen.language.load.json_text import parse_json
from pytest_comfygen.language.load.text import check_text, checked, read_text
from pytest_comfygen.language.load.tree import MAX_DEPTH, Document, Mark, Places, Row, Spot, Table, Value
from pytest_comfygen.language.load.yaml_text import parse_yaml

__all__ = [
    "Document",
    "Mark",
    "Places",
    "Row",
    "Spot",
    "Table",
    "Value",
    "checked",
    "document_of",
    "parse",
    "read_document",
    "read_text",
]

_NOWHERE: Mark = (0, 0, 0, 0)


def read_document(path: Path, shown: str) -> Document:
    """The document in a file: JSON when its name ends in `.json`, else YAML.

    :param shown: the path as errors name it.
    :raises JobFileError: the first thing that makes the text unusable.
    """
    return parse(read_text(path, shown), shown)


def parse(text: str, shown: str) -> Document:
    """The document in a text, whose name says its format."""
    return parse_json(text, shown) if shown.casefold().endswith(".json") else parse_yaml(text, shown)


def document_of(values: Mapping[str, object], shown: str) -> Document:
    """Python values as a document without places.

    :raises JobFileError: too-deep, syntax (control characters), secret.
    """
    return Document(shown, _tree(values, 0), (0, 0))


def _tree(value: object, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise TooDeep(f"the values are nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        table = Table()
        for key, inner in value.items():
            table.put(str(key), _tree(inner, depth + 1), _NOWHERE)
        return table
    if isinstance(value, (list, tuple)):
        row = Row()
        row.extend(_tree(inner, depth + 1) for inner in value)
        row.spots.extend((0, 0) for _ in value)
        return row
    if isinstance(value, str):
        check_text(value, None)
    return cast("Value", value)  # whatever else it is, the schema judges it

"""The language as a JSON Schema, Draft-07, which is what editors' YAML servers understand."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from pytest_comfygen.language.schema.kinds import KINDS, Short
from pytest_comfygen.language.schema.looks import LOOKS
from pytest_comfygen.language.schema.models import JobDocument
from pytest_comfygen.language.schema.names import ServerNames, with_names
from pytest_comfygen.language.schema.playing import RANGES

__all__ = ["json_schema"]

_ITEM = "One image: a mapping of keys, or its prompt alone, or nothing when the defaults say all."


class _Untitled(GenerateJsonSchema):
    """Keys get no titles: they would only repeat the keys in capitals."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002  # as in the parent
        return False


def json_schema(names: ServerNames | None = None) -> dict[str, Any]:
    """The schema of a whole job file, without the keys that this version does not act on.

    :param names: of a server, to be offered where they can be written.
    """
    schema = JobDocument.model_json_schema(ref_template="#/definitions/{model}", schema_generator=_Untitled)
    definitions = schema.pop("$defs")
    definitions["Item"] = _with_short_forms(
        {**definitions["Keys"], "title": "Item", "description": _ITEM}, "string", "null"
    )
    schema["properties"]["items"]["anyOf"][0]["additionalProperties"] = {"$ref": "#/definitions/Item"}
    for kind in KINDS:
        if issubclass(kind, Short):
            definitions[kind.__name__] = _with_short_forms(definitions[kind.__name__], "string")
    for look in LOOKS:
        mapping = definitions[look.__name__]
        definitions[look.__name__] = {
            "description": mapping.pop("description"),
            "anyOf": [mapping, *look.SHORT_FORMS],
        }
    for span in RANGES:
        definitions[span.__name__] = _with_short_forms(definitions[span.__name__], span.SHORT_TYPE)
    definitions = dict(sorted(definitions.items()))
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", **schema, "definitions": definitions}
    _drop_null_defaults(schema)
    _wrap_references(schema)
    return with_names(schema, names) if names else schema


def _with_short_forms(mapping: JsonSchemaValue, *types: str) -> JsonSchemaValue:
    """An item may also be its prompt alone, or nothing; other mappings the value of their main key."""
    return {"description": mapping.pop("description"), "anyOf": [mapping, *({"type": one} for one in types)]}


def _drop_null_defaults(schema: Any) -> None:  # noqa: ANN401  # any part of a JSON document
    """`default: null` says no more than that a key may be left out, and editors would insert it."""
    if isinstance(schema, dict):
        if schema.get("default", ...) is None:
            del schema["default"]
        for part in schema.values():
            _drop_null_defaults(part)
    elif isinstance(schema, list):
        for part in schema:
            _drop_null_defaults(part)


def _wrap_references(schema: Any) -> None:  # noqa: ANN401  # any part of a JSON document
    """In Draft-07 a `$ref` hides what stands beside it, such as a description."""
    if isinstance(schema, dict):
        if "$ref" in schema and len(schema) > 1:
            schema["allOf"] = [{"$ref": schema.pop("$ref")}]
        for part in schema.values():
            _wrap_references(part)
    elif isinstance(schema, list):
        for part in schema:
            _wrap_references(part)

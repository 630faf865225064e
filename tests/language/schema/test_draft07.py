"""The JSON Schema that editors use says what the loader does."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from pytest_comfygen.language.schema.draft07 import json_schema

COMMITTED = Path(__file__).parents[3] / "docs" / "comfyjob.schema.json"
COMMAND = "python -m pytest_comfygen.language > docs/comfyjob.schema.json"

REFUSED = [
    {"items": {"a": "x"}},
    {"comfyjob": 2, "items": {"a": "x"}},
    {"comfyjob": 1, "items": {"a": {"promt": "x"}}},
    {"comfyjob": 1, "items": {"a": {"steps": "30"}}},
    {"comfyjob": 1, "items": {"a": {"steps": 0}}},
    {"comfyjob": 1, "items": {"a": {"size": "wide"}}},
    {"comfyjob": 1, "items": {"a": {"seed": -1}}},
    {"comfyjob": 1, "items": {"a": 5}},
    {"comfyjob": 1, "items": {"a": "x"}, "include": [3]},
    {"comfyjob": 1, "items": {"a": "x"}, "server": {"args": ["--listen"]}},
    {"comfyjob": 1, "items": {"a": "x"}, "server": {"args": ["--reserve-vram=x"]}},
    {"comfyjob": 1, "items": {"a": "x"}, "server": {"custom_nodes": ["https://x/nodes"]}},
]


def test_the_committed_schema_is_current() -> None:
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))

    assert json_schema() == committed, f"the models have changed: run `{COMMAND}`"


def test_the_schema_is_a_draft_07_schema() -> None:
    schema = json_schema()

    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(schema)


def test_every_mapping_of_the_language_is_closed() -> None:
    parts = [part.get("anyOf", [part])[0] for part in json_schema()["definitions"].values()]

    assert {False} == {part["additionalProperties"] for part in parts}


def test_every_key_is_described() -> None:
    schema = json_schema()
    parts = [schema, *(part.get("anyOf", [part])[0] for part in schema["definitions"].values())]
    keys = {name: key for part in parts for name, key in part.get("properties", {}).items()}

    assert [name for name, key in keys.items() if not key.get("description")] == []


def test_the_defaults_of_the_language_are_in_the_schema() -> None:
    keys = json_schema()["definitions"]["Keys"]["properties"]

    wanted = {
        "size": "512x512",
        "steps": 20,
        "cfg": 7.0,
        "sampler": "euler",
        "scheduler": "normal",
        "seed": "from-name",
    }
    assert wanted == {name: keys[name]["default"] for name in wanted}


@pytest.mark.parametrize("document", REFUSED, ids=json.dumps)
def test_the_schema_refuses_what_the_loader_refuses(document: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema(), cls=jsonschema.Draft7Validator)


def test_the_schema_takes_the_short_forms() -> None:
    document = yaml.safe_load("{comfyjob: 1, defaults: {prompt: a}, items: {kin: a dwarf, elf: {steps: null}, cat: }}")

    jsonschema.validate(document, json_schema(), cls=jsonschema.Draft7Validator)

"""The JSON Schema that editors use says what the loader does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pytest_comfygen.language.schema.draft07 import json_schema
from pytest_comfygen.language.schema.names import ServerNames

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
    {"comfyjob": 1, "from": [{"name": "a"}]},
    {"comfyjob": 1, "from": [{"file": "a.csv", "source": "a"}]},
    {"comfyjob": 1, "from": [{"file": "a.csv", "options": {"a": 1}}]},
    {"comfyjob": 1, "from": [{"source": "a", "options": {"a": [1]}}]},
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


NAMES = ServerNames(
    version="0.3.64",
    models={"checkpoints": ["tiny.safetensors"], "loras": ["ink.safetensors"], "text_encoders": ["t5.safetensors"]},
    samplers=["euler", "dpmpp_2m"],
    schedulers=["normal", "karras"],
    nodes=["Canny"],
)


def keys_of(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of every mapping, such as `Keys.steps`."""
    for name, part in {"file": schema, **schema["definitions"]}.items():
        for key, described in part.get("anyOf", [part])[0]["properties"].items():
            yield f"{name}.{key}", described


def is_fit(schema: dict[str, Any], key: dict[str, Any], value: object) -> bool:
    """Whether a key takes a value."""
    alone = {"definitions": schema["definitions"], "allOf": [key]}
    return jsonschema.Draft7Validator(alone).is_valid(value)


@pytest.mark.parametrize("names", [None, NAMES], ids=["without names", "with names"])
def test_every_key_has_a_description_and_examples_and_defaults_that_it_takes(names: ServerNames | None) -> None:
    schema = json_schema(names)
    keys = dict(keys_of(schema))

    assert [name for name, key in keys.items() if not key.get("description")] == []
    assert [name for name, key in keys.items() if not key.get("examples")] == []
    shown = [(name, key, value) for name, key in keys.items() for value in key["examples"]]
    shown += [(name, key, key["default"]) for name, key in keys.items() if "default" in key]
    assert [(name, value) for name, key, value in shown if not is_fit(schema, key, value)] == []


def test_every_mapping_is_described() -> None:
    assert [name for name, part in json_schema()["definitions"].items() if not part.get("description")] == []


def test_nothing_stands_beside_a_reference_which_would_hide_it() -> None:
    def references(part: object) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            if "$ref" in part:
                yield part
            part = list(part.values())
        if isinstance(part, list):
            for one in part:
                yield from references(one)

    assert [one for one in references(json_schema()) if len(one) > 1] == []


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

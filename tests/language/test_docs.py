"""What the reference shows can be loaded, and what the language has is in the reference."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.language.schema import (
    DefaultsDocument,
    JobDocument,
    Keys,
    Matrix,
    ModelEntry,
    Output,
    Server,
    Source,
    Verify,
    keys_of,
)
from pytest_comfygen.language.schema.draft07 import json_schema
from pytest_comfygen.language.schema.flags import FLAGS
from pytest_comfygen.language.schema.kinds import KINDS
from pytest_comfygen.language.schema.looks import LOOKS
from tests.documentation import DOCS, Example, answer, examples

REFERENCE = (DOCS / "reference" / "job-file.md").read_text(encoding="utf-8")

EXAMPLES = [pytest.param(example, id=example.id) for example in examples()]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_loaded(example: Example, tmp_path: Path) -> None:
    root = tmp_path.resolve()

    job_file = load_job_file(example.write(root), root, answer)

    assert job_file.jobs
    assert job_file.warnings == ()


@pytest.mark.parametrize("example", EXAMPLES)
def test_editors_accept_an_example(example: Example) -> None:
    jsonschema.validate(yaml.safe_load(example.text), json_schema(), cls=jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    "model", [JobDocument, DefaultsDocument, Server, ModelEntry, Output, Keys, Source, Matrix, Verify, *KINDS, *LOOKS]
)
def test_every_key_is_in_the_reference(model: type[JobDocument]) -> None:
    assert [key for key in keys_of(model) if not re.search(rf"`(?:[a-z]+\.)?{key}`", REFERENCE)] == []


def test_the_reference_names_the_flags_for_a_server_and_no_others() -> None:
    section = REFERENCE.partition("### `server.args`")[2].partition("\n##")[0].partition("| about |")[2]

    assert set(re.findall(r"`(--[\w-]+)", section)) == set(FLAGS)


@pytest.mark.parametrize("key", [*keys_of(JobDocument), *keys_of(Keys)])
def test_every_key_has_a_heading(key: str) -> None:
    assert re.search(rf"^##.*`{key}`", REFERENCE, re.MULTILINE)

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
    Item,
    JobDocument,
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
from pytest_comfygen.language.sources.answered import Answer

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "job-file.md").read_text(encoding="utf-8")

NOISE = """\
{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 8421504}},
 "2": {"class_type": "ImageAddNoise", "inputs": {"image": ["1", 0], "seed": 1, "strength": 0.5}},
 "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "noise"}}}
"""


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def table(page: Path) -> str:
    """The table that a page's job files read as `data/kins.csv`."""
    return next(iter(blocks(page, "csv")), "")


def examples() -> list[object]:
    """The job files among the code blocks of all pages, each with its page's table."""
    found = [
        (page, number, block)
        for page in sorted(DOCS.rglob("*.md"))
        for number, block in enumerate(blocks(page, "yaml"), start=1)
    ]
    return [
        pytest.param(block, table(page), id=f"{page.relative_to(DOCS).as_posix()}-{number}")
        for page, number, block in found
        if "comfyjob:" in block and not block.startswith("# styles/")
    ]


OIL = next(
    block for block in blocks(DOCS / "reference" / "job-file.md", "yaml") if block.startswith("# styles/oil.yaml")
)


@pytest.mark.parametrize(("text", "rows"), examples())
def test_an_example_can_be_loaded(text: str, rows: str, tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "jobs").mkdir()
    (root / "data").mkdir()
    (root / "data" / "kins.csv").write_text(rows, encoding="utf-8")
    (root / "wildcards").mkdir()
    (root / "wildcards" / "mood.txt").write_text("gloomy\nproud\n", encoding="utf-8")
    (root / "styles").mkdir()
    (root / "styles" / "oil.yaml").write_text(OIL, encoding="utf-8")
    (root / "jobs" / "noise.api.json").write_text(NOISE, encoding="utf-8")
    (root / "jobs" / "example.comfyjob.yaml").write_text(text, encoding="utf-8")

    answer: Answer = [{"id": "elf", "subject": "a moon elf", "seed": 1}]
    job_file = load_job_file(root / "jobs" / "example.comfyjob.yaml", root, lambda *_: answer)

    assert job_file.jobs
    assert job_file.warnings == ()


@pytest.mark.parametrize(("text", "_rows"), examples())
def test_editors_accept_an_example(text: str, _rows: str) -> None:  # a parameter, no fixture
    jsonschema.validate(yaml.safe_load(text), json_schema(), cls=jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    "model", [JobDocument, DefaultsDocument, Server, ModelEntry, Output, Item, Source, Matrix, Verify, *KINDS]
)
def test_every_key_is_in_the_reference(model: type[JobDocument]) -> None:
    keys = [*keys_of(model), *model.LATER]

    assert [key for key in keys if not re.search(rf"`(?:[a-z]+\.)?{key}`", REFERENCE)] == []


def test_the_reference_names_the_flags_for_a_server_and_no_others() -> None:
    section = REFERENCE.partition("### `server.args`")[2].partition("\n##")[0].partition("| about |")[2]

    assert set(re.findall(r"`(--[\w-]+)", section)) == set(FLAGS)


@pytest.mark.parametrize("key", [*keys_of(JobDocument), *keys_of(Item)])
def test_every_key_has_a_heading(key: str) -> None:
    assert re.search(rf"^##.*`{key}`", REFERENCE, re.MULTILINE)

"""The job files that the documentation shows are drawn by the stand-in, and every key is in one of the reference's."""

from __future__ import annotations

import pytest
import yaml

from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.language.schema import (
    ItemsDocument,
    Keys,
    Matrix,
    ModelEntry,
    Output,
    Server,
    Source,
    Verify,
    keys_of,
)
from pytest_comfygen.language.schema.kinds import KINDS
from pytest_comfygen.language.schema.looks import LOOKS
from pytest_comfygen.language.schema.playing import RANGES
from tests.documentation import HOOK, answer, examples
from tests.repository import Repository


def test_every_image_of_every_example_is_drawn(repository: Repository) -> None:
    found = [example.write(repository.path / "examples" / str(n)) for n, example in enumerate(examples())]
    images = sum(len(load_job_file(path, repository.path, answer).jobs) for path in found)
    repository.write("examples/conftest.py", HOOK)

    result = repository.run("examples", "--comfy-sketch")

    assert repository.images_line(result) == f"images: {images} generated"


def keys_in(value: object) -> set[str]:
    """Every key of a document, at any depth."""
    if isinstance(value, dict):
        return set(value).union(*map(keys_in, value.values()))
    return set().union(*map(keys_in, value)) if isinstance(value, list) else set()


WRITTEN = set[str]().union(
    *(keys_in(yaml.safe_load(example.text)) for example in examples() if example.page == "reference/job-file.md")
)


@pytest.mark.parametrize(
    "model", [ItemsDocument, Server, ModelEntry, Output, Keys, Source, Matrix, Verify, *KINDS, *LOOKS, *RANGES]
)
def test_every_key_is_in_an_example_of_the_reference(model: type[ItemsDocument]) -> None:
    assert [key for key in keys_of(model) if key not in WRITTEN] == []

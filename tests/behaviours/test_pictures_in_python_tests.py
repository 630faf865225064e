"""The fixture `comfy_generate` makes a picture in a Python test, in runs that ask for it."""

from __future__ import annotations

import pytest

from tests.repository import Repository

A_TEST = """\
from PIL import Image

def test_portrait(comfy_generate):
    first = comfy_generate("a dwarf", checkpoint="tiny.safetensors", size="64x96", steps=1)
    second = comfy_generate(prompt="a dwarf", checkpoint="tiny.safetensors", size="64x96", steps=1)
    with Image.open(first.path) as image:
        assert image.size == (64, 96)
    assert (first.path.name, second.path.name) == ("picture.png", "picture-2.png")
"""


def test_a_run_that_does_not_ask_skips_with_the_command(repository: Repository) -> None:
    repository.write("tests/test_portrait.py", A_TEST)

    result = repository.run("tests", "-rs")

    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(['*pytest "tests/test_portrait.py::test_portrait" --comfy-update stale*'])


def test_a_check_skips(repository: Repository) -> None:
    repository.write("tests/test_portrait.py", A_TEST)

    repository.run("tests", "--comfy-check").assert_outcomes(passed=2, skipped=1)


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_a_sketch_will_do(repository: Repository, workers: list[str]) -> None:
    repository.write("tests/test_portrait.py", A_TEST)

    repository.run("tests", "--comfy-sketch", *workers).assert_outcomes(passed=3)


def test_a_verb_and_a_server_make_it(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.write("tests/test_portrait.py", A_TEST)

    repository.run("tests", "--comfy-update", "stale").assert_outcomes(passed=3)


def test_a_wrong_key_is_named(repository: Repository) -> None:
    repository.write("tests/test_portrait.py", "def test_portrait(comfy_generate):\n    comfy_generate(promt='x')\n")

    result = repository.run("tests/test_portrait.py", "--comfy-sketch")

    result.stdout.fnmatch_lines(["*[[]unknown-key[]] tests/test_portrait.py:2: *promt*"])


def test_a_workflow_is_relative_to_the_test_file(repository: Repository) -> None:
    graph = '{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}}, '
    graph += '"2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}'
    repository.write("tests/graph.json", graph)
    repository.write(
        "tests/test_portrait.py",
        "def test_portrait(comfy_generate):\n    assert comfy_generate(workflow='graph.json').path.is_file()\n",
    )

    repository.run("tests/test_portrait.py", "--comfy-sketch").assert_outcomes(passed=1)


def test_a_picture_in_a_python_test_does_not_cost_the_images_their_preflight(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.write("aaa/test_portrait.py", A_TEST)
    repository.edit_job("tags: [draft]", "sampler: nope")

    result = repository.run("aaa", "jobs", "--comfy-update", "stale")

    result.stdout.fnmatch_lines(["*[[]value-refused[]] jobs/kins.comfyjob.yaml:6:*nope*"])


def test_adopting_makes_no_picture(repository: Repository) -> None:
    repository.write("tests/test_portrait.py", A_TEST)

    repository.run("tests", "--comfy-adopt").assert_outcomes(passed=2, skipped=1)

"""What loads the same models is made together, unless somebody asked for another order."""

from __future__ import annotations

import pytest

from tests.repository import Repository

TURNS = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {size: 64x64, steps: 1, prompt: "portrait of ${name}"}
items:
  a: {checkpoint: one.safetensors}
  b: {checkpoint: two.safetensors}
  c: {checkpoint: one.safetensors, size: 32x32}
  d: {checkpoint: two.safetensors}
  e: {checkpoint: one.safetensors}
"""

CHAIN = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {size: 64x64, steps: 1, prompt: "portrait of ${name}"}
items:
  a: {checkpoint: one.safetensors}
  b: {checkpoint: two.safetensors, init_image: {item: a}, denoise: 0.5}
  c: {checkpoint: one.safetensors}
  d: {checkpoint: two.safetensors, init_image: {item: c}, denoise: 0.5}
"""

LORAS = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: one.safetensors, size: 64x64, steps: 1, prompt: "portrait of ${name}"}
items:
  a: {loras: [ink.safetensors]}
  b: {}
  c: {loras: [ink.safetensors]}
"""

SHUFFLING = """
def pytest_collection_modifyitems(items):
    items[:] = [items[index] for index in {order}]
"""


@pytest.fixture
def stage(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    return repository


def order(repository: Repository, *args: str) -> str:
    """The names of the images in the order in which they ran."""
    result = repository.run("-v", *(args or ("jobs",)))
    lines = [line for line in result.outlines if ".comfyjob.yaml::" in line and "%]" in line]
    return "".join(line.partition("::")[2].partition(" ")[0] for line in lines)


@pytest.mark.parametrize(("text", "expected"), [(TURNS, "aecbd"), (CHAIN, "acbd"), (LORAS, "acb")])
def test_images_that_load_the_same_come_together(stage: Repository, text: str, expected: str) -> None:
    stage.write("jobs/kins.comfyjob.yaml", text)

    assert order(stage) == expected


def test_a_list_has_the_order_of_the_file(stage: Repository) -> None:
    stage.write("jobs/kins.comfyjob.yaml", TURNS)

    result = stage.run("--collect-only", "-q", "jobs")

    assert [line.partition("::")[2] for line in result.outlines if "::" in line] == list("abcde")


def test_a_check_has_the_order_of_the_file(stage: Repository) -> None:
    stage.write("jobs/kins.comfyjob.yaml", TURNS)
    stage.run("jobs")

    assert order(stage, "jobs", "--comfy-check") == "abcde"


def test_files_are_sorted_together(stage: Repository) -> None:
    stage.write("jobs/kins.comfyjob.yaml", TURNS)
    stage.write("jobs/more.comfyjob.yaml", TURNS.replace("  a:", "  f:").replace("  b:", "  g:").partition("  c:")[0])

    assert order(stage) == "aefcbdg"


@pytest.mark.parametrize("indexes", [[1, 0, 2, 3, 4], [4, 3, 2, 1, 0]])
def test_an_order_that_a_plugin_made_stays(stage: Repository, indexes: list[int]) -> None:
    stage.write("jobs/kins.comfyjob.yaml", TURNS)
    stage.write("conftest.py", SHUFFLING.format(order=indexes))

    assert order(stage) == "".join("abcde"[index] for index in indexes)


def test_images_that_are_named_one_by_one_run_as_named(stage: Repository) -> None:
    stage.write("jobs/kins.comfyjob.yaml", TURNS)
    file = "jobs/kins.comfyjob.yaml"

    assert order(stage, f"{file}::d", f"{file}::a", f"{file}::b") == "dab"


def test_an_image_that_was_shuffled_before_what_it_is_made_from_comes_after_it(stage: Repository) -> None:
    stage.write("jobs/kins.comfyjob.yaml", CHAIN)
    stage.write("conftest.py", SHUFFLING.format(order=[1, 0, 3, 2]))

    assert order(stage) == "abcd"


def test_unit_tests_stay_where_they_are(stage: Repository) -> None:
    stage.write("jobs/kins.comfyjob.yaml", TURNS)
    moving = SHUFFLING.format(order=[2, 0, 3, 4, 1, 5, 6])  # the images in order, the tests between them
    stage.write("conftest.py", moving)

    result = stage.run("-v", "tests", "jobs")

    names = [line.partition("::")[2].partition(" ")[0] for line in result.outlines if "::" in line and "%]" in line]
    assert names == ["a", "test_unit", "e", "c", "test_slow", "b", "d"]

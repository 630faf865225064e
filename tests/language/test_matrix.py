from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_comfygen.errors import JobFileError, Where
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.records import CheckpointRecipe, Job, Size

HEAD = "comfyjob: 1\ndefaults: {checkpoint: a.ckpt, prompt: a, steps: 3}\n"


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], tuple[Job, ...]]:
    """The jobs of a matrix, which stands in the third line."""
    root = tmp_path.resolve()

    def _load(matrix: str) -> tuple[Job, ...]:
        (root / "a.comfyjob.yaml").write_text(f"{HEAD}matrix: {matrix}\n", encoding="utf-8")
        return load_job_file(root / "a.comfyjob.yaml", root).jobs

    return _load


NAMED = [
    ("{axes: {a: [x, y], b: [1, 2]}}", ["x-1", "x-2", "y-1", "y-2"]),
    ("{name: 'k_${b}${a}', axes: {a: [x, y], b: [1, 2]}}", ["k_1x", "k_2x", "k_1y", "k_2y"]),
    ("{zip: {a: [x, y], b: [1, 2]}}", ["x-1", "y-2"]),
    ("{axes: {c: [p, q]}, zip: {a: [x, y], b: 1..2}}", ["p-x-1", "p-y-2", "q-x-1", "q-y-2"]),
    ("{axes: {a: [true, 1.5]}}", ["true", "1.5"]),
    ("{axes: {n: 1..5}}", ["1", "2", "3", "4", "5"]),
    ("{axes: {n: 5..3}}", ["5", "4", "3"]),
    ("{axes: {n: 1..6 step 2}}", ["1", "3", "5"]),
    ("{axes: {n: 0.2..0.8 step 0.2}}", ["0.2", "0.4", "0.6", "0.8"]),
    ("{axes: {n: '+1..-1 step -1'}}", ["1", "0", "-1"]),
    ("{axes: {n: 7..7}}", ["7"]),
    ("{name: 'a${row}', axes: {n: [1, 2]}}", ["a1", "a2"]),
]


@pytest.mark.parametrize(("matrix", "names"), NAMED)
def test_every_combination_is_an_item(load: Callable[[str], tuple[Job, ...]], matrix: str, names: list[str]) -> None:
    if names[-1].startswith("-"):
        matrix = matrix.replace("{axes", "{name: 'n${n}', axes")
        names = [f"n{name}" for name in names]

    assert names == [job.name for job in load(matrix)]


def test_an_axis_sets_its_key_and_any_other_is_a_variable(load: Callable[[str], tuple[Job, ...]]) -> None:
    jobs = load(
        "{prompt: 'in ${season}, ${steps} steps', axes: {season: [winter], size: [64x96], steps: [5], cfg: [2]}}"
    )

    (job,) = jobs
    assert isinstance(job.recipe, CheckpointRecipe)
    assert (job.prompt, job.name) == ("in winter, 5 steps", "winter-64x96-5-2")
    assert (job.recipe.size, job.recipe.steps, job.recipe.cfg) == (Size(64, 96), 5, 2.0)


def test_prompts_and_seeds_can_be_axes(load: Callable[[str], tuple[Job, ...]]) -> None:
    jobs = load("{name: 'a${row}', vars: {s: oil}, axes: {prompt: ['a ${s}', b], seed: [1, from-prompt]}}")

    assert [(job.prompt, job.seed.rule) for job in jobs] == [
        ("a oil", "fixed"),
        ("a oil", "from-prompt"),
        ("b", "fixed"),
        ("b", "from-prompt"),
    ]


def test_a_combination_stands_at_the_matrix_and_its_values_in_their_lists(
    load: Callable[[str], tuple[Job, ...]],
) -> None:
    *_, last = load("{cfg: 3, axes: {steps: [1, 20], n: 1..2}}")

    assert last.where == Where("a.comfyjob.yaml", 3, 1)
    assert last.place("steps") == Where("a.comfyjob.yaml", 3, 36)
    assert last.place("vars.n") == Where("a.comfyjob.yaml", 3, 44)
    assert last.place("cfg") == Where("a.comfyjob.yaml", 3, 15)
    assert last.place("checkpoint") == Where("a.comfyjob.yaml", 2, 24)


@pytest.mark.parametrize(
    ("axes", "count"),
    [
        ("{a: 1..1000, b: 1..100, c: 1..100}", "10,000,000 images (1000 x 100 x 100)"),
        ("{a: 1..999999999 step 0.000000001, b: [x, y]}", "images"),
        ("{a: 1..100001}", "100,001 images (100001)"),
    ],
)
def test_too_large_a_matrix_is_refused_at_once_with_the_number(
    load: Callable[[str], tuple[Job, ...]], axes: str, count: str
) -> None:
    started_s = time.process_time()

    with pytest.raises(JobFileError) as caught:
        load(f"{{axes: {axes}}}")

    assert time.process_time() - started_s < 0.5
    assert (caught.value.code, str(caught.value.where)) == ("too-large", "a.comfyjob.yaml:3:1")
    assert count in caught.value.message


def test_adding_a_value_changes_no_other_image(load: Callable[[str], tuple[Job, ...]]) -> None:
    before = {job.name: (job.prompt, job.seed) for job in load("{prompt: '${a}', axes: {a: [x, y]}}")}
    after = {job.name: (job.prompt, job.seed) for job in load("{prompt: '${a}', axes: {a: [w, y, x]}}")}

    assert {name: after[name] for name in before} == before

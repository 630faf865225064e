"""How a run of images is shared out among workers."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pytest_comfygen.plugin.sharing import scheduler
from tests.repository import Repository

TWO_MODELS = """\
comfyjob: 1
output: {{dir: ../assets}}
defaults: {{size: 64x64, steps: 1, prompt: "portrait of ${{name}}"}}
items:
{items}
"""

LOG = """\
from pathlib import Path

def pytest_comfygen_before_submit(job, graph):
    with Path({log!r}).open("a") as file:
        file.write(job.recipe.checkpoint.name[0])
"""


@pytest.fixture
def stage(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    lines = [f"  i{number:02}: {{checkpoint: {'ab'[number % 2]}.safetensors}}" for number in range(40)]
    repository.write("jobs/kins.comfyjob.yaml", TWO_MODELS.format(items="\n".join(lines)))
    repository.write("conftest.py", LOG.format(log=str(repository.path / "log.txt")))
    return repository


def loads(repository: Repository) -> int:
    """How often the server had to load another model."""
    asked = (repository.path / "log.txt").read_text(encoding="utf-8")
    return 1 + sum(one != following for one, following in pairwise(asked))


def test_workers_on_one_server_go_through_the_same_models_at_the_same_time(stage: Repository) -> None:
    stage.run("jobs", "-n4").assert_outcomes(passed=40)

    assert loads(stage) <= 2 + 4  # where one checkpoint ends, the workers come to the other one by one


@pytest.mark.parametrize(("dist", "chunk"), [("load", 5), ("loadfile", None), ("worksteal", None)])
def test_who_says_how_images_are_handed_out_gets_it(pytester: pytest.Pytester, dist: str, chunk: int | None) -> None:
    typed = ["-n2", f"--dist={dist}", *([f"--maxschedchunk={chunk}"] if chunk else [])]

    assert scheduler(pytester.parseconfig(*typed), None) is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("jobs",), 2),
        (("jobs", "--comfy-url={url}", "--comfy-url={url}/", "--comfy-url=http://127.0.0.1:9"), 3),
        (("jobs", "--comfy-url="), 2),
        (("jobs/kins.comfyjob.yaml::i00", "--comfy-gpus=3"), 2),
    ],
    ids=["one server", "several servers", "none named", "gpus beside a named server"],
)
def test_auto_is_one_worker_a_server(
    stage: Repository, sketch_url: str, arguments: tuple[str, ...], expected: int
) -> None:
    typed = [argument.format(url=sketch_url) for argument in arguments]

    result = stage.run(*typed, "-nauto", "-k", "nothing")

    result.stdout.fnmatch_lines([f"{expected} workers *"])


def test_auto_is_pytest_xdists_own_for_unit_tests(stage: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.cpu_count", lambda **_: 1)

    result = stage.run("tests", "-nauto")

    result.stdout.fnmatch_lines(["1 worker *"])


@pytest.mark.parametrize(("dist", "is_told"), [("worksteal", True), ("load", False)])
def test_what_another_way_to_share_out_costs_is_told(stage: Repository, dist: str, *, is_told: bool) -> None:
    result = stage.run("jobs", "-n2", f"--dist={dist}")

    told = "comfygen: --dist worksteal: 2 workers on one server have it load models about 40 times; with --dist load 2"
    assert any(line.startswith(told) for line in result.outlines) == is_told

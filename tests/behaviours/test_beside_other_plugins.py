"""Plugins that many use run beside this one: each in turn, and only those that a test names.

`benchmarks/compatibility.py` runs these in environments where all of them are, with one pytest after the other.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.repository import Repository
from tests.screen import run_in_terminal

pytestmark = pytest.mark.compatibility

KNOWN = {one.name for one in entry_points(group="pytest11")}
PLUGINS = ["html", "pytest-split", "randomly", "rerunfailures", "rich", "sugar", "timeout"]
ACTIVE = {
    "html": ["-p", "metadata", "--html=report.html", "--self-contained-html"],
    "rerunfailures": ["--reruns=1"],
    "rich": ["--rich"],
    "timeout": ["--timeout=60"],
}
CHAIN = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 2, prompt: "portrait of ${name}"}
items:
  a: {init_image: {item: b}, denoise: 0.5}
  b: {init_image: {item: c}, denoise: 0.5}
  c: {}
"""
FAILS_FIRST = """\
from pytest_comfygen import Finding

tries = []

def pytest_comfygen_verify(job, path):
    tries.append(job.name)
    again = tries.count(job.name) > 1
    return [] if again else [Finding(code="unlucky", severity="error", found="once", wanted="twice")]
"""


def needs(plugin: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(plugin not in KNOWN, reason=f"the plugin {plugin} is not installed")


def run(repository: Repository, plugin: str, *args: str) -> pytest.RunResult:
    """A run of pytest with this plugin and one other, both switched on."""
    return repository.pytester.runpytest_subprocess(*words(plugin), *args)


def words(plugin: str) -> Sequence[str]:
    return ["-p", "xdist", "-p", "comfygen", "-p", plugin, *ACTIVE.get(plugin, [])]


@pytest.fixture(autouse=True)
def only_named_plugins(monkeypatch: pytest.MonkeyPatch, sketch_url: str) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    monkeypatch.setenv("COMFYGEN_TIMEOUT", "20")


@pytest.mark.parametrize("options", [[], ["-n2"]], ids=["alone", "workers"])
@pytest.mark.parametrize("plugin", [pytest.param(one, marks=needs(one)) for one in PLUGINS])
def test_images_are_made_and_checked_beside(repository: Repository, plugin: str, options: list[str]) -> None:
    made = run(repository, plugin, "jobs", "--comfy-json=events.jsonl", *options)
    events = [json.loads(line) for line in (repository.path / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    repository.image("kin_elf").unlink()
    checked = run(repository, plugin, "jobs", "--comfy-check", *options)

    assert (made.ret, checked.ret) == (0, 1)
    assert "images: 2 generated" in made.stdout.str()
    assert events[-1]["images"] == {"generated": 2}
    assert "images: 1 current, 1 missing" in checked.stdout.str()
    assert "[missing] jobs/kins.comfyjob.yaml:6:" in checked.stdout.str()


# --- pytest-html ------------------------------------------------------------------------------------------------------


@needs("html")
@pytest.mark.parametrize("options", [[], ["-n2"]], ids=["alone", "workers"])
def test_the_html_report_shows_each_picture(repository: Repository, options: list[str]) -> None:
    run(repository, "html", "jobs", *options)

    assert pictures(repository) == {"kin_dwarf": 1, "kin_elf": 1}


@needs("html")
def test_the_html_report_shows_what_stands_there_when_it_failed(repository: Repository) -> None:
    run(repository, "html", "jobs")
    repository.edit_job("steps: 2", "steps: 3")
    repository.image("kin_elf").unlink()

    assert run(repository, "html", "jobs", "--comfy-check").ret == 1
    assert pictures(repository) == {"kin_dwarf": 1, "kin_elf": 0}


@needs("html")
def test_the_html_report_shows_sketches(repository: Repository) -> None:
    run(repository, "html", "jobs", "--comfy-sketch")

    assert not repository.image("kin_elf").exists()
    assert pictures(repository) == {"kin_dwarf": 1, "kin_elf": 1}


def pictures(repository: Repository) -> dict[str, int]:
    """How many pictures the report has for each image."""
    page = (repository.path / "report.html").read_text(encoding="utf-8")
    blob = re.search(r'data-jsonblob="([^"]*)"', page)
    assert blob
    tests = json.loads(blob[1].replace("&#34;", '"').replace("&#39;", "'").replace("&amp;", "&"))["tests"]
    return {
        item.rpartition("::")[2]: sum(
            extra["content"].startswith("data:image/webp;base64,") for one in found for extra in one["extras"]
        )
        for item, found in tests.items()
    }


# --- those that draw the terminal -------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="a terminal as POSIX has it")
@pytest.mark.parametrize(
    ("plugin", "end"),
    [
        pytest.param("sugar", "images: 2 generated", marks=needs("sugar")),
        pytest.param("rich", "SUCCEEDED", marks=needs("rich")),  # it shows no plugin's lines at the end
    ],
)
def test_who_draws_the_terminal_draws_it_alone(repository: Repository, plugin: str, end: str) -> None:
    environment = os.environ | {"TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "pytest", *words(plugin), "jobs"]

    seen = run_in_terminal(command, repository.path, environment)

    assert seen.returncode == 0
    assert end in seen.written
    assert repository.image("kin_elf").is_file()
    assert not re.search(r"\[1/2\] kin_", seen.written)


# --- those that decide what runs --------------------------------------------------------------------------------------


@needs("rerunfailures")
@pytest.mark.parametrize("options", [[], ["-n2"]], ids=["alone", "workers"])
def test_an_image_that_is_run_again_counts_once(repository: Repository, options: list[str]) -> None:
    repository.write("conftest.py", FAILS_FIRST)

    result = run(
        repository, "rerunfailures", "jobs", "--comfy-json=events.jsonl", "--comfy-summary=images.md", *options
    )

    result.assert_outcomes(passed=2)
    assert "images: 2 generated" in result.outlines
    events = [json.loads(line) for line in (repository.path / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [one["outcome"] for one in events if "item" in one] == ["generated", "generated"]
    assert "2 generated." in (repository.path / "images.md").read_text(encoding="utf-8")


@needs("randomly")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", [[], ["-n2"]], ids=["alone", "workers"])
def test_what_is_made_from_another_image_comes_after_it_in_any_order(
    repository: Repository, seed: int, options: list[str]
) -> None:
    repository.write("jobs/kins.comfyjob.yaml", CHAIN)

    result = run(repository, "randomly", "jobs", f"--randomly-seed={seed}", *options)

    assert "images: 3 generated" in result.outlines


@needs("randomly")
def test_no_seed_of_an_image_hangs_on_the_order(repository: Repository) -> None:
    run(repository, "randomly", "jobs", "--randomly-seed=1")

    assert "images: 2 current" in run(repository, "randomly", "jobs", "--randomly-seed=2").outlines


@needs("pytest-split")
def test_the_groups_of_a_split_make_every_image_once(repository: Repository) -> None:
    lines = [run(repository, "pytest-split", "jobs", "--splits=2", f"--group={number}").outlines for number in (1, 2)]

    assert ["images: 1 generated" in one for one in lines] == [True, True]
    checked = run(repository, "pytest-split", "jobs", "--comfy-check", "--splits=2", "--group=1")
    assert "images: 1 current" in checked.outlines


@needs("timeout")
def test_an_image_that_takes_too_long_fails_alone(repository: Repository) -> None:
    repository.write(
        "conftest.py",
        "import time\n\ndef pytest_comfygen_before_submit(job, graph):\n"
        "    time.sleep(30 if job.name == 'kin_dwarf' else 0)\n",
    )

    result = run(repository, "timeout", "jobs", "--timeout=5")

    assert "images: 1 generated, 1 failed" in result.outlines
    result.stdout.fnmatch_lines(["*Timeout*5.0s*"])

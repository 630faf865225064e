"""What the tests of the whole plugin share: a small repository with jobs and unit tests, and a ComfyUI to use."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np  # noqa: F401  # it cannot be loaded a second time, as the inner runs would
import pytest

import pytest_comfygen
from pytest_comfygen.engine.server import sketch_server
from tests.comfyui.machine import Machine, build_world, machine_in, moved
from tests.repository import Repository
from tests.workers import copied_workers

# All rooms, once: pytester forgets what a run inside a test has loaded, and the next one would load it again.
for module in pkgutil.walk_packages(pytest_comfygen.__path__, "pytest_comfygen."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

hypothesis.settings.register_profile("patient", deadline=None)  # a busy machine may take its time
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def inner_temp(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where inner runs have their temporary directories: in the usual place, they would tidy up after all others."""
    return str(tmp_path_factory.mktemp("inner"))


@pytest.fixture(scope="session", autouse=True)
def quick_workers() -> Iterator[None]:
    """The workers of inner runs do not load again what all of them load."""
    with copied_workers():
        yield


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, inner_temp: str) -> None:
    """Neither the desk's settings nor CI's shape what the inner runs do."""
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", inner_temp)
    for name in ("CI", "PYTEST_ADDOPTS", "COLUMNS", *(name for name in os.environ if name.startswith("COMFYGEN_"))):
        if not name.startswith("COMFYGEN_TEST_"):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COMFYGEN_INSTALL", "never")  # no test may clone ComfyUI by accident


@pytest.fixture
def repository(pytester: pytest.Pytester) -> Repository:
    """A small repository with two images and two unit tests."""
    return Repository(pytester)


@pytest.fixture(scope="session")
def sketch_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running stand-in, used as a ComfyUI that somebody else started."""
    log = tmp_path_factory.mktemp("sketch") / "log"
    with sketch_server(log, os.environ, timeout_s=60) as url:
        yield url


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where repositories lie that tests begin with a copy of."""
    return tmp_path_factory.mktemp("templates")


@pytest.fixture
def made(repository: Repository, templates: Path, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The repository with its two images made."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.begin(templates / "made", lambda: repository.run("jobs").assert_outcomes(passed=2))
    return repository


@pytest.fixture
def machine(repository: Repository, tmp_path: Path) -> Iterator[Machine]:
    """The repository on a machine where no ComfyUI is installed, and all that it can be installed from."""
    with machine_in(repository, build_world(tmp_path / "world")) as made:
        yield made


@pytest.fixture(scope="session")
def _installed_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world and what was installed from it, to be copied: an installation takes seconds."""
    template = tmp_path_factory.mktemp("machine")
    world = build_world(template / "world")
    world.ensure(world.with_(directory=template / "tools" / "ComfyUI"))
    return template


@pytest.fixture
def ready_machine(repository: Repository, _installed_template: Path, tmp_path: Path) -> Iterator[Machine]:
    """The repository on a machine where ComfyUI is installed and has the checkpoint that the images need."""
    with machine_in(repository, moved(_installed_template, tmp_path / "world", repository.path / "tools")) as made:
        made.add_checkpoint()
        yield made

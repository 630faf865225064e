"""What the tests of the whole plugin share: a small repository with job files and unit tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import pytest_comfygen.plugin.collect  # noqa: F401  # all rooms, once: pytester would load them again for each run
from pytest_comfygen.engine.server import sketch_server
from tests.repository import Repository


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the desk's settings nor CI's shape what the inner runs do."""
    for name in ("CI", "PYTEST_ADDOPTS", "COLUMNS", *(name for name in os.environ if name.startswith("COMFYGEN_"))):
        if name not in ("COMFYGEN_TEST_URL", "COMFYGEN_TEST_REPO"):
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


@pytest.fixture
def made(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The repository with its two images made."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.run("jobs").assert_outcomes(passed=2)
    return repository

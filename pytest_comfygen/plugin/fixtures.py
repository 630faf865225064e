"""The fixtures: each a few lines around a context manager that works without pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen.plugin.session import session_of
from pytest_comfygen.settings import Settings

if TYPE_CHECKING:
    from pytest_comfygen.engine.client import ComfyClient
    from pytest_comfygen.engine.install import Install
    from pytest_comfygen.records import JobResult, ServerInfo

__all__ = ["comfy_client", "comfy_generate", "comfy_install", "comfy_server", "comfy_settings"]


@pytest.fixture(scope="session")
def comfy_settings(pytestconfig: pytest.Config) -> Settings:
    """The settings of this run: `--comfy-…`, `COMFYGEN_…`, ini `comfy_…`, defaults."""
    return session_of(pytestconfig).settings


@pytest.fixture(scope="session")
def comfy_install(pytestconfig: pytest.Config, comfy_settings: Settings) -> Install:
    """ComfyUI in `--comfy-dir`, installed or brought to its pin when the settings allow it."""
    return session_of(pytestconfig).work.desk(comfy_settings).machine.install()


@pytest.fixture(scope="session")
def comfy_server(request: pytest.FixtureRequest, comfy_settings: Settings) -> Iterator[ServerInfo]:
    """The ComfyUI server that makes this run's pictures; skips what asks for it in a run that only verifies."""
    if comfy_settings.makes_nothing:
        pytest.skip(
            "this run makes no picture (--comfy-check, --comfy-adopt, or CI); to make some: --comfy-update stale"
        )
    with session_of(request.config).work.desk(comfy_settings).serving(request) as server:
        yield server


@pytest.fixture(scope="session")
def comfy_client(
    pytestconfig: pytest.Config, comfy_server: ServerInfo, comfy_settings: Settings
) -> Iterator[ComfyClient]:
    """A client of `comfy_server`."""
    with session_of(pytestconfig).work.desk(comfy_settings).client_of(comfy_server) as client:
        yield client


@pytest.fixture
def comfy_generate(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., JobResult]:
    """Make a picture in a Python test: `comfy_generate(prompt="a dwarf", checkpoint="sd15.safetensors").path`.

    Takes the keys of a job file's item. Skips, with the command to type, in a run that does not ask for images.
    """
    from pytest_comfygen.plugin.pictures import PictureMaker  # noqa: PLC0415  # a run that makes nothing must not pay

    return PictureMaker.for_test(request, tmp_path)

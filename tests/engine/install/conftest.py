"""Worlds to install from, ready made: a real installation takes seconds, so it is made once and copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.engine.install.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world with a stand-in for uv, in which nothing is installed yet."""
    built = World(tmp_path / "world").build()
    built.add_uv()
    return built


@pytest.fixture(scope="session")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> World:
    built = World(tmp_path_factory.mktemp("template") / "world").build()
    built.add_uv()
    built.ensure()
    return built


@pytest.fixture
def installed(_installed: World, tmp_path: Path) -> World:
    """A world in which ComfyUI is installed."""
    copy = World(tmp_path / "world")
    shutil.copytree(_installed.root, copy.root, symlinks=True)
    for config in copy.root.rglob("*/.git/config"):
        config.write_text(config.read_text().replace(str(_installed.root), str(copy.root)))
    record = copy.ours / "record.json"
    record.write_text(record.read_text().replace(str(_installed.root), str(copy.root)))
    return copy

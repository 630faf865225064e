"""To import this is to load pytest, its plugins and our rooms.

It happens within a run of pytest, whose import hook takes notice of the modules of plugins.
"""

from __future__ import annotations

import importlib
import io
import os
import pkgutil
from contextlib import redirect_stderr, redirect_stdout

import pytest

from tests.repository import PLAIN

__all__ = ["ROOMS", "load_rooms"]

ROOMS = ("language", "engine", "outputs", "flows", "plugin")


def load_rooms() -> None:
    """Import all modules of our rooms."""
    for room in ROOMS:
        package = importlib.import_module(f"pytest_comfygen.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


class _Loading:
    def pytest_sessionstart(self) -> None:
        load_rooms()
        pytest.exit("all is loaded", returncode=0)


with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
    pytest.main([*PLAIN, "-p", "no:cacheprovider", "-c", os.devnull], plugins=[_Loading()])

"""For this repository's own tests: `pytester` runs pytest inside pytest."""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest

pytest_plugins = ["pytester"]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing that is collected is garbage, and to look for some takes a third of the time, in each worker."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()

"""What the package shows to the outside."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pytest_comfygen


@pytest.mark.parametrize("name", pytest_comfygen.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(pytest_comfygen, name)


def test_the_public_names_are_sorted() -> None:
    assert sorted(pytest_comfygen.__all__) == list(pytest_comfygen.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = pytest_comfygen.nothing


def test_importing_the_package_imports_no_room() -> None:
    program = (
        "import sys, pytest_comfygen; print([name for name in sys.modules if name.startswith('pytest_comfygen.')])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"

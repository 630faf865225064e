"""Packages whose names are loaded when they are first asked for, from the module that has them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module

__all__ = ["from_families"]


def from_families(package: str, families: Sequence[str]) -> Callable[[str], object]:
    """The `__getattr__` of a package.

    :param families: its modules, in the order in which a run needs them; each says in `__all__` what it has.
    """

    def load(name: str) -> object:
        for family in families:
            module = import_module(f"{package}.{family}")
            if name in module.__all__:
                found: object = getattr(module, name)
                setattr(sys.modules[package], name, found)
                return found
        msg = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(msg)

    return load

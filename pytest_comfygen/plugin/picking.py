"""`--comfy-pick kin_dwarf=3`: the items that a candidate is picked for, and nothing else."""

from __future__ import annotations

import pytest

from pytest_comfygen.errors import SettingsError
from pytest_comfygen.plugin.collect import ComfyItem
from pytest_comfygen.plugin.options import usage_error
from pytest_comfygen.plugin.session import session_of
from pytest_comfygen.settings import Settings

__all__ = ["keep_picked", "picked_number"]


def keep_picked(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave only the items that were named, each by its name or id.

    :raises pytest.UsageError: a name means no item, or several.
    """
    images = [item for item in items if isinstance(item, ComfyItem)]
    kept = [_item(name, images) for name in _picked(session_of(config).settings)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _item(name: str, images: list[ComfyItem]) -> ComfyItem:
    found = [item for item in images if _is_called(item, name)]
    if not found:
        raise usage_error(SettingsError(f"--comfy-pick: no item is called {name}"))
    if len(found) > 1:
        ids = ", ".join(item.nodeid for item in found)
        raise usage_error(SettingsError(f"--comfy-pick: {name} means several items", hint=f"write one of {ids}"))
    return found[0]


def picked_number(item: ComfyItem) -> int:
    """The number of the candidate that was picked for an item; where it was named twice, the last one."""
    numbers = _picked(session_of(item.config).settings)
    return next(number for name, number in reversed(numbers.items()) if _is_called(item, name))


def _picked(settings: Settings) -> dict[str, int]:
    """The number of the candidate by what the item is called."""
    return {name: int(number) for name, _, number in (one.rpartition("=") for one in settings.pick)}


def _is_called(item: ComfyItem, name: str) -> bool:
    return name in (item.name, item.nodeid, item.job.id)

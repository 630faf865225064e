"""What reads the keys of an item that stand elsewhere than in a job file; loaded by the first run that has some."""

from __future__ import annotations

from pydantic import TypeAdapter

from pytest_comfygen.language.schema.items import Item, Keys

__all__ = ["ROW"]

ROW: TypeAdapter[Keys] = TypeAdapter(Item)

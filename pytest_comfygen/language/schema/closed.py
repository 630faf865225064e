"""What every mapping of a job file is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CLOSED", "Closed", "key", "said"]

CLOSED = ConfigDict(strict=True, extra="forbid")


def key(description: str, *examples: object, default: object = None) -> Any:  # noqa: ANN401  # as pydantic's own Field
    """A key that may be left out. `default` is what then happens, for people; the value itself stays None."""
    return Field(default=None, **_described(description, examples, default))


def said(description: str, *examples: object, default: object = None) -> Any:  # noqa: ANN401  # as above
    """What `key` says of one, of a key in a typed mapping: those have no values of their own that could be None."""
    return Field(**_described(description, examples, default))


def _described(description: str, examples: tuple[object, ...], default: object) -> dict[str, Any]:
    extra = {} if default is None else {"default": default}
    return {"description": description, "examples": list(examples) or None, "json_schema_extra": extra}


class Closed(BaseModel):
    """A mapping that allows its own keys and no others.

    `NEVER` names the keys that people look for and the language does without, with what to do instead.
    """

    model_config = CLOSED | ConfigDict(frozen=True, defer_build=True)
    NEVER: ClassVar[Mapping[str, str]] = MappingProxyType({})

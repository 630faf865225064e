"""What every mapping of a job file is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CLOSED", "Closed", "key"]

CLOSED = ConfigDict(strict=True, extra="forbid")


def key(description: str, *examples: object, default: object = None) -> Any:  # noqa: ANN401  # as pydantic's own Field
    """A key that may be left out. `default` is what then happens, for people; the value itself stays None."""
    extra: Any = {} if default is None else {"default": default}
    return Field(default=None, description=description, examples=list(examples) or None, json_schema_extra=extra)


class Closed(BaseModel):
    """A mapping that allows its own keys and no others.

    `NEVER` names the keys that people look for and the language does without, with what to do instead.
    """

    model_config = CLOSED | ConfigDict(frozen=True, defer_build=True)
    NEVER: ClassVar[Mapping[str, str]] = MappingProxyType({})

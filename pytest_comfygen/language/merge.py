"""An item's keys over the defaults'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pytest_comfygen.language.schema import Keys, Verify

__all__ = ["merged"]

_Own = TypeVar("_Own", bound=Keys)


def merged(defaults: Keys, own: _Own) -> _Own:
    """The keys that hold for an item.

    Its own key wins, and an explicit null takes the default away; `vars`, `verify` and `set` merge key by key by the
    same rule; its tags are added to the defaults'.
    """
    values, written = vars(defaults), own.model_fields_set
    update: dict[str, Any] = {key: values[key] for key in defaults.model_fields_set if key not in written}
    for key, join in _JOINED.items():
        if key in written and (inherited := values[key]) is not None and (mine := getattr(own, key)) is not None:
            update[key] = join(inherited, mine)
    return own.model_copy(update=update) if update else own


def _join_verify(inherited: Verify, mine: Verify) -> Verify:
    return inherited.model_copy(update={key: getattr(mine, key) for key in mine.model_fields_set})


_JOINED: dict[str, Callable[[Any, Any], object]] = {
    "vars": lambda inherited, mine: {**inherited, **mine},
    "set": lambda inherited, mine: {**inherited, **mine},
    "verify": _join_verify,
    "tags": lambda inherited, mine: [*inherited, *mine],
}

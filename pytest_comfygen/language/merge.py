"""An item's keys over the defaults'."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from pytest_comfygen.language.schema import Keys, Verify

__all__ = ["merged"]

_Own = TypeVar("_Own", bound=Keys)


def merged(defaults: Keys, own: _Own) -> _Own:
    """The keys that hold for an item.

    Its own key wins, and an explicit null takes the default away; `vars`, `verify` and `set` merge key by key by the
    same rule; its tags are added to the defaults'.
    """
    below, above = cast("Mapping[str, Any]", defaults), cast("Mapping[str, Any]", own)
    both = {**below, **above}
    for key in _JOINED.keys() & above.keys():
        if (inherited := below.get(key)) is not None and (mine := above[key]) is not None:
            both[key] = _JOINED[key](inherited, mine)
    return cast("_Own", both)


def _join_verify(inherited: Verify, mine: Verify) -> Verify:
    return inherited.model_copy(update={key: getattr(mine, key) for key in mine.model_fields_set})


_JOINED: dict[str, Callable[[Any, Any], object]] = {
    "vars": lambda inherited, mine: {**inherited, **mine},
    "set": lambda inherited, mine: {**inherited, **mine},
    "verify": _join_verify,
    "tags": lambda inherited, mine: [*inherited, *mine],
}

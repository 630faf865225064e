"""What `-k` and `-m` want: something, or only not something else."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["is_positive"]

_OPERATORS = frozenset(("and", "or", "not"))
_WORD = re.compile(r"\(|\)|[^\s()]+")
_MARK_WITH_ARGUMENTS = re.compile(r"([^\s()]+)\([^()]*\)")


def is_positive(expression: str) -> bool:
    """Whether a `-k` or `-m` expression wants something: it is false for an item with no name and no mark.

    `kin_dwarf` and `portrait and not draft` are positive, `not slow` is not. What pytest would not understand is not
    positive either: pytest says so itself.
    """
    bare = _MARK_WITH_ARGUMENTS.sub(lambda found: found[0] if found[1] in _OPERATORS else found[1], expression)
    return _evaluate(_WORD.findall(bare))


def _evaluate(words: Sequence[str]) -> bool:
    """True when the expression is well formed and false for the item without name and mark."""
    try:
        value, rest = _either(list(words))
    except IndexError:
        return False
    return not rest and not value


def _either(words: list[str]) -> tuple[bool, list[str]]:
    value, rest = _both(words)
    while rest and rest[0] == "or":
        other, rest = _both(rest[1:])
        value = value or other
    return value, rest


def _both(words: list[str]) -> tuple[bool, list[str]]:
    value, rest = _one(words)
    while rest and rest[0] == "and":
        other, rest = _one(rest[1:])
        value = value and other
    return value, rest


def _one(words: list[str]) -> tuple[bool, list[str]]:
    head, rest = words[0], words[1:]
    if head == "not":
        value, rest = _one(rest)
        return not value, rest
    if head == "(":
        value, rest = _either(rest)
        return value, rest[1:]
    return False, rest

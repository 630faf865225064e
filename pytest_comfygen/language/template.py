"""Texts with `${name}` in them. Names are looked up; nothing is ever evaluated.

`$$` is a dollar sign, and so is a `$` that neither `{` nor another `$` follows: `a $5 coin` says what it seems to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from pytest_comfygen.errors import BadTemplate, TooLarge, UnknownVariable
from pytest_comfygen.records import Scalar

__all__ = [
    "MAX_CHARACTERS",
    "Template",
    "as_text",
    "fill",
    "is_variable_name",
    "sole_name",
    "unknown_variable",
    "used_names",
]

MAX_CHARACTERS = 100_000

_NAME = re.compile(r"[^\W\d][\w-]*")
_PLACEHOLDER = re.compile(r"\$(?:\$|\{(?P<name>[^\W\d][\w-]*)\}|\{(?P<other>[^{}$]*)(?P<end>\}?))")


def fill(text: str, variables: Mapping[str, Scalar]) -> str:
    """`text` with every `${name}` replaced by its value, which is taken as it is, in one pass.

    :raises JobFileError: unknown-variable, bad-template, too-large (more than `MAX_CHARACTERS`).
    """
    return Template(text).fill(variables) if "$" in text else text


class Template:
    """A text with `${name}` in it, taken apart once for the many items that share it.

    :raises JobFileError: bad-template.
    """

    __slots__ = ("_end", "_pieces")

    def __init__(self, text: str) -> None:
        pieces: list[tuple[str, str | None]] = []  # a text, and the name whose value follows it
        position = 0
        for match in _PLACEHOLDER.finditer(text):
            before = text[position : match.start()]
            pieces.append((f"{before}$", None) if match[0] == "$$" else (before, _name_of(match)))
            position = match.end()
        self._pieces = tuple(pieces)
        self._end = text[position:]

    def fill(self, variables: Mapping[str, Scalar]) -> str:
        """The text with every name's value, which is taken as it is.

        :raises JobFileError: unknown-variable, too-large (more than `MAX_CHARACTERS`).
        """
        filled = ""
        for text, name in self._pieces:
            filled += text if name is None else text + _value_of(name, variables)
            if len(filled) > MAX_CHARACTERS:
                raise TooLarge(f"the filled-in text is longer than {MAX_CHARACTERS:,} characters")
        return filled + self._end


def used_names(text: str) -> tuple[str, ...]:
    """The names that `text` uses, in order.

    :raises JobFileError: bad-template.
    """
    return tuple(_name_of(match) for match in _PLACEHOLDER.finditer(text) if match[0] != "$$")


def sole_name(text: str) -> str | None:
    """The name when `text` is one `${name}` and nothing else; such a text keeps its value's type."""
    match = _PLACEHOLDER.fullmatch(text)
    return _name_of(match) if match and match[0] != "$$" else None


def is_variable_name(text: str) -> bool:
    """Whether `${text}` can be written: letters, digits, `_` and `-`, beginning with a letter or `_`."""
    return _NAME.fullmatch(text) is not None


def unknown_variable(name: str, known: Iterable[str]) -> UnknownVariable:
    """The error for a name that nothing defines."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = (
        f"did you mean ${{{near[0]}}}?"
        if near
        else f"define it under `vars:`; known here: {', '.join(names) or 'none'}"
    )
    return UnknownVariable(f"nothing defines ${{{name[:60]}}}", hint=hint)


def _value_of(name: str, variables: Mapping[str, Scalar]) -> str:
    if name not in variables:
        raise unknown_variable(name, variables)
    value = variables[name]
    return value if isinstance(value, str) else as_text(value)


def _name_of(match: re.Match[str]) -> str:
    name = match["name"]
    if name is None and match["end"]:
        hint = "write ${name} without spaces, or `$$` for a dollar sign"
        raise BadTemplate(f"${{{match['other'][:60]}}} holds no variable name", hint=hint)
    if name is None:
        raise BadTemplate("`${` is not closed by a `}`", hint="write ${name}, or `$${` for the characters themselves")
    return name


def as_text(value: Scalar) -> str:
    """A value as it stands in a text: `true` and `false` as YAML writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)

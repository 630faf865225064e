"""Prompts that leave a choice: `{a|b}`, and `__mood__` for a line of a file. An item's name decides, for ever.

These choices are frozen, as seeds are: a change would repaint every picture whose prompt they made.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from hashlib import sha256

from pytest_comfygen.errors import BadTemplate, TooLarge
from pytest_comfygen.language.template import MAX_CHARACTERS

__all__ = ["choose"]

MAX_LEVELS = 8

# `$$` and `${…}` are the template's; a wildcard's name has no two underscores in a row.
_TOKEN = re.compile(r"\$\$|\$\{[^{}]*\}|__(?P<wildcard>(?:[A-Za-z0-9-]+[_/])*[A-Za-z0-9-]+)__|(?P<brace>[{}|])")


def choose(text: str, name: str, key: str, *, braces: bool, lines: Callable[[str], Sequence[str]] | None) -> str:
    """`text` with every choice made.

    Each choice depends on the item's name, the key and the choice's number alone, so other choices may change around
    it; one more alternative at the end changes only the pictures that get it.

    :param name: the item's.
    :param key: `prompt` or `negative`.
    :param braces: whether `{a|b}` is a choice.
    :param lines: the lines of a wildcard, which are as good as alternatives; None when `__mood__` is plain text.
    :raises JobFileError: bad-template, too-large, and what `lines` raises.
    """
    normal = unicodedata.normalize("NFC", name)
    return _Chooser(f"{len(normal)}:{normal}\n{key}", braces=braces, lines=lines).resolve(text, "")


class _Chooser:
    """Makes the choices of one text."""

    def __init__(self, domain: str, *, braces: bool, lines: Callable[[str], Sequence[str]] | None) -> None:
        self._domain = domain
        self._braces = braces
        self._lines = lines

    def resolve(self, text: str, path: str) -> str:
        """A text without choices.

        :param path: the numbers of the choices around it, each after a dot.
        """
        found, position, number = "", 0, 0
        while match := _TOKEN.search(text, position):
            found += text[position : match.start()]
            position = match.end()
            here = f"{path}.{number}"
            if match["wildcard"] and self._lines:
                found += self._line(self._lines(match["wildcard"]), here)
                number += 1
            elif match["brace"] == "{" and self._braces:
                position, alternatives = _group(text, position)
                found += self._alternative(alternatives, here)
                number += 1
            elif match["brace"] == "}" and self._braces:
                raise BadTemplate("a `}` has no `{` before it", hint="write `{a|b}`, or leave `alternatives:` out")
            else:
                found += match[0]
            _check_length(found)
        return found + text[position:]

    def _alternative(self, alternatives: Sequence[str], path: str) -> str:
        """One of several, itself resolved; braces around a single text stay, and so does what is in them."""
        if len(alternatives) == 1:
            return f"{{{self.resolve(alternatives[0], path)}}}"
        return self.resolve(alternatives[self._choice(path, len(alternatives))], path)

    def _line(self, lines: Sequence[str], path: str) -> str:
        """A line of a wildcard; alternatives in it are chosen, other wildcards in it are plain text."""
        line = lines[self._choice(path, len(lines))]
        return _Chooser(self._domain, braces=self._braces, lines=None).resolve(line, path)

    def _choice(self, path: str, count: int) -> int:
        """Jump consistent hashing: from n to n + 1 alternatives, only one choice in n + 1 changes, and to the new one.

        Source: Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", arXiv:1406.2294.
        """
        digest = sha256(f"pytest-comfygen choice\n{self._domain}\n{path}".encode()).digest()
        key, found, following = int.from_bytes(digest[:8], "big"), 0, 0
        while following < count:
            found = following
            key = (key * 2862933555777941757 + 1) & (2**64 - 1)
            following = int((found + 1) * (2**31 / ((key >> 33) + 1)))
        return found


def _group(text: str, start: int) -> tuple[int, list[str]]:
    """Where a group ends, and its alternatives as written.

    :param start: behind the opening brace.
    """
    depth, position, begin = 1, start, start
    alternatives: list[str] = []
    while match := _TOKEN.search(text, position):
        position = match.end()
        brace = match["brace"]
        depth += {"{": 1, "}": -1}.get(brace or "", 0)
        if depth > MAX_LEVELS:
            raise BadTemplate(f"choices are nested more than {MAX_LEVELS} levels deep", hint="use fewer braces")
        if depth == 0 or (brace == "|" and depth == 1):
            alternatives.append(text[begin : match.start()])
            begin = position
        if depth == 0:
            return position, alternatives
    raise BadTemplate("a `{` is not closed by a `}`", hint="write `{a|b}`, or leave `alternatives:` out")


def _check_length(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise TooLarge(f"the prompt is longer than {MAX_CHARACTERS:,} characters with its choices made")

"""Strict JSON becomes a document, with a place for every key and value.

The standard library's parser gives no places, keeps the last of two equal keys and accepts NaN.
Source: RFC 8259.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections.abc import Iterator

from pytest_comfygen.errors import DuplicateKey, OutOfRange, SyntaxInvalid, TooDeep, TooLarge, Where
from pytest_comfygen.language.load.text import check_text, without_separators
from pytest_comfygen.language.load.tree import MAX_DEPTH, MAX_DIGITS, MAX_NODES, Document, Row, Spot, Table, Value

__all__ = ["parse_json"]

_SPACE = re.compile(r"[ \t\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z]+")
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None}


def parse_json(text: str, file: str) -> Document:
    """The JSON value in `text`; an empty text gives an empty document.

    :param file: the path as errors name it.
    :raises JobFileError: syntax, duplicate-key, too-deep, too-large, out-of-range (numbers no float can hold).
    """
    scanner = _Scanner(text, file)
    scanner.skip()
    spot = scanner.spot()
    root = scanner.value(0) if scanner.position < len(text) else None
    scanner.skip()
    if scanner.position < len(text):
        raise scanner.refuse("something follows after the end of the document")
    return Document(file, root, spot)


class _Scanner:
    """Reads one value after the other from a position that only moves forward."""

    def __init__(self, text: str, file: str) -> None:
        self.position = 0
        self._text = text
        self._file = file
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._nodes = 0

    def value(self, depth: int) -> Value:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise TooLarge(
                f"the document holds more than {MAX_NODES:,} values", where=self._where(), hint="split the file"
            )
        match self._text[self.position : self.position + 1]:
            case "{":
                return self._table(depth + 1)
            case "[":
                return self._row(depth + 1)
            case '"':
                return self._string()
            case "-" | "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9":
                return self._number()
        return self._word()

    def skip(self) -> None:
        match = _SPACE.match(self._text, self.position)
        if match:
            self.position = match.end()

    def spot(self) -> Spot:
        line = bisect_right(self._lines, self.position)
        return line, self.position - self._lines[line - 1] + 1

    def refuse(self, what: str, hint: str | None = None) -> SyntaxInvalid:
        return SyntaxInvalid(f"this is not JSON: {what}", where=self._where(), hint=hint)

    def _table(self, depth: int) -> Table:
        table = Table()
        for _ in self._entries("}", depth):
            key_spot = self.spot()
            if self._text[self.position : self.position + 1] != '"':
                raise self.refuse(
                    "a key in double quotes is missing here", "JSON has no comments and no trailing commas"
                )
            key = self._key(table)
            self.skip()
            if self._text[self.position : self.position + 1] != ":":
                raise self.refuse("a `:` is missing after the key")
            self.position += 1
            self.skip()
            spot = self.spot()
            table.put(key, self.value(depth), (*key_spot, *spot))
        return table

    def _key(self, table: Table) -> str:
        where = self._where()
        key = self._string()
        if key in table:
            first = Where(self._file, *table.marks[key][:2])
            raise DuplicateKey(f"the key {key[:60]!r} stands here again; it stood at {first}", where=where)
        return key

    def _row(self, depth: int) -> Row:
        row = Row()
        for _ in self._entries("]", depth):
            row.spots.append(self.spot())
            row.append(self.value(depth))
        return row

    def _entries(self, closing: str, depth: int) -> Iterator[None]:
        """Stop at the beginning of each entry between the brackets; the caller reads it."""
        if depth > MAX_DEPTH:
            raise TooDeep(f"the document is nested more than {MAX_DEPTH} levels deep", where=self._where())
        self.position += 1
        self.skip()
        if self._take(closing):
            return
        while True:
            yield
            self.skip()
            if self._take(closing):
                return
            if not self._take(","):
                raise self.refuse(f"a `,` or `{closing}` is missing here")
            self.skip()

    def _take(self, character: str) -> bool:
        found = self._text.startswith(character, self.position)
        self.position += found
        return found

    def _string(self) -> str:
        match = _STRING.match(self._text, self.position)
        if not match:
            raise self.refuse("this text has no end, a line break or an unknown escape in it")
        token = match[0]
        where = self._where()
        self.position = match.end()
        if "\\" not in token:
            return token[1:-1]
        text: str = json.loads(token)
        check_text(without_separators(text), where)  # an escape can say what the file itself may not hold
        return text

    def _number(self) -> int | float:
        match = _NUMBER.match(self._text, self.position)
        if not match:
            raise self.refuse("a digit is missing after `-`")
        token = match[0]
        if len(token) > MAX_DIGITS:
            raise OutOfRange(f"a number of {len(token)} digits is too long", where=self._where())
        number = float(token) if match["fraction"] or match["exponent"] else int(token)
        if not math.isfinite(number):
            raise OutOfRange(f"{token} is larger than any number that can be used", where=self._where())
        self.position = match.end()
        return number

    def _word(self) -> Value:
        match = _WORD.match(self._text, self.position)
        if match and match[0] in _WORDS:
            self.position = match.end()
            return _WORDS[match[0]]
        found = match[0] if match else self._text[self.position : self.position + 1]
        what = f"{found[:60]!r} is not a JSON value" if found else "the text ends where a value is missing"
        raise self.refuse(what, "JSON knows true, false, null, numbers, and texts in double quotes")

    def _where(self) -> Where:
        return Where(self._file, *self.spot())

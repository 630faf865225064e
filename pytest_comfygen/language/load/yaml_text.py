"""YAML events become a document: YAML 1.2 core scalars, no surprises, bounded work.

PyYAML's composer and constructor are left out on purpose: they overflow the C stack on deep nesting, keep the last of
two equal keys, expand merge bombs, and read scalars as YAML 1.1 does (`no` as false, `1:30` as 90).
Source: yaml.org/spec/1.2.2, chapter 10.3 "Core Schema".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import yaml

from pytest_comfygen.errors import (
    AliasRecursive,
    DuplicateKey,
    JobFileError,
    MergeKey,
    OutOfRange,
    SeveralDocuments,
    SyntaxInvalid,
    TabFound,
    TagRefused,
    TooDeep,
    TooLarge,
    Where,
    WrongType,
)
from pytest_comfygen.language.load.text import check_text
from pytest_comfygen.language.load.tree import MAX_DEPTH, MAX_DIGITS, MAX_NODES, Document, Row, Spot, Table, Value

__all__ = ["parse_yaml", "read_scalar"]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # exotic builds of PyYAML lack the C parser

# The C parser keeps the classes of the yaml module that first loaded it, and a process may load yaml again: pytester
# does, for each run inside a test. So classes are taken from where the parser takes them.
_yaml: Any = getattr(getattr(yaml, "_yaml", None), "yaml", yaml)

# ` #1 hero` was meant as text; a `#` after two spaces and before another is how people write a comment.
_COMMENT = re.compile(r"(?<![ \t])[ \t]#|[ \t]+#(?=[^\s#])")
_SPECIAL_FIRST = frozenset("0123456789+-.~nNtTfF")
_SPECIAL = re.compile(
    r"(?P<null>null|Null|NULL|~)"
    r"|(?P<true>true|True|TRUE)|(?P<false>false|False|FALSE)"
    r"|(?P<int>[-+]?[0-9]+)|0o(?P<octal>[0-7]+)|0x(?P<hexadecimal>[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<infinity>[-+]?\.(?:inf|Inf|INF))|(?P<nan>\.(?:nan|NaN|NAN))"
)
_READ: dict[str, Callable[[str], Value]] = {
    "null": lambda _: None,
    "true": lambda _: True,
    "false": lambda _: False,
    "int": int,
    "octal": lambda digits: int(digits, 8),
    "hexadecimal": lambda digits: int(digits, 16),
    "float": float,
    "infinity": lambda text: float(text.replace(".", "")),
    "nan": lambda _: float("nan"),
}

# What the parser says, and what the writer of the file most likely has to do about it.
_SYNTAX_HINTS = (
    ("mapping values are not allowed", "put a text that holds `: ` in quotes"),
    ("cannot start any token", "put a text that begins with this character in quotes"),
    (
        "did not find expected ','",
        "close the bracket; inside { } and [ ], put texts with `${…}`, `,` or brackets in quotes",
    ),
    ("unexpected end of stream", "close the quotes"),
    ("unknown escape", "write a backslash as two, or use single quotes"),
    ("could not find expected ':'", "indent the lines of a long text, or put `|` before it"),
    ("did not find expected key", "indent this line like the keys around it"),
)


def parse_yaml(text: str, file: str) -> Document:
    """The one document in `text`.

    :param file: the path as errors name it.
    :raises JobFileError: syntax, tab, duplicate-key, too-deep, too-large, recursive-alias, merge-key, yaml-tag,
        several-documents, out-of-range (absurdly long numbers).
    """
    builder = _Builder(text, file)
    loader = _Loader(text)
    try:
        _feed(loader, builder)
    except _yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file) from None
    except _yaml.YAMLError as error:
        raise SyntaxInvalid(f"this is not YAML: {error}", where=Where(file)) from None
    finally:
        loader.dispose()
    return Document(file, builder.root, builder.spot, frozenset(builder.commented))


def read_scalar(text: str) -> Value:
    """What YAML takes a plain text for: a number, a truth value, null, or the text itself."""
    match = _SPECIAL.fullmatch(text) if len(text) <= MAX_DIGITS else None
    kind = match.lastgroup if match else None
    return _READ[kind](match[kind]) if match and kind else text


def _feed(loader: Any, builder: _Builder) -> None:  # noqa: ANN401  # PyYAML's loaders share no typed parent
    """Events are pulled one by one, so a refusal comes before the rest of the text is even scanned."""
    actions: dict[type, Callable[[Any], None]] = {
        _yaml.ScalarEvent: builder.scalar,
        _yaml.MappingStartEvent: builder.open_table,
        _yaml.SequenceStartEvent: builder.open_row,
        _yaml.MappingEndEvent: builder.close,
        _yaml.SequenceEndEvent: builder.close,
        _yaml.AliasEvent: builder.alias,
        _yaml.DocumentStartEvent: builder.document,
    }
    while event := loader.get_event():  # None behind the last one
        if action := actions.get(type(event)):
            action(event)


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str) -> JobFileError:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "it cannot be read"
    if mark is None:
        return SyntaxInvalid(f"this is not YAML: {problem}", where=Where(file))
    lines = text.split("\n", mark.line + 1)
    line = lines[mark.line] if mark.line < len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    if line[mark.column : mark.column + 1] == "\t" or "\t" in indent:
        return TabFound("a tab stands where YAML wants spaces", where=Where(file, mark.line + 1, line.index("\t") + 1))
    hint = next((hint for words, hint in _SYNTAX_HINTS if words in problem), None)
    return SyntaxInvalid(f"this is not YAML: {problem}", where=Where(file, mark.line + 1, mark.column + 1), hint=hint)


# A mapping or list that is laid aside while one inside it is read: itself, its place, the key that it is at and where
# that stands, its anchor, how many nodes came before it, how many levels it has. Tuples are the fastest to make.
_Frame: TypeAlias = "tuple[Table | Row | None, Spot, str | None, Spot, str | None, int, int]"


class _Builder:
    """Puts the tree together, one event after the other.

    What is being read lies in attributes, for there may be a million mappings.
    """

    def __init__(self, text: str, file: str) -> None:
        self.root: Value = None
        self.spot: Spot = (1, 1)
        self.commented: list[Spot] = []
        self._text = text
        self._file = file
        self._may_have_comments = "#" in text
        self._outer: list[_Frame] = []
        self._node: Table | Row | None = None
        self._node_spot: Spot = (1, 1)
        self._key: str | None = None
        self._key_spot: Spot = (1, 1)
        self._anchor: str | None = None
        self._nodes_before = 0
        self._height = 0
        self._nodes = 0
        self._documents = 0
        self._anchors: dict[str, tuple[Value, int, int]] = {}  # name: value, nodes in it, levels in it

    def document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            raise SeveralDocuments("a second document begins here", where=self._where(_spot(event)))

    def scalar(self, event: Any) -> None:  # noqa: ANN401  # as for `_spot`, which is written out here and in `_open`
        mark = event.start_mark
        spot = (mark.line + 1, mark.column + 1)
        if event.tag is not None:
            raise self._tag_refused(event.tag, spot)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._too_large(spot)
        node = self._node
        if self._key is None and type(node) is Table:
            self._take_key(node, event, spot)
            return
        value = self._value(event, spot)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1, 0)
        self._add(value, spot)

    def open_table(self, event: yaml.MappingStartEvent) -> None:
        self._open(Table(), event)

    def open_row(self, event: yaml.SequenceStartEvent) -> None:
        self._open(Row(), event)

    def close(self, _event: yaml.Event) -> None:
        node, spot, height = self._node, self._node_spot, self._height
        if self._anchor:
            self._anchors[self._anchor] = (node, self._nodes - self._nodes_before, height)
        outer = self._outer.pop()
        self._node, self._node_spot, self._key, self._key_spot, self._anchor, self._nodes_before, above = outer
        self._height = above if above > height else height + 1
        self._add(node, spot)

    def alias(self, event: yaml.AliasEvent) -> None:
        spot = _spot(event)
        name = event.anchor
        if name not in self._anchors:
            if self._is_open(name):
                raise AliasRecursive(f"*{name} stands inside the value that it refers to", where=self._where(spot))
            raise SyntaxInvalid(f"*{name} refers to no `&{name}` above it", where=self._where(spot))
        value, nodes, height = self._anchors[name]
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self._too_large(spot)
        self._check_depth(len(self._outer) + height, spot)
        if self._key is None and type(self._node) is Table:
            raise self._key_refused(spot)
        self._height = max(self._height, height + 1)
        self._add(value, spot)

    def _open(self, node: Table | Row, event: Any) -> None:  # noqa: ANN401  # as above
        mark = event.start_mark
        spot = (mark.line + 1, mark.column + 1)
        if event.tag is not None:
            raise self._tag_refused(event.tag, spot)
        outer = self._node
        if self._key is None and type(outer) is Table:
            raise self._key_refused(spot)
        frame = (outer, self._node_spot, self._key, self._key_spot, self._anchor, self._nodes_before, self._height)
        self._outer.append(frame)
        self._check_depth(len(self._outer), spot)
        self._node, self._node_spot, self._key, self._height = node, spot, None, 1
        self._nodes_before = self._nodes
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._too_large(spot)
        self._anchor = event.anchor
        if event.anchor:
            self._anchors.pop(event.anchor, None)  # an anchor may be used again; from here on it is this one

    def _take_key(self, node: Table, event: yaml.ScalarEvent, spot: Spot) -> None:
        """Keys are text as written: `1`, `no` and `null` are names like any other."""
        key: str = event.value
        if key == "<<" and event.implicit[0]:
            raise MergeKey("the merge key `<<` is not part of YAML 1.2", where=self._where(spot))
        if key in node:
            first = Where(self._file, *node.marks[key][:2])
            raise DuplicateKey(f"the key {key[:60]!r} stands here again; it stood at {first}", where=self._where(spot))
        if event.anchor:
            self._anchors[event.anchor] = (key, 1, 0)
        self._key, self._key_spot = key, spot

    def _value(self, event: Any, spot: Spot) -> Value:  # noqa: ANN401  # as for `_spot`
        text: str = event.value
        if not event.implicit[0]:
            if event.style == '"':
                check_text(text, self._where(spot))  # an escape can say what the file itself may not hold
            return text
        if not text:
            return None
        if text[0] in _SPECIAL_FIRST and (match := _SPECIAL.fullmatch(text)):
            return self._special(match, spot)
        if self._may_have_comments and _COMMENT.match(self._text, event.end_mark.index):
            self.commented.append(spot)
        return text

    def _special(self, match: re.Match[str], spot: Spot) -> Value:
        kind = match.lastgroup
        assert kind is not None  # noqa: S101  # every branch of the pattern is a named group
        written = match[kind]
        if len(written) > MAX_DIGITS:
            hint = "put it in quotes if it is a text"
            raise OutOfRange(f"a number of {len(written)} digits is too long", where=self._where(spot), hint=hint)
        return _READ[kind](written)

    def _add(self, value: Value, spot: Spot) -> None:
        node, key = self._node, self._key
        if key is not None:
            assert type(node) is Table  # noqa: S101  # only mappings have keys
            node.put(key, value, self._key_spot + spot)
            self._key = None
        elif node is None:
            self.root, self.spot = value, spot
        else:
            assert type(node) is Row  # noqa: S101  # the parser gives a key before each value of a mapping
            node.append(value)
            node.spots.append(spot)

    def _too_large(self, spot: Spot) -> TooLarge:
        hint = "split the file, or use fewer aliases"
        return TooLarge(f"the document expands to more than {MAX_NODES:,} values", where=self._where(spot), hint=hint)

    def _check_depth(self, depth: int, spot: Spot) -> None:
        if depth > MAX_DEPTH:
            raise TooDeep(f"the document is nested more than {MAX_DEPTH} levels deep", where=self._where(spot))

    def _is_open(self, anchor: str | None) -> bool:
        return anchor in (self._anchor, *(frame[4] for frame in self._outer))

    def _where(self, spot: Spot) -> Where:
        return Where(self._file, *spot)

    def _tag_refused(self, tag: str, spot: Spot) -> TagRefused:
        return TagRefused(f"the tag {tag[:60]!r} is refused: a job file is plain data", where=self._where(spot))

    def _key_refused(self, spot: Spot) -> WrongType:
        return WrongType("a key must be a text, not a list, mapping or alias", where=self._where(spot))


def _spot(event: Any) -> Spot:  # noqa: ANN401  # events have marks; the stubs say that they may have none
    mark = event.start_mark
    return mark.line + 1, mark.column + 1

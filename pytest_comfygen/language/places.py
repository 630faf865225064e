"""Where the keys stand that shaped a job, also long after its file was read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

from pytest_comfygen.errors import Where
from pytest_comfygen.language.load import Document, Places, Row, Table, Value, parse

__all__ = ["JobPlaces", "Origin", "RowPlaces", "Steps"]

# The way to what an item is written in: ("items", "kin_elf"), ("from", 0) or ("matrix",).
Steps: TypeAlias = tuple[str | int, ...]

_MAKE_ITEMS = {"items", "from", "matrix"}


class Origin:
    """The document that jobs come from, of which they keep only the text.

    A document of ten thousand items is half a million small objects, and as long as they live, Python's garbage
    collector walks through them again and again. Few runs ever ask a job for a place; the first that does has the
    text parsed once more.
    """

    __slots__ = ("_document", "_inherited", "_shared", "_text", "file")

    def __init__(self, document: Document, text: str | None = None, inherited: Sequence[Origin] = ()) -> None:
        """
        :param text: what `document` was parsed from; None when it came from Python values.
        :param inherited: the files of defaults under this one, in rising order of precedence.
        """
        self.file = document.file
        self._text = text
        self._document: Document | None = document
        self._inherited = tuple(inherited)
        self._shared: tuple[Table, ...] | None = None

    def release(self) -> None:
        """Let go of the document, until somebody asks."""
        if self._text is not None:
            self._document = self._shared = None
        for one in self._inherited:
            one.release()

    def places_of(self, steps: Steps) -> tuple[Places, ...]:
        """The places of the keys of one item, of what it inherits, and of the files' own, in falling precedence."""
        inherited = tuple(one.shared_places() for one in reversed(self._inherited))
        root, shared = self._tables()
        return (Places(self.file, (*shared, _item(root, steps))), *inherited)

    def where(self, steps: Steps, *, of_key: bool = False) -> Where | None:
        """Where something stands in this file, or the nearest thing around it that exists.

        :param of_key: give the place of the last key instead of its value's.
        """
        return self._read().where(steps, of_key=of_key)

    def shared_places(self) -> Places:
        """The places of what holds for all items."""
        return Places(self.file, self._tables()[1])

    def _read(self) -> Document:
        if self._document is None:
            self._document = parse(self._text or "", self.file)
        return self._document

    def _tables(self) -> tuple[Table, tuple[Table, ...]]:
        root = _as_table(self._read().root)
        if self._shared is None:
            self._shared = (_without(root, {*_MAKE_ITEMS, "defaults"}), _as_table(root.get("defaults")))
        return root, self._shared


class JobPlaces(Mapping[str, Where]):
    """Where each key stands that shaped one job: its own before the defaults' before the file's."""

    __slots__ = ("_origin", "_steps")

    def __init__(self, origin: Origin, steps: Steps) -> None:
        self._origin = origin
        self._steps = steps

    def of_key(self, key: str) -> Where | None:
        """Where the key itself stands, rather than its value."""
        return next((where for places in self._found() if (where := places.of_key(key))), None)

    def around(self, key: str) -> Where | None:
        """Where a key's value stands, or what it is a part of: `loras` for `loras.0.model` of a LoRA in short form."""
        while "." in key and key not in self:
            key = key.rpartition(".")[0]
        return self.get(key)

    def _found(self) -> tuple[Places, ...]:
        return self._origin.places_of(self._steps)

    def __getitem__(self, key: str) -> Where:
        for places in self._found():
            if key in places:
                return places[key]
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key for places in self._found() for key in places))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class RowPlaces(JobPlaces):
    """The places of a job that a row or a combination makes: what it gives stands there."""

    __slots__ = ("_keys", "_where")

    def __init__(self, origin: Origin, steps: Steps, keys: Collection[str], where: Callable[[str], Where]) -> None:
        """
        :param keys: what the row gives, such as `seed` or `vars.subject`.
        :param where: the place of one of them.
        """
        super().__init__(origin, steps)
        self._keys = keys
        self._where = where

    def of_key(self, key: str) -> Where | None:
        """Where the key stands; what a row gives has none of its own."""
        return self._where(key) if key in self._keys else super().of_key(key)

    def __getitem__(self, key: str) -> Where:
        return self._where(key) if key in self._keys else super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._keys, *super().__iter__())))


def _item(root: Table, steps: Steps) -> Table:
    """What stands at an item; one that is only its prompt as if the prompt had a key."""
    holder: Value = root
    for step in steps[:-1]:
        holder = _inside(holder, step)
    tree = _inside(holder, steps[-1])
    if isinstance(tree, Table):
        return tree
    short = Table()
    if tree is not None and isinstance(holder, Table):
        line, column = holder.marks[str(steps[-1])][2:]
        short.put("prompt", tree, (line, column, line, column))
    return short


def _inside(tree: Value, step: str | int) -> Value:
    if isinstance(tree, Table):
        return tree[str(step)]
    assert isinstance(tree, Row)  # noqa: S101  # what is looked up here was validated
    assert isinstance(step, int)  # noqa: S101  # as above
    return tree[step]


def _as_table(tree: object) -> Table:
    return tree if isinstance(tree, Table) else Table()


def _without(tree: Table, keys: set[str]) -> Table:
    rest = Table()
    for key in tree:
        if key not in keys:
            rest.put(key, tree[key], tree.marks[key])
    return rest

"""Where the keys stand that shaped a job, also long after its file was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pytest_comfygen.errors import Where
from pytest_comfygen.language.load import Document, Places, Table, parse

__all__ = ["JobPlaces", "Origin"]


class Origin:
    """The document that jobs come from, of which they keep only the text.

    A document of ten thousand items is half a million small objects, and as long as they live, Python's garbage
    collector walks through them again and again. Few runs ever ask a job for a place; the first that does has the
    text parsed once more.
    """

    __slots__ = ("_document", "_file", "_shared", "_text")

    def __init__(self, document: Document, text: str | None = None) -> None:
        """:param text: what `document` was parsed from; None when it came from Python values."""
        self._file = document.file
        self._text = text
        self._document: Document | None = document
        self._shared: tuple[Table, ...] | None = None

    def release(self) -> None:
        """Let go of the document, until somebody asks."""
        if self._text is not None:
            self._document = self._shared = None

    def places_of(self, item: str) -> Places:
        """The places of one item's keys, the defaults' and the file's."""
        if self._document is None:
            self._document = parse(self._text or "", self._file)
        root = _as_table(self._document.root)
        if self._shared is None:
            self._shared = (_without(root, {"items", "defaults"}), _as_table(root.get("defaults")))
        return Places(self._file, (*self._shared, _item(_as_table(root.get("items")), item)))


class JobPlaces(Mapping[str, Where]):
    """Where each key stands that shaped one job: its own before the defaults' before the file's."""

    __slots__ = ("_item", "_origin")

    def __init__(self, origin: Origin, item: str) -> None:
        self._origin = origin
        self._item = item

    def of_key(self, key: str) -> Where | None:
        """Where the key itself stands, rather than its value."""
        return self._found().of_key(key)

    def around(self, key: str) -> Where | None:
        """Where a key's value stands, or what it is a part of: `loras` for `loras.0.model` of a LoRA in short form."""
        while "." in key and key not in self:
            key = key.rpartition(".")[0]
        return self.get(key)

    def _found(self) -> Places:
        return self._origin.places_of(self._item)

    def __getitem__(self, key: str) -> Where:
        return self._found()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())


def _item(items: Table, name: str) -> Table:
    """What stands at an item; one that is only its prompt as if the prompt had a key."""
    tree = items[name]
    if isinstance(tree, Table):
        return tree
    short = Table()
    if tree is not None:
        line, column = items.marks[name][2:]
        short.put("prompt", tree, (line, column, line, column))
    return short


def _as_table(tree: object) -> Table:
    return tree if isinstance(tree, Table) else Table()


def _without(tree: Table, keys: set[str]) -> Table:
    rest = Table()
    for key in tree:
        if key not in keys:
            rest.put(key, tree[key], tree.marks[key])
    return rest

"""Defaults that a job file takes over: from the files that it includes, and from those of its folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from pytest_comfygen.errors import FileMissing, IncludeCycle, JobFileError, TooLarge, Where
from pytest_comfygen.language import naming
from pytest_comfygen.language.load import Document, parse, read_text
from pytest_comfygen.language.merge import merged
from pytest_comfygen.language.places import Origin
from pytest_comfygen.language.schema import DefaultsDocument, ItemsDocument, Keys, ModelEntry, validate_defaults
from pytest_comfygen.records import relative

__all__ = ["FOLDER_FILE", "Inherited", "declared_in", "defaults_of", "inherited_by"]

FOLDER_FILE = "comfyjob.defaults.yaml"
MAX_FILES = 100
MAX_CHARACTERS = 4 * 1024 * 1024


class Inherited(NamedTuple):
    """A file of defaults."""

    document: Document
    parsed: DefaultsDocument
    origin: Origin


def inherited_by(file: Path, root: Path, document: Document, parsed: ItemsDocument) -> tuple[Inherited, ...]:
    """The files of defaults under a job file, in rising order of precedence.

    First those of its folders, from the repository's top down to its own; then those that it includes, in their order,
    each over what it includes itself.

    :param file: the job file, absolute, its folder resolved.
    :raises JobFileError: file-missing, include-cycle, too-large, or what is wrong with one of the files, in that file.
    """
    reader = _Reader(root)
    folders = [file.parent, *file.parent.parents]
    below = folders[: folders.index(root) + 1] if root in folders else [file.parent]
    own = (folder / FOLDER_FILE for folder in reversed(below))
    found = [reader.read(one, ()) for one in own if one.is_file()]
    found.append(reader.included(parsed.include or (), file.parent, document, ()))
    return tuple(chain.from_iterable(found))


def defaults_of(inherited: Iterable[Inherited], own: Keys | None) -> Keys:
    """The defaults of a job file over those that it takes over."""
    return reduce(merged, (layer for layer in (*(one.parsed.defaults for one in inherited), own) if layer), Keys())


def declared_in(
    inherited: Iterable[Inherited], document: Document, parsed: ItemsDocument
) -> Iterator[tuple[str, ModelEntry, Where | None]]:
    """Every declared model with its role and place, in rising order of precedence."""
    layers: list[tuple[Document, DefaultsDocument | ItemsDocument]] = [(one.document, one.parsed) for one in inherited]
    for where, layer in (*layers, (document, parsed)):
        for role, entry in (layer.models or {}).items():
            yield role, entry, where.where(("models", role, "file"))


class _Reader:
    """Reads files of defaults and what they include."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._count = self._characters = 0

    def included(
        self, paths: Sequence[str], home: Path, document: Document, under: tuple[Path, ...]
    ) -> Iterator[Inherited]:
        """What an `include:` names, each file after those that it includes.

        :param under: the files that led here.
        """
        for number, path in enumerate(paths):
            where = document.where(("include", number))
            try:
                file = naming.file_in(self._root, home, path)
                if not file.is_file():
                    shown = relative(file, self._root)
                    raise FileMissing(f"the file {shown} does not exist", hint=naming.sibling_hint(file))
                if file in under:
                    circle = " → ".join(relative(one, self._root) for one in (*under[under.index(file) :], file))
                    raise IncludeCycle(f"the includes go round in a circle: {circle}")
            except JobFileError as error:
                raise error.at(where) from None
            yield from self.read(file, under)

    def read(self, file: Path, under: tuple[Path, ...]) -> Iterator[Inherited]:
        """A file after those that it includes."""
        shown = relative(file, self._root)
        self._count += 1
        if self._count > MAX_FILES:
            message = f"the job file takes over more than {MAX_FILES} files of defaults"
            raise TooLarge(message, where=Where(shown), hint="include fewer files")
        try:
            naming.check_links(self._root, file)
        except JobFileError as error:
            raise error.at(Where(shown)) from None
        text = read_text(file, shown)
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            message = f"the files of defaults hold more than {MAX_CHARACTERS:,} characters together"
            raise TooLarge(message, where=Where(shown), hint="include fewer files")
        document = parse(text, shown)
        parsed = validate_defaults(document)
        yield from self.included(parsed.include or (), file.parent, document, (*under, file))
        yield Inherited(document, parsed, Origin(document, text))

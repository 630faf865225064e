"""A job file becomes jobs: the text is read, judged by the schema, and made concrete item by item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from pytest_comfygen.errors import ComfygenError, JobFileError, PromptCut, Where
from pytest_comfygen.language import naming
from pytest_comfygen.language.chains import linked
from pytest_comfygen.language.drafts import Draft
from pytest_comfygen.language.gathered import Gathered
from pytest_comfygen.language.include import Inherited, declared_in, defaults_of, inherited_by
from pytest_comfygen.language.index import index_of
from pytest_comfygen.language.load import Document, Mark, Table, document_of, parse, read_text
from pytest_comfygen.language.merge import merged
from pytest_comfygen.language.places import JobPlaces, Origin, Steps
from pytest_comfygen.language.problems import first_of
from pytest_comfygen.language.roles import declared_model
from pytest_comfygen.language.schema import ItemsDocument, JobDocument, Output, Server, validate
from pytest_comfygen.language.sources.answered import AskSource
from pytest_comfygen.language.surroundings import Surroundings
from pytest_comfygen.records import Job, JobFile, Model, ServerWish, relative

__all__ = ["load_job_file", "make_job"]


def load_job_file(path: Path, root: Path, ask: AskSource | None = None) -> JobFile:
    """The jobs of one file, in its order.

    :param path: absolute.
    :param root: the repository's top, absolute and resolved.
    :param ask: answers for sources that have only a name; without it, a file with such a source is source-unasked.
    :raises JobFileError: the first mistake by place, with the others of the same pass in `also`.
    """
    file = path.parent.resolve() / path.name
    shown = relative(file, root)
    try:
        naming.check_links(root, file)
    except JobFileError as error:
        raise error.at(Where(shown)) from None
    text = read_text(file, shown)
    document = parse(text, shown)
    parsed = validate(document)
    inherited = inherited_by(file, root, document, parsed)
    origin = Origin(document, text, [one.origin for one in inherited])
    expander = _Expander(document, parsed, origin, inherited, file=file, root=root, home=file.parent, ask=ask)
    index = index_of(parsed.output or Output(), document, root, file.parent)
    job_file = JobFile(path=file, jobs=expander.jobs(), warnings=expander.warnings(), index=index)
    origin.release()
    return job_file


def make_job(values: Mapping[str, object], *, name: str, root: Path, file: Path) -> Job:
    """One job from Python values with the keys of an item; its image is `<root>/<name>.png`.

    :param file: the Python file that asks, absolute; workflows are relative to it.
    :raises JobFileError: as for an item of a job file, but with no line.
    """
    shown = relative(file, root)
    document = document_of({"comfyjob": 1, "items": {name: values}}, shown)
    (job,) = _Expander(document, validate(document), Origin(document), (), file=file, root=root, home=root).jobs()
    return job


class _Expander:
    """The items of one file, one after the other, with what only becomes visible among several."""

    def __init__(  # noqa: PLR0913  # a document, what it inherits, and where both stand
        self,
        document: Document,
        parsed: ItemsDocument,
        origin: Origin,
        inherited: Sequence[Inherited],
        *,
        file: Path,
        root: Path,
        home: Path,
        ask: AskSource | None = None,
    ) -> None:
        self._document = document
        self._origin = origin
        self._parsed = parsed
        self._inherited = inherited
        self._defaults = defaults_of(inherited, parsed.defaults)
        self._items = parsed.items or {}
        rows = parsed if isinstance(parsed, JobDocument) else None
        self._sources = (rows and rows.sources) or []
        self._matrix = rows.matrix if rows else None
        self._around = Surroundings(
            file=file,
            root=root,
            home=home,
            output=parsed.output or Output(),
            models=self._models(),
            server=_wish(parsed.server or Server()),
            ask=ask,
        )

    def jobs(self) -> tuple[Job, ...]:
        """The jobs of `items`, then of each source, then of the matrix, each in its written order."""
        gathered = Gathered(self._around)
        for draft in chain(self._drafts(), self._made()):
            gathered.add(draft)
        return linked(gathered.jobs(empty=self._document.where(("from",)) or self._document.where(())))

    def _made(self) -> Iterator[Draft | JobFileError]:
        """What rows and combinations make."""
        if not self._sources and self._matrix is None:
            return
        from pytest_comfygen.language.matrix import MatrixEntry  # noqa: PLC0415  # few files have rows or combinations
        from pytest_comfygen.language.sources.entry import SourceEntry  # noqa: PLC0415  # as above

        for number, entry in enumerate(self._sources):
            yield from SourceEntry(entry, number, self._defaults, self._origin, self._around).drafts()
        if self._matrix is not None:
            yield from MatrixEntry(self._matrix, self._defaults, self._origin, self._around).drafts()

    def warnings(self) -> tuple[ComfygenError, ...]:
        """Prompts that a comment follows on their line, which YAML cut off unasked."""
        if not (self._document.commented or any(one.document.commented for one in self._inherited)):
            return ()
        holders: list[Steps] = [("defaults",), ("matrix",)]
        holders += [("from", number) for number in range(len(self._sources))]
        holders += [("items", name) for name in self._items]
        paths = [(*holder, *key) for holder in holders for key in ((), ("prompt",), ("negative",))]
        cut = list(_cut(self._document, paths))
        for one in self._inherited:
            cut += _cut(one.document, [("defaults", "prompt"), ("defaults", "negative")])
        return tuple(PromptCut("YAML takes the rest of this line, from ` #` on, for a comment", where=at) for at in cut)

    def _drafts(self) -> Iterator[Draft | JobFileError]:
        """What is written under `items`."""
        marks = _marks_of_items(self._document)
        for name, item in self._items.items():
            where = Where(self._document.file, *marks[name][:2])
            try:
                naming.check_name(name)
            except JobFileError as error:
                yield error.at(where)
            else:
                yield Draft(name, merged(self._defaults, item), where, JobPlaces(self._origin, ("items", name)))

    def _models(self) -> dict[str, Model]:
        models: dict[str, Model] = {}
        errors: list[JobFileError] = []
        for role, entry, where in declared_in(self._inherited, self._document, self._parsed):
            try:
                models[role] = declared_model(role, entry)
            except JobFileError as error:
                errors.append(error.at(where))
        if errors:
            raise first_of(errors)
        return models


def _cut(document: Document, paths: Iterable[Steps]) -> Iterable[Where]:
    """Where those of the texts at `paths` stand that a comment follows on their line, each once, in their order."""
    if not document.commented:
        return ()
    places = (document.where(path) for path in paths)
    return dict.fromkeys(at for at in places if at and (at.line, at.column) in document.commented)


def _wish(server: Server) -> ServerWish:
    nodes = server.custom_nodes or ()
    return ServerWish(server.url or (), server.start, tuple(server.args or ()), tuple(nodes))


def _marks_of_items(document: Document) -> Mapping[str, Mark]:
    assert isinstance(document.root, Table)  # noqa: S101  # the schema accepts nothing else
    items = document.root.get("items")
    return items.marks if isinstance(items, Table) else {}

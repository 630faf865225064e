"""A job file becomes jobs: the text is read, judged by the schema, and made concrete item by item."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_comfygen.errors import ComfygenError, JobFileError, OutputCollision, PromptCut, Where
from pytest_comfygen.language import naming
from pytest_comfygen.language.item import Surroundings, build_job
from pytest_comfygen.language.load import Document, Places, Table, document_of, read_document
from pytest_comfygen.language.merge import merged
from pytest_comfygen.language.problems import first_of
from pytest_comfygen.language.roles import declared_model
from pytest_comfygen.language.schema import Item, JobDocument, Keys, Output, Server, validate
from pytest_comfygen.records import Job, JobFile, Model, ServerWish, relative

__all__ = ["load_job_file", "make_job"]


def load_job_file(path: Path, root: Path) -> JobFile:
    """The jobs of one file, in its order.

    :param path: absolute.
    :param root: the repository's top, absolute and resolved.
    :raises JobFileError: the first mistake by place, with the others of the same pass in `also`.
    """
    file = path.parent.resolve() / path.name
    shown = relative(file, root)
    try:
        naming.check_links(root, file)
    except JobFileError as error:
        raise error.at(Where(shown)) from None
    document = read_document(file, shown)
    expander = _Expander(document, validate(document), file, root, home=file.parent)
    return JobFile(path=file, jobs=expander.jobs(), warnings=expander.warnings())


def make_job(values: Mapping[str, object], *, name: str, root: Path, file: Path) -> Job:
    """One job from Python values with the keys of an item; its image is `<root>/<name>.png`.

    :param file: the Python file that asks, absolute; workflows are relative to it.
    :raises JobFileError: as for an item of a job file, but with no line.
    """
    shown = relative(file, root)
    document = document_of({"comfyjob": 1, "items": {name: values}}, shown)
    (job,) = _Expander(document, validate(document), file, root, home=root).jobs()
    return job


class _Expander:
    """The items of one file, one after the other, with what only becomes visible among several."""

    def __init__(self, document: Document, parsed: JobDocument, file: Path, root: Path, *, home: Path) -> None:
        assert isinstance(document.root, Table)  # noqa: S101  # the schema accepts nothing else
        self._document = document
        self._tree = document.root
        self._items_tree = _table(document.root, "items")
        self._shared_trees = (_without(document.root, {"items", "defaults"}), _table(document.root, "defaults"))
        self._defaults = parsed.defaults or Keys()
        self._items = parsed.items
        server = parsed.server or Server()
        self._around = Surroundings(
            file=file,
            root=root,
            home=home,
            output=parsed.output or Output(),
            models=self._models(parsed),
            server=ServerWish(server.url or (), server.start),
        )

    def jobs(self) -> tuple[Job, ...]:
        jobs: list[Job] = []
        errors: list[JobFileError] = []
        first_by_output: dict[str, Job] = {}
        for name, item in self._items.items():
            try:
                job = self._job(name, item)
                _check_collision(first_by_output.setdefault(naming.collision_key(job.output), job), job)
                jobs.append(job)
            except JobFileError as error:
                errors.append(error)
        if errors:
            raise first_of(errors)
        return tuple(jobs)

    def warnings(self) -> tuple[ComfygenError, ...]:
        """Prompts that a comment follows on their line, which YAML cut off unasked."""
        cut = self._document.commented
        if not cut:
            return ()
        paths = [("defaults", key) for key in ("prompt", "negative")]
        paths += [("items", name, *key) for name in self._items for key in ((), ("prompt",), ("negative",))]
        places = (self._document.where(path) for path in paths)
        found = dict.fromkeys(place for place in places if place and (place.line, place.column) in cut)
        return tuple(
            PromptCut("YAML takes the rest of this line, from ` #` on, for a comment", where=at) for at in found
        )

    def _job(self, name: str, item: Item) -> Job:
        shown = self._document.file
        mark = self._items_tree.marks[name]
        where = Where(shown, *mark[:2])
        try:
            naming.check_name(name)
        except JobFileError as error:
            raise error.at(where) from None
        places = Places(shown, (*self._shared_trees, self._item_tree(name)))
        return build_job(name, merged(self._defaults, item), where, places, self._around)

    def _item_tree(self, name: str) -> Table:
        tree = self._items_tree[name]
        if isinstance(tree, Table):
            return tree
        short = Table()
        if tree is not None:
            line, column = self._items_tree.marks[name][2:]
            short.put("prompt", tree, (line, column, line, column))
        return short

    def _models(self, parsed: JobDocument) -> dict[str, Model]:
        models: dict[str, Model] = {}
        errors: list[JobFileError] = []
        for role, entry in (parsed.models or {}).items():
            try:
                models[role] = declared_model(role, entry)
            except JobFileError as error:
                errors.append(error.at(self._document.where(("models", role, "file"))))
        if errors:
            raise first_of(errors)
        return models


def _check_collision(first: Job, job: Job) -> None:
    if first is job:
        return
    same = "the same file" if first.output == job.output else "a file that differs only in case or accents"
    message = f"{job.name!r} writes {job.output_name}, and {first.name!r} at {first.where} writes {same}"
    raise OutputCollision(message, where=job.where)


def _table(tree: Table, key: str) -> Table:
    inner = tree.get(key)
    return inner if isinstance(inner, Table) else Table()


def _without(tree: Table, keys: set[str]) -> Table:
    rest = Table()
    for key in tree:
        if key not in keys:
            rest.put(key, tree[key], tree.marks[key])
    return rest

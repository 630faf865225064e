"""A job file becomes jobs: the text is read, judged by the schema, and made concrete item by item."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_comfygen.errors import ComfygenError, JobFileError, OutputCollision, PromptCut, Where
from pytest_comfygen.language import naming
from pytest_comfygen.language.chains import linked
from pytest_comfygen.language.item import build_job
from pytest_comfygen.language.load import Document, Mark, Table, document_of, parse, read_text
from pytest_comfygen.language.merge import merged
from pytest_comfygen.language.places import JobPlaces, Origin
from pytest_comfygen.language.problems import first_of
from pytest_comfygen.language.roles import declared_model
from pytest_comfygen.language.schema import Item, JobDocument, Keys, Output, Server, validate
from pytest_comfygen.language.surroundings import Surroundings
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
    text = read_text(file, shown)
    document = parse(text, shown)
    origin = Origin(document, text)
    expander = _Expander(document, origin, file, root, home=file.parent)
    job_file = JobFile(path=file, jobs=expander.jobs(), warnings=expander.warnings())
    origin.release()
    return job_file


def make_job(values: Mapping[str, object], *, name: str, root: Path, file: Path) -> Job:
    """One job from Python values with the keys of an item; its image is `<root>/<name>.png`.

    :param file: the Python file that asks, absolute; workflows are relative to it.
    :raises JobFileError: as for an item of a job file, but with no line.
    """
    shown = relative(file, root)
    document = document_of({"comfyjob": 1, "items": {name: values}}, shown)
    (job,) = _Expander(document, Origin(document), file, root, home=root).jobs()
    return job


class _Expander:
    """The items of one file, one after the other, with what only becomes visible among several."""

    def __init__(self, document: Document, origin: Origin, file: Path, root: Path, *, home: Path) -> None:
        parsed = validate(document)
        self._document = document
        self._origin = origin
        self._marks = _marks_of_items(document)
        self._defaults = parsed.defaults or Keys()
        self._items = parsed.items
        self._around = Surroundings(
            file=file,
            root=root,
            home=home,
            output=parsed.output or Output(),
            models=self._models(parsed),
            server=_wish(parsed.server or Server()),
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
        return linked(jobs)

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
        where = Where(shown, *self._marks[name][:2])
        try:
            naming.check_name(name)
        except JobFileError as error:
            raise error.at(where) from None
        places = JobPlaces(self._origin, name)
        return build_job(name, merged(self._defaults, item), where, places, self._around)

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


def _wish(server: Server) -> ServerWish:
    nodes = server.custom_nodes or ()
    return ServerWish(server.url or (), server.start, tuple(server.args or ()), tuple(nodes))


def _check_collision(first: Job, job: Job) -> None:
    if first is job:
        return
    same = "the same file" if first.output == job.output else "a file that differs only in case or accents"
    message = f"{job.name!r} writes {job.output_name}, and {first.name!r} at {first.where} writes {same}"
    raise OutputCollision(message, where=job.where)


def _marks_of_items(document: Document) -> Mapping[str, Mark]:
    assert isinstance(document.root, Table)  # noqa: S101  # the schema accepts nothing else
    items = document.root["items"]
    assert isinstance(items, Table)  # noqa: S101  # as above
    return items.marks

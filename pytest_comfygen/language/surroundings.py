"""What the items of one job file share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pytest_comfygen.errors import BadName, JobFileError, KeyConflict, SourceUnasked, TooLarge, Where
from pytest_comfygen.language import naming
from pytest_comfygen.language.families import CHECKPOINT, FAMILIES
from pytest_comfygen.language.looks import with_looks
from pytest_comfygen.language.playing import duration_span, frames_span
from pytest_comfygen.language.roles import ModelNames, model_named
from pytest_comfygen.language.schema import Keys, Output, Verify
from pytest_comfygen.language.sets import VARIABLES
from pytest_comfygen.language.sources import SourceFile, open_source
from pytest_comfygen.language.sources.answered import AnsweredSource, AskSource
from pytest_comfygen.language.sources.lines import read_wildcard
from pytest_comfygen.language.template import Template, is_variable_name
from pytest_comfygen.language.workflow import Workflow, address, essence_sha256, input_values, read_workflow, values_of
from pytest_comfygen.records import (
    CheckpointRecipe,
    Checks,
    ImageFormat,
    Model,
    Scalar,
    ServerWish,
    SetValue,
    Size,
    relative,
)

__all__ = ["Surroundings"]

_PLAIN_SUFFIXES = frozenset((".png", ".webp", ".jpg", ".jpeg"))
MAX_FILLED_CHARACTERS = 200_000_000
MAX_SOURCE_CHARACTERS = 32 * 1024 * 1024


class Surroundings:
    """What all items of one file share; folders, models and workflow files are looked at once.

    :param file: the job file, absolute, its folder resolved.
    :param root: the repository, absolute and resolved.
    :param home: what `output.dir` is relative to.
    :param ask: answers for sources that have only a name; None when nobody does here.
    """

    def __init__(  # noqa: PLR0913  # one argument for each thing that items share
        self,
        *,
        file: Path,
        root: Path,
        home: Path,
        output: Output,
        models: Mapping[str, Model],
        server: ServerWish,
        ask: AskSource | None = None,
    ) -> None:
        self.file = file
        self.root = root
        self.home = home
        self.output = output
        self.models = models
        self.server = server
        self._ask = ask
        self._characters = 0
        self._folders: dict[tuple[str, ...], Path] = {}
        self._found_models: dict[tuple[str, str], Model] = {}
        self._templates: dict[str, Template] = {}
        self._links: dict[Path, frozenset[str]] = {}
        self._workflows: dict[str, Workflow] = {}
        self._inputs: dict[str, Path] = {}
        self._essences: dict[tuple[Path, frozenset[tuple[str, str]]], str] = {}
        self._addresses: dict[tuple[Path, str], tuple[str, str]] = {}
        self._names = ModelNames(models)
        self._roles: dict[tuple[Path, frozenset[tuple[str, str]]], frozenset[str]] = {}
        self._tags: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._recipes: dict[tuple[object, ...], CheckpointRecipe] = {}
        self._checks: dict[tuple[object, ...], Checks] = {}
        self._variable_names: set[str] = set()
        self._sources: dict[Path, SourceFile] = {}
        self._source_characters = 0
        self._wildcards: dict[tuple[str, str], tuple[str, ...]] = {}

    def fill(self, text: str, variables: Mapping[str, Scalar]) -> str:
        """A text with its variables filled in, as long as the file's texts together stay within bounds."""
        if self._characters <= MAX_FILLED_CHARACTERS:
            template = self._templates.get(text)
            if template is None:
                template = self._templates[text] = Template(text)
            filled = template.fill(variables)
            self._characters += len(filled)
            if self._characters <= MAX_FILLED_CHARACTERS:
                return filled
        message = f"the filled-in texts of this file hold more than {MAX_FILLED_CHARACTERS:,} characters together"
        raise TooLarge(message, hint="split the file, or use shorter texts")

    def model(self, text: str, folder: str) -> Model:
        """The model of one of ComfyUI's folders that a role or a file name stands for."""
        key = (text, folder)
        found = self._found_models.get(key)
        if found is None:
            found = self._found_models[key] = model_named(text, self.models, folder)
        return found

    def file_parts(self, pattern: str, name: str, variables: Mapping[str, Scalar]) -> tuple[str, ...]:
        """The folders and the name of an image file.

        Nearly all files are called `${name}` and a suffix, and an item's name was looked at already.

        :param name: an item's name that has passed `naming.check_name`.
        """
        suffix = pattern.removeprefix("${name}")
        if suffix in _PLAIN_SUFFIXES and len(suffix) < len(pattern) and name.isascii():
            return (name + suffix,)
        return naming.parts_of(self.fill(pattern, variables) if "$" in pattern else pattern)

    def folder(self, directory: str, below: tuple[str, ...]) -> Path:
        """The folder of an image.

        :param directory: `output.dir`, filled in.
        :param below: the folders that `output.file` names.
        """
        key = (directory, *below)
        folder = self._folders.get(key)
        if folder is None:
            parts = naming.parts_of(directory, may_climb=True)
            folder = self._folders[key] = naming.directory_in(self.root, self.home, (*parts, *below))
            if links := _links_in(folder):
                self._links[folder] = links
        return folder

    def is_link(self, folder: Path, name: str) -> bool:
        """Whether a symbolic link stands at this place in a folder of images, as far as can be seen."""
        return bool(self._links) and name in self._links.get(folder, ())

    def recipe(self, checkpoint: Model, size: Size, keys: Keys) -> CheckpointRecipe:
        """The recipe that these keys name, without what `kinds` adds; items that say the same share it."""
        key = (
            checkpoint.role,
            checkpoint.name,
            checkpoint.folder,
            size,
            keys.get("steps"),
            keys.get("cfg"),
            keys.get("sampler"),
            keys.get("scheduler"),
            keys.get("family"),
        )
        recipe = self._recipes.get(key)
        if recipe is None:
            family = keys.get("family") or CHECKPOINT
            usual = FAMILIES[family]
            recipe = self._recipes[key] = CheckpointRecipe(
                checkpoint=checkpoint,
                size=size,
                steps=usual.steps if (steps := keys.get("steps")) is None else steps,
                cfg=usual.cfg if (cfg := keys.get("cfg")) is None else float(cfg),
                sampler=keys.get("sampler") or usual.sampler,
                scheduler=keys.get("scheduler") or usual.scheduler,
                family=family,
                guidance=usual.guidance,
                shift=usual.shift,
            )
        return recipe

    def checks(self, size: Size | None, image_format: ImageFormat, mode: str | None, verify: Verify | None) -> Checks:
        """The checks that these keys ask for; items that ask for the same share them.

        :param mode: when `verify` names none.
        """
        key = (size, image_format, mode, verify)
        found = self._checks.get(key)
        if found is None:
            wanted = verify or Verify()
            checks = Checks(
                size=size,
                format=image_format,
                mode=wanted.mode or mode,
                min_stddev=1.0 if wanted.min_stddev is None else float(wanted.min_stddev),
                allow_blank=bool(wanted.allow_blank),
                frames=frames_span(wanted.frames),
                duration_s=duration_span(wanted.duration),
            )
            found = self._checks[key] = checks if verify is None else with_looks(checks, verify, self.image)
        return found

    def tags(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """The tags that these texts name, each once.

        :raises JobFileError: bad-name.
        """
        tags = self._tags.get(texts)
        if tags is None:
            for text in texts:
                naming.check_tag(text)
            tags = self._tags[texts] = tuple(dict.fromkeys(texts))
        return tags

    def check_variable(self, name: str) -> None:
        """Refuse a name under `vars:` that cannot be used; each is looked at once.

        :raises JobFileError: key-conflict, bad-name.
        """
        if name not in self._variable_names:
            if wrong := _wrong_variable(name):
                raise wrong
            self._variable_names.add(name)

    def workflow(self, path: str) -> Workflow:
        """The workflow file at `path`, relative to the job file."""
        if path not in self._workflows:
            self._workflows[path] = read_workflow(naming.file_in(self.root, self.file.parent, path), self.root)
        return self._workflows[path]

    def image(self, path: str) -> Path:
        """The picture at `path`, relative to the job file, which need not be there yet.

        :raises JobFileError: unknown-format, bad-path, outside-repository.
        """
        naming.still_format_of(path)
        return self.input_file(path)

    def input_file(self, path: str) -> Path:
        """The picture, sound or video at `path`, relative to the job file, which need not be there yet.

        :raises JobFileError: unknown-format, bad-path, outside-repository.
        """
        if path not in self._inputs:
            naming.check_input(path)
            self._inputs[path] = naming.file_in(self.root, self.file.parent, path)
        return self._inputs[path]

    def source(self, path: Path, shown: str) -> SourceFile:
        """The source in a file, which is counted as often as it is used: its rows are read each time.

        :raises JobFileError: too-large, and what `open_source` raises.
        """
        if path not in self._sources:
            self._sources[path] = open_source(path, shown)
        self._count(self._sources[path].characters)
        return self._sources[path]

    def answered(self, name: str, options: Mapping[str, Scalar], where: Where) -> AnsweredSource:
        """The source of that name, which is asked for its rows each time, and counted as a file is.

        :raises JobFileError: source-unasked, too-large, and what the one who answers raises: unknown-source,
            source-invalid.
        """
        if self._ask is None:
            told = f"the rows of the source {name!r} come from a conftest.py or a plugin, which is not asked here"
            raise SourceUnasked(
                told, hint="a run that collects this file asks; `pytest --collect-only` shows what they become"
            )
        source = AnsweredSource(self._ask(name, options, where), where)
        self._count(source.characters)
        return source

    def _count(self, characters: int) -> None:
        self._source_characters += characters
        if self._source_characters > MAX_SOURCE_CHARACTERS:
            message = f"the sources of this file hold more than {MAX_SOURCE_CHARACTERS:,} characters together"
            raise TooLarge(message, hint="split the file, or use a source in one entry")

    def wildcard(self, folder: str, name: str) -> tuple[str, ...]:
        """The lines of a wildcard file: `NAME.txt` below a folder that is relative to the job file.

        :raises JobFileError: file-missing, source-invalid, bad-path, outside-repository, unreadable, not-utf8, …
        """
        key = (folder, name)
        if key not in self._wildcards:
            file = naming.file_in(self.root, self.file.parent, f"{folder.removesuffix('/')}/{name}.txt")
            self._wildcards[key] = read_wildcard(file, relative(file, self.root))
        return self._wildcards[key]

    def address(self, workflow: Workflow, target: str) -> tuple[str, str]:
        """The node and input that a key of `set:` means in a workflow.

        :raises JobFileError: set-target.
        """
        key = (workflow.file, target)
        if key not in self._addresses:
            self._addresses[key] = address(workflow.graph, target, workflow.page)
        return self._addresses[key]

    def essence(self, workflow: Workflow, replaced: frozenset[tuple[str, str]]) -> str:
        """The hash of what a workflow contributes beside `set:`; most items of a file set the same inputs."""
        key = (workflow.file, replaced)
        if key not in self._essences:
            self._essences[key] = essence_sha256(workflow.graph, replaced, workflow.page)
        return self._essences[key]

    def models_in(
        self,
        workflow: Workflow,
        replaced: frozenset[tuple[str, str]],
        sets: tuple[SetValue, ...],
        variables: Mapping[str, Scalar],
    ) -> tuple[Model, ...]:
        """The declared models that a workflow names, in its file or by `set:`; a seed names none."""
        if not self.models:
            return ()
        key = (workflow.file, replaced)
        if key not in self._roles:
            self._roles[key] = self._names.roles_in(input_values(workflow.graph, replaced, workflow.page))
        set_here = self._names.roles_in(values_of(sets, variables, seed=0).values())
        return self._names.models_of(self._roles[key] | set_here)


def _links_in(folder: Path) -> frozenset[str]:
    """The symbolic links in a folder, which need not exist, seen at once rather than one by one."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_symlink())
    except OSError:
        return frozenset()


def _wrong_variable(name: str) -> JobFileError | None:
    if name in VARIABLES:
        return KeyConflict(f"every item has a ${{{name}}} of its own", hint="choose another name for the variable")
    if not is_variable_name(name):
        hint = "use letters, digits, `_` and `-`, beginning with a letter"
        return BadName(f"the variable name {name[:60]!r} cannot be written as ${{…}}", hint=hint)
    return None

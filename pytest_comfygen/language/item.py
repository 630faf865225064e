"""One item becomes one job."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pytest_comfygen.errors import (
    BadName,
    JobFileError,
    KeyConflict,
    MissingKey,
    OutOfRange,
    PromptMissing,
    TooLarge,
    Where,
)
from pytest_comfygen.language import naming
from pytest_comfygen.language.places import JobPlaces
from pytest_comfygen.language.roles import checkpoint_named
from pytest_comfygen.language.schema import Keys, Output, Verify
from pytest_comfygen.language.seeds import seed_from_name, seed_from_prompt
from pytest_comfygen.language.sets import VARIABLES, addressed, parameters
from pytest_comfygen.language.template import Template, is_variable_name
from pytest_comfygen.language.workflow import Workflow, essence_sha256, read_workflow
from pytest_comfygen.records import (
    CheckpointRecipe,
    Checks,
    ImageFormat,
    Job,
    Model,
    Part,
    Scalar,
    Seed,
    ServerWish,
    SetValue,
    Size,
    WorkflowRecipe,
)

__all__ = ["Surroundings", "build_job"]

ALL_PARTS: tuple[Part, ...] = ("prompt", "params", "workflow", "models", "inputs")
DEFAULT_SIZE = Size(512, 512)
_PLAIN_SUFFIXES = frozenset((".png", ".webp", ".jpg", ".jpeg"))
MAX_FILLED_CHARACTERS = 200_000_000
LATENT_PX = 8  # a checkpoint's latent image has one cell for 8 x 8 pixels


class Surroundings:
    """What all items of one file share; folders, models and workflow files are looked at once.

    :param file: the job file, absolute, its folder resolved.
    :param root: the repository, absolute and resolved.
    :param home: what `output.dir` is relative to.
    """

    def __init__(  # noqa: PLR0913  # one argument for each thing that items share
        self, *, file: Path, root: Path, home: Path, output: Output, models: Mapping[str, Model], server: ServerWish
    ) -> None:
        self.file = file
        self.root = root
        self.home = home
        self.output = output
        self.models = models
        self.server = server
        self._characters = 0
        self._folders: dict[tuple[str, ...], Path] = {}
        self._checkpoints: dict[str, Model] = {}
        self._templates: dict[str, Template] = {}
        self._links: dict[Path, frozenset[str]] = {}
        self._workflows: dict[str, Workflow] = {}
        self._essences: dict[tuple[Path, frozenset[tuple[str, str]]], str] = {}
        self._tags: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._recipes: dict[tuple[object, ...], CheckpointRecipe] = {}
        self._checks: dict[tuple[object, ...], Checks] = {}
        self._variable_names: set[str] = set()

    def fill(self, text: str, variables: Mapping[str, Scalar]) -> str:
        """A text with its variables filled in, as long as the file's texts together stay within bounds."""
        if self._characters <= MAX_FILLED_CHARACTERS:
            if text not in self._templates:
                self._templates[text] = Template(text)
            filled = self._templates[text].fill(variables)
            self._characters += len(filled)
            if self._characters <= MAX_FILLED_CHARACTERS:
                return filled
        message = f"the filled-in texts of this file hold more than {MAX_FILLED_CHARACTERS:,} characters together"
        raise TooLarge(message, hint="split the file, or use shorter texts")

    def checkpoint(self, text: str) -> Model:
        """The model that a role or a file name stands for."""
        if text not in self._checkpoints:
            self._checkpoints[text] = checkpoint_named(text, self.models)
        return self._checkpoints[text]

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
        if key not in self._folders:
            parts = naming.parts_of(directory, may_climb=True)
            self._folders[key] = naming.directory_in(self.root, self.home, (*parts, *below))
            self._links[self._folders[key]] = _links_in(self._folders[key])
        return self._folders[key]

    def is_link(self, folder: Path, name: str) -> bool:
        """Whether a symbolic link stands at this place in a folder of images, as far as can be seen."""
        return name in self._links[folder]

    def recipe(self, checkpoint: Model, size: Size, keys: Keys) -> CheckpointRecipe:
        """The recipe that these keys name; items that say the same share it."""
        key = (checkpoint.role, checkpoint.name, size, keys.steps, keys.cfg, keys.sampler, keys.scheduler)
        if key not in self._recipes:
            self._recipes[key] = CheckpointRecipe(
                checkpoint=checkpoint,
                size=size,
                steps=20 if keys.steps is None else keys.steps,
                cfg=7.0 if keys.cfg is None else float(keys.cfg),
                sampler=keys.sampler or "euler",
                scheduler=keys.scheduler or "normal",
            )
        return self._recipes[key]

    def checks(self, size: Size | None, image_format: ImageFormat, mode: str | None, verify: Verify | None) -> Checks:
        """The checks that these keys ask for; items that ask for the same share them.

        :param mode: when `verify` names none.
        """
        key = (size, image_format, mode, verify)
        if key not in self._checks:
            wanted = verify or Verify()
            self._checks[key] = Checks(
                size=size,
                format=image_format,
                mode=wanted.mode or mode,
                min_stddev=1.0 if wanted.min_stddev is None else float(wanted.min_stddev),
                allow_blank=bool(wanted.allow_blank),
            )
        return self._checks[key]

    def tags(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """The tags that these texts name, each once.

        :raises JobFileError: bad-name.
        """
        if texts not in self._tags:
            for text in texts:
                naming.check_tag(text)
            self._tags[texts] = tuple(dict.fromkeys(texts))
        return self._tags[texts]

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
            *folders, name = naming.parts_of(path, may_climb=True) or ("",)
            file = naming.directory_in(self.root, self.file.parent, tuple(folders)) / name
            naming.check_links(self.root, file)
            self._workflows[path] = read_workflow(file, self.root)
        return self._workflows[path]

    def essence(self, workflow: Workflow, sets: tuple[SetValue, ...]) -> str:
        """The hash of what a workflow contributes beside `sets`; most items of a file set the same inputs."""
        key = (workflow.file, frozenset((entry.node, entry.input) for entry in sets))
        if key not in self._essences:
            self._essences[key] = essence_sha256(workflow.graph, key[1])
        return self._essences[key]


def build_job(name: str, keys: Keys, where: Where, places: JobPlaces, around: Surroundings) -> Job:
    """The job of one item.

    :param keys: the item's keys with the defaults under them.
    :param where: the place of the item's name.
    :raises JobFileError: the first mistake of the item, at its place.
    """
    return _Builder(name, keys, where, places, around).job()


class _Builder:
    """The steps from keys to a job, with what they all need at hand."""

    def __init__(self, name: str, keys: Keys, where: Where, places: JobPlaces, around: Surroundings) -> None:
        self._name = name
        self._keys = keys
        self._where = where
        self._places = places
        self._around = around
        self._variables: dict[str, Scalar] = {"name": name}
        self._key = ""

    def job(self) -> Job:
        """The job; an error without a place gets that of the key that was looked at, or the item's."""
        try:
            return self._job()
        except JobFileError as error:
            raise error.at(self._places.get(self._key, self._where)) from None

    def _job(self) -> Job:
        if self._keys.vars:
            self._variables |= self._own_variables(self._keys.vars)
        keys, around = self._keys, self._around
        prompt, negative = self._text("prompt", keys.prompt), self._text("negative", keys.negative)
        recipe = self._workflow_recipe(prompt, negative) if keys.workflow else self._checkpoint_recipe(prompt)
        output, image_format = self._output(around.output)
        return Job(
            name=self._name,
            where=self._where,
            file=around.file,
            root=around.root,
            output=output,
            format=image_format,
            keep_metadata=around.output.metadata,
            prompt=prompt or "",
            negative=negative or "",
            seed=_seed(keys.seed, self._name, prompt or "", negative or ""),
            recipe=recipe,
            checks=self._checks(keys.verify, recipe, image_format),
            tags=self._tags() if keys.tags else (),
            status=keys.status,
            stale_on=ALL_PARTS if keys.stale_on is None else tuple(dict.fromkeys(keys.stale_on)),
            server=around.server,
            places=self._places,
        )

    def _text(self, key: str, text: str | None) -> str | None:
        self._key = key
        return text if text is None or "$" not in text else self._around.fill(text, self._variables)

    def _own_variables(self, variables: Mapping[str, Scalar]) -> dict[str, Scalar]:
        for name in variables:
            try:
                self._around.check_variable(name)
            except JobFileError as wrong:
                raise wrong.at(self._places.of_key(f"vars.{name}")) from None
        return {name: value for name, value in variables.items() if value is not None}

    def _checkpoint_recipe(self, prompt: str | None) -> CheckpointRecipe:
        keys = self._keys
        if keys.set:
            hint = "name a `workflow:`, or remove `set:`"
            raise KeyConflict(
                "`set` acts on a workflow, and this item has none", where=self._key_place("set"), hint=hint
            )
        if not prompt:
            raise PromptMissing(f"the item {self._name!r} has no prompt", where=self._places.get("prompt", self._where))
        size = keys.size or DEFAULT_SIZE
        if size.width % LATENT_PX or size.height % LATENT_PX:
            raise OutOfRange(
                f"size must be a multiple of {LATENT_PX} on both sides, not {size}",
                where=self._places.get("size"),
                hint=f"write {_rounded(size)}",
            )
        return self._around.recipe(self._checkpoint(), size, keys)

    def _checkpoint(self) -> Model:
        text = self._text("checkpoint", self._keys.checkpoint)
        if text is None:
            hint = "name a checkpoint under `defaults:` or here: a role from `models:` or a file name"
            raise MissingKey(f"the item {self._name!r} has no `checkpoint`", where=self._where, hint=hint)
        return self._around.checkpoint(text)

    def _workflow_recipe(self, prompt: str | None, negative: str | None) -> WorkflowRecipe:
        keys = self._keys
        path = self._text("workflow", keys.workflow) or ""
        workflow = self._around.workflow(path)
        checkpoint = self._checkpoint().name if keys.checkpoint else None
        variables = {**self._variables, **parameters(keys, prompt, negative, checkpoint)}
        entries = {target: value for target, value in (keys.set or {}).items() if value is not None}
        sets = addressed(entries, workflow.graph, variables, self._places, self._where)
        return WorkflowRecipe(
            file=workflow.file,
            sha256=self._around.essence(workflow, sets),
            graph=workflow.graph,
            sets=sets,
            variables=variables,
            size=keys.size,
        )

    def _output(self, output: Output) -> tuple[Path, ImageFormat]:
        directory = self._text("output.dir", output.dir) or ""
        self._key = "output.file"
        *below, last = self._around.file_parts(output.file, self._name, self._variables)
        image_format = naming.format_of(last)
        self._key = "output.dir"
        folder = self._around.folder(directory, tuple(below))
        path = folder / last
        if self._around.is_link(folder, last):
            self._key = "output.file"
            naming.check_links(self._around.root, path)
        return path, image_format

    def _checks(
        self, verify: Verify | None, recipe: CheckpointRecipe | WorkflowRecipe, image_format: ImageFormat
    ) -> Checks:
        mode = "RGB" if isinstance(recipe, CheckpointRecipe) else None
        if verify is not None and verify.mode == "RGBA" and image_format == "jpeg":
            where = self._places.get("verify.mode", self._where)
            raise KeyConflict("a JPEG file holds no transparency", where=where, hint="write a .png or .webp file")
        return self._around.checks(recipe.size, image_format, mode, verify)

    def _tags(self) -> tuple[str, ...]:
        return self._around.tags(tuple(self._text("tags", tag) or "" for tag in self._keys.tags or ()))

    def _key_place(self, key: str) -> Where:
        return self._places.of_key(key) or self._where


def _seed(wish: int | str | None, name: str, prompt: str, negative: str) -> Seed:
    match wish:
        case int():
            return Seed("fixed", wish)
        case "random":
            return Seed("random", None)
        case "from-prompt":
            return Seed("from-prompt", seed_from_prompt(prompt, negative))
    return Seed("from-name", seed_from_name(name))


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


def _rounded(size: Size) -> Size:
    """The nearest size that a checkpoint can make."""
    width, height = (max(round(side / LATENT_PX), 2) * LATENT_PX for side in (size.width, size.height))
    return Size(width, height)

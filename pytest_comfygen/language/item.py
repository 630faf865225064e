"""One item becomes one job."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from pytest_comfygen.errors import (
    BadPath,
    JobFileError,
    KeyConflict,
    MissingKey,
    OutOfRange,
    OutsideRepository,
    PromptMissing,
    Where,
)
from pytest_comfygen.language import naming
from pytest_comfygen.language.alternatives import choose
from pytest_comfygen.language.drafts import Draft
from pytest_comfygen.language.families import CHECKPOINT, FAMILIES
from pytest_comfygen.language.kinds import KIND_KEYS, Kinds, rounded
from pytest_comfygen.language.looks import check_looks, filled
from pytest_comfygen.language.playing import check_fit
from pytest_comfygen.language.schema import Keys, Output, Verify
from pytest_comfygen.language.seeds import seed_from_name, seed_from_prompt
from pytest_comfygen.language.sets import addressed, parameters
from pytest_comfygen.language.surroundings import Surroundings
from pytest_comfygen.language.workflow import Workflow, node_named
from pytest_comfygen.records import (
    PARTS,
    SOUND,
    CheckpointRecipe,
    Checks,
    ImageFormat,
    Job,
    Model,
    Scalar,
    Seed,
    WorkflowRecipe,
)

__all__ = ["build_job"]

_MainKey: TypeAlias = Literal["checkpoint", "diffusion_model"]


def build_job(draft: Draft, around: Surroundings) -> Job:
    """The job of one item.

    :raises JobFileError: the first mistake of the item, at its place.
    """
    return _Builder(draft, around).job()


class _Builder:
    """The steps from keys to a job, with what they all need at hand."""

    def __init__(self, draft: Draft, around: Surroundings) -> None:
        self._name = draft.name
        self._keys = draft.keys
        self._where = draft.where
        self._places = draft.places
        self._around = around
        self._row = draft.variables
        self._variables: dict[str, Scalar] = {"name": draft.name}
        self._key = ""

    def job(self) -> Job:
        """The job; an error without a place gets that of the key that was looked at, or the item's."""
        try:
            return self._job()
        except JobFileError as error:
            raise error.at(self._places.around(self._key) or self._where) from None

    def _job(self) -> Job:
        if own := self._keys.get("vars"):
            self._variables |= self._own_variables(own)
        if self._row:
            self._variables |= self._row
        keys, around = self._keys, self._around
        text_of = self._chosen if keys.get("alternatives") or keys.get("wildcards") else self._text
        prompt, negative = text_of("prompt", keys.get("prompt")), text_of("negative", keys.get("negative"))
        recipe = self._workflow_recipe(prompt, negative) if keys.get("workflow") else self._checkpoint_recipe(prompt)
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
            seed=_seed(keys.get("seed"), self._name, prompt or "", negative or ""),
            recipe=recipe,
            checks=self._checks(keys.get("verify"), recipe, image_format),
            tags=self._tags() if keys.get("tags") else (),
            status=keys.get("status"),
            stale_on=PARTS if (parts := keys.get("stale_on")) is None else tuple(dict.fromkeys(parts)),
            server=around.server,
            places=self._places,
            candidates=self._candidates() if keys.get("candidates") else 1,
            retries=_retries(keys),
        )

    def _candidates(self) -> int:
        if isinstance(self._keys.get("seed"), int):
            hint = "leave `seed` out: the candidates' seeds follow each other, and the one that is picked is kept"
            told = f"`candidates` have a seed each, and this item has {self._keys.get('seed')}"
            raise KeyConflict(told, where=self._key_place("candidates"), hint=hint)
        return self._keys.get("candidates") or 1

    def _chosen(self, key: str, text: str | None) -> str | None:
        """A prompt with its choices made and its variables filled in."""
        if text is None:
            return None
        folder, braces = self._keys.get("wildcards"), bool(self._keys.get("alternatives"))
        lines = partial(self._wildcard, self._text("wildcards", folder) or "") if folder else None
        self._key = key
        return self._around.fill(choose(text, self._name, key, braces=braces, lines=lines), self._variables)

    def _wildcard(self, folder: str, name: str) -> tuple[str, ...]:
        try:
            return self._around.wildcard(folder, name)
        except (BadPath, OutsideRepository) as error:
            raise error.at(self._places.get("wildcards", self._where)) from None

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
        if keys.get("set") or keys.get("output_node"):
            key = "set" if keys.get("set") else "output_node"
            message = f"`{key}` acts on a workflow, and this item has none"
            raise KeyConflict(message, where=self._key_place(key), hint=f"name a `workflow:`, or remove `{key}:`")
        if not prompt:
            raise PromptMissing(f"the item {self._name!r} has no prompt", where=self._places.get("prompt", self._where))
        family = FAMILIES[keys.get("family") or CHECKPOINT]
        size, step = keys.get("size") or family.size, family.latent_px
        if size.width % step or size.height % step:
            raise OutOfRange(
                f"size must be a multiple of {step} on both sides, not {size}",
                where=self._places.get("size"),
                hint=f"write {rounded(size, step)}",
            )
        has_kinds = not keys.keys().isdisjoint(KIND_KEYS)
        main: _MainKey = "diffusion_model" if has_kinds and keys.get("diffusion_model") else "checkpoint"
        recipe = self._around.recipe(self._main_model(main), size, keys)
        return Kinds(keys, self._text, self._around, self._places).added_to(recipe) if has_kinds else recipe

    def _main_model(self, key: _MainKey) -> Model:
        text = self._text(key, self._keys.get(key))
        if text is None:
            hint = "name a checkpoint under `defaults:` or here: a role from `models:` or a file name"
            raise MissingKey(f"the item {self._name!r} has no `checkpoint`", where=self._where, hint=hint)
        return self._around.model(text, f"{key}s")

    def _workflow_recipe(self, prompt: str | None, negative: str | None) -> WorkflowRecipe:
        keys = self._keys
        self._refuse_kinds()
        path = self._text("workflow", keys.get("workflow")) or ""
        workflow = self._around.workflow(path)
        checkpoint = self._main_model("checkpoint").name if keys.get("checkpoint") else None
        variables = {**self._variables, **parameters(keys, prompt, negative, checkpoint)}
        entries = {target: value for target, value in (keys.get("set") or {}).items() if value is not None}
        address = partial(self._around.address, workflow)
        sets = addressed(
            entries,
            address,
            self._around.input_file,
            variables=variables,
            places=self._places,
            item=self._where,
        )
        replaced = frozenset((entry.node, entry.input) for entry in sets)
        return WorkflowRecipe(
            file=workflow.file,
            sha256=self._around.essence(workflow, replaced),
            graph=workflow.graph,
            sets=sets,
            variables=variables,
            size=keys.get("size"),
            models=self._around.models_in(workflow, replaced, sets, variables),
            page=workflow.page,
            output_node=self._output_node(workflow),
        )

    def _output_node(self, workflow: Workflow) -> str | None:
        name = self._text("output_node", self._keys.get("output_node"))
        return None if name is None else node_named(workflow.graph, name)

    def _refuse_kinds(self) -> None:
        for key in KIND_KEYS & self._keys.keys():
            if self._keys.get(key) is not None:
                hint = f"change the workflow itself, or take the default away with `{key}: null`"
                told = f"`{key}` acts on the built-in graph, and this item has a workflow"
                raise KeyConflict(told, where=self._key_place(key), hint=hint)

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
        is_workflow = isinstance(recipe, WorkflowRecipe)
        is_transparent = isinstance(recipe, CheckpointRecipe) and recipe.transparent is not None
        wanted = verify.mode if verify is not None else None
        if is_transparent and image_format == "jpeg":
            where = self._key_place("transparent")
            raise KeyConflict("a JPEG file holds no transparency", where=where, hint="write a .png or .webp file")
        if is_transparent and wanted not in {None, "RGBA"}:
            told = f"`transparent` makes an RGBA picture, and `verify.mode` wants {wanted}"
            raise KeyConflict(told, where=self._place("verify.mode"), hint="remove `verify.mode`")
        mode = None if is_workflow else "RGBA" if is_transparent else "RGB"
        check_fit(verify, image_format, self._place, is_workflow=is_workflow)
        size = recipe.final_size if isinstance(recipe, CheckpointRecipe) else recipe.size
        if verify is not None:
            check_looks(verify, image_format, verify.mode or mode, self._place)
            verify = filled(verify, self._text)
        return self._around.checks(None if image_format in SOUND else size, image_format, mode, verify)

    def _place(self, key: str) -> Where:
        return self._places.around(key) or self._where

    def _tags(self) -> tuple[str, ...]:
        return self._around.tags(tuple(self._text("tags", tag) or "" for tag in self._keys.get("tags") or ()))

    def _key_place(self, key: str) -> Where:
        return self._places.of_key(key) or self._where


def _retries(keys: Keys) -> int:
    """How many further seeds may be tried; a seed that is written as a number is meant."""
    verify = keys.get("verify")
    return verify.retries or 0 if verify and not isinstance(keys.get("seed"), int) else 0


def _seed(wish: int | str | None, name: str, prompt: str, negative: str) -> Seed:
    match wish:
        case int():
            return Seed("fixed", wish)
        case "random":
            return Seed("random", None)
        case "from-prompt":
            return Seed("from-prompt", seed_from_prompt(prompt, negative))
    return Seed("from-name", seed_from_name(name))

"""The weights files that this run's images need: found on this machine, downloaded when that is allowed, and hashed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from pytest_comfygen.engine.models import ModelHashes, check_weights, find_model, match_name
from pytest_comfygen.errors import ComfygenError, HashMismatch, ModelDamaged, ModelMissing, WriteFailed
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.flows.wishes import local_model_places
from pytest_comfygen.records import CheckpointRecipe, DownloadPlan, FoundModel, Job, Model, ModelPlaces
from pytest_comfygen.settings import LOCAL

__all__ = ["Models", "as_listed", "choices_of", "listed_models", "missing_model", "models_by_key", "models_of"]

# The node and input that lists a folder's files. Source: ComfyUI nodes.py, comfy_extras/nodes_upscale_model.py.
_LISTED_BY = {
    "checkpoints": ("CheckpointLoaderSimple", "ckpt_name"),
    "diffusion_models": ("UNETLoader", "unet_name"),
    "unet": ("UNETLoader", "unet_name"),
    "text_encoders": ("CLIPLoader", "clip_name"),
    "clip": ("CLIPLoader", "clip_name"),
    "vae": ("VAELoader", "vae_name"),
    "loras": ("LoraLoader", "lora_name"),
    "controlnet": ("ControlNetLoader", "control_net_name"),
    "upscale_models": ("UpscaleModelLoader", "model_name"),
}


def models_of(job: Job) -> tuple[Model, ...]:
    """The weights files that a job needs, as far as its file says; without roles, which differ between files."""
    return tuple(models_by_key(job).values())


def models_by_key(job: Job) -> Mapping[str, Model]:
    """The weights files of a job by the key that names each; a workflow names its own, whatever key they have."""
    recipe = job.recipe
    if isinstance(recipe, CheckpointRecipe):
        return {key: replace(model, role=None) for key, model in recipe.models.items()}
    return {f"workflow.{model.folder}/{model.name}": replace(model, role=None) for model in recipe.models}


def as_listed(job: Job, listed: Mapping[str, Sequence[str]]) -> Job:
    """The job with its models called as a server lists them, which only the graph has to know.

    :param listed: the server's models by folder; what is not among them keeps its name.
    """
    recipe = job.recipe
    if not isinstance(recipe, CheckpointRecipe):
        return job
    models = recipe.models.values()
    names = {model: match_name(model.name, listed.get(model.folder, ())) or model.name for model in models}
    if all(model.name == name for model, name in names.items()):
        return job
    return replace(job, recipe=recipe.with_models(lambda model: replace(model, name=names[model])))


class Models:
    """The weights files of our ComfyUI's directory, and of those that the settings name besides.

    :param premises: what this process is given to work with.
    """

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._settings = premises.settings
        self._hashes: ModelHashes | None = None
        self._places: ModelPlaces | None = None
        self._found: dict[Model, FoundModel | None] = {}
        self._known: dict[Model, str | None] = {}
        self._missing: dict[Model, ComfygenError] = {}
        self._checked: dict[Model, FoundModel | ComfygenError] = {}

    def sha256_of(self, model: Model) -> str | None:
        """The model's hash: as declared, else of the file on this machine; None when that cannot be known here."""
        if model.sha256 or self._settings.url or self._settings.sketch:
            return model.sha256
        if model not in self._known:
            found = self.find(model)
            self._known[model] = self._hash_if_readable(found) if found else None
        return self._known[model]

    def find(self, model: Model) -> FoundModel | None:
        """The model's file on this machine; looked for once, and again after a download."""
        if model not in self._found:
            self._found[model] = find_model(model, self._where())
        return self._found[model]

    def provide(self, jobs: Iterable[Job], make_room: Callable[[], object]) -> bool:
        """Look for everything that the jobs need, once, and download what is missing when that is allowed.

        What cannot be had is an error of the jobs that need it, told by `check`, and none of the others.

        :param make_room: sees to it that ComfyUI's directory is there, which downloads go into.
        :returns: whether something may have come, with which plans may be others.
        """
        wanted = dict.fromkeys(model for job in jobs for model in models_of(job))
        missing = [model for model in wanted if model not in self._missing and not self.find(model)]
        if not missing:
            return False
        from pytest_comfygen.flows.fetch import fetch, not_here  # noqa: PLC0415  # what is there needs no network

        if self._settings.download:
            make_room()
            self._missing |= fetch(missing, self._where(), self._cache(), self._premises)
            self._forget(missing)
        else:
            self._missing |= not_here(missing, self._where())
        return bool(self._settings.download)

    def planned_downloads(self, missing: Sequence[Model]) -> DownloadPlan:
        """What would have to be downloaded, as far as it is declared; nobody is asked."""
        from pytest_comfygen.engine.download import plan_downloads  # noqa: PLC0415  # what is there needs no network

        return plan_downloads(missing, self._where(), access=None)

    def check(self, job: Job) -> None:
        """What the job needs is on this machine and can be used.

        :raises ComfygenError: it is not, or cannot; at the place of the key that names it.
        """
        if lack := self.lack(job):
            raise lack

    def lack(self, job: Job) -> ComfygenError | None:
        """Why the job cannot be made with what is on this machine; at the place of the key that names it."""
        for key, model in models_by_key(job).items():
            checked = self._checked.get(model) or self._check(model)
            if isinstance(checked, ComfygenError):
                return checked.at(job.place(key))
        return None

    def check_download(self, job: Job) -> None:
        """What the job needs was not downloaded in vain; whether a server has it, the server knows.

        :raises MachineError: it was; at the place of the key that names it.
        """
        if self._settings.download:
            for key, model in models_by_key(job).items():
                if model in self._missing:
                    raise self._missing[model].at(job.place(key))

    def shared_lack(self, jobs: Sequence[Job]) -> ComfygenError | None:
        """The error of the first job when none can be made; None when one can, or there are none."""
        lacks = [self.lack(job) for job in jobs]
        return lacks[0] if lacks and all(lacks) else None

    # --- looking ------------------------------------------------------------------------------------------------------

    def _check(self, model: Model) -> FoundModel | ComfygenError:
        found = self.find(model)
        result: FoundModel | ComfygenError = self._missing.get(model) or missing_model(model)
        if found:
            try:
                check_weights(found.path, pickles_allowed=self._settings.allow_pickles)
                self._compare(found)
                result = found
            except ComfygenError as error:
                result = error
        self._checked[model] = result
        return result

    def _compare(self, found: FoundModel) -> None:
        declared = found.model.sha256
        actual = self._hash(found)
        if declared and actual != declared:
            raise HashMismatch(
                f"{self._shown(found)} is not the file that the job file declares",
                details=(f"declared: {declared}", f"found:    {actual}"),
                hint="move it away to have the declared one downloaded, or write its sha256 into the job file",
            )

    def _hash_if_readable(self, found: FoundModel) -> str | None:
        try:
            return self._hash(found)
        except ModelDamaged:
            return None

    def _forget(self, models: Iterable[Model]) -> None:
        """Look again for models that may have come."""
        for model in models:
            self._found.pop(model, None)
        self._known.clear()

    def _hash(self, found: FoundModel) -> str:
        try:
            return self._cache().sha256(found.path)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ModelDamaged(f"{self._shown(found)} cannot be read: {reason}") from None

    def _shown(self, found: FoundModel) -> str:
        root = self._premises.root
        return str(found.path.relative_to(root) if found.path.is_relative_to(root) else found.path)

    def _where(self) -> ModelPlaces:
        if self._places is None:
            self._places = local_model_places(self._settings, self._premises.root, self._premises.environment)
        return self._places

    def _cache(self) -> ModelHashes:
        if self._hashes is None:
            try:
                directory = self._premises.local_directory("cache")
            except WriteFailed:  # to look at images takes no place to write; then hashes are found out anew
                directory = self._premises.root / LOCAL / "cache"
            self._hashes = ModelHashes(directory / "models.json", notify=self._premises.notify)
        return self._hashes


def missing_model(model: Model, details: tuple[str, ...] = (), hint: str | None = None) -> ModelMissing:
    """The error for a model that is not on this machine."""
    return ModelMissing(f"{model.name} is not among the {model.folder} on this machine", details=details, hint=hint)


def listed_models(object_info: Mapping[str, object]) -> Mapping[str, tuple[str, ...]]:
    """The models that a server lists, by folder."""
    return {folder: choices_of(object_info, *place) for folder, place in _LISTED_BY.items()}


def choices_of(object_info: Mapping[str, object], node: str, name: str) -> tuple[str, ...]:
    """What a server lists for a required input of a node; nothing when it lacks the node."""
    match object_info.get(node):
        case {"input": {"required": required}} if isinstance(required, Mapping):
            match required.get(name):
                case [[*names], *_] | ["COMBO", {"options": [*names]}, *_]:
                    return tuple(map(str, names))
    return ()

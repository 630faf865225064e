"""How a picture is made: by a built-in graph or a workflow, with weights files and other pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pytest_comfygen.errors import Where
from pytest_comfygen.records.words import Graph, Scalar

__all__ = [
    "CheckpointRecipe",
    "Control",
    "Hires",
    "InputImage",
    "Lora",
    "Model",
    "Refiner",
    "SetValue",
    "Size",
    "Transparent",
    "Upscale",
    "WorkflowRecipe",
]


@dataclass(frozen=True, slots=True)
class Size:
    """An image's size in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Model:
    """A weights file that a job needs.

    :param folder: ComfyUI's model folder, such as `checkpoints`.
    :param name: the name as ComfyUI lists it, relative to that folder, with forward slashes.
    :param role: the name under `models:`, when the job file declares one.
    :param sha256: lower-case hex, when declared or known.
    """

    folder: str
    name: str
    role: str | None = None
    sha256: str | None = None
    url: str | None = None
    size_bytes: int | None = None
    license: str | None = None

    @property
    def key(self) -> str:
        """The key of an item that names such a file as what is drawn with, `checkpoint` or `diffusion_model`."""
        return "diffusion_model" if self.folder in ("diffusion_models", "unet") else "checkpoint"


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA over a model and its text encoder.

    :param strength: of the change to the model; negative turns it round.
    :param strength_clip: of the change to the text encoder.
    """

    model: Model
    strength: float = 1.0
    strength_clip: float = 1.0


@dataclass(frozen=True, slots=True)
class InputImage:
    """A picture that another one is made from; for a workflow, also a sound or a video.

    :param file: absolute, inside the repository.
    :param item: the item of the same job file that makes it, if one does.
    :param name: what it is called on the server, once it was sent there.
    """

    file: Path
    item: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A ControlNet that holds a picture to the shapes of another one.

    :param start: share of the steps after which it begins to act, 0..1; `end` likewise.
    :param preprocessor: class of the node that makes its hints of the image; None when the image is one.
    :param settings: values of that node's inputs.
    """

    model: Model
    image: InputImage
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    preprocessor: str | None = None
    settings: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hires:
    """A second pass of the sampler over the enlarged picture.

    :param upscaler: an upscale model, or ComfyUI's name of a way to enlarge a latent image.
    """

    size: Size
    steps: int
    denoise: float
    upscaler: Model | str


@dataclass(frozen=True, slots=True)
class Upscale:
    """The finished picture enlarged by an upscale model, and brought to `size`."""

    model: Model
    size: Size


@dataclass(frozen=True, slots=True)
class Refiner:
    """A second checkpoint that does the last steps.

    :param start: share of the steps after which it takes over, above 0 and below 1.
    """

    model: Model
    start: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transparent:
    """A node that finds the background of the finished picture, which becomes transparent.

    :param takes: the node's input for the picture.
    :param settings: values of its other inputs.
    :param gives: what its output is: the picture with alpha, a mask of what stays, or one of what goes.
    :param output: the number of that output.
    """

    node: str
    takes: str = "image"
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    gives: Literal["image", "mask", "background"] = "image"
    output: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRecipe:
    """A picture drawn by a built-in graph.

    :param checkpoint: one file that brings model, text encoder and VAE; or, in the folder `diffusion_models`, the
        model alone, which `text_encoders` and `vae` belong to.
    :param vae: None for the checkpoint's own.
    :param clip_skip: at which layer from the end the text encoder is left; None for the model's own way.
    :param shift: of the noise schedule; None for the model's own.
    :param init_image: what the picture starts from; None for nothing.
    :param denoise: how much of it is drawn anew, 0..1.
    :param mask: white where the picture may change.
    """

    checkpoint: Model
    size: Size
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    family: str = "checkpoint"
    text_encoders: tuple[Model, ...] = ()
    vae: Model | None = None
    loras: tuple[Lora, ...] = ()
    clip_skip: int | None = None
    guidance: float | None = None
    shift: float | None = None
    init_image: InputImage | None = None
    denoise: float = 1.0
    mask: InputImage | None = None
    controlnet: Control | None = None
    refiner: Refiner | None = None
    hires: Hires | None = None
    upscale: Upscale | None = None
    transparent: Transparent | None = None

    @property
    def final_size(self) -> Size:
        """The size of the picture that comes out."""
        last = self.upscale or self.hires or self
        return last.size

    @property
    def models(self) -> Mapping[str, Model]:
        """Every weights file, by the key that names it, as `Job.places` has it."""
        found = {self.checkpoint.key: self.checkpoint}
        found |= {f"text_encoders.{number}": one for number, one in enumerate(self.text_encoders)}
        found |= {"vae": self.vae} if self.vae else {}
        found |= {f"loras.{number}.model": one.model for number, one in enumerate(self.loras)}
        found |= {"controlnet.model": self.controlnet.model} if self.controlnet else {}
        found |= {"refiner.model": self.refiner.model} if self.refiner else {}
        if self.hires and isinstance(self.hires.upscaler, Model):
            found["hires.upscaler"] = self.hires.upscaler
        return found | ({"upscale.model": self.upscale.model} if self.upscale else {})

    @property
    def inputs(self) -> Mapping[str, InputImage]:
        """Every picture that this one is made from, by the key that names it."""
        control = self.controlnet.image if self.controlnet else None
        named = {"init_image": self.init_image, "mask": self.mask, "controlnet.image": control}
        return {key: image for key, image in named.items() if image}

    @property
    def has_inputs(self) -> bool:
        """Whether it is made from any picture; a mask needs an `init_image`."""
        return bool(self.init_image or self.controlnet)

    def with_models(self, change: Callable[[Model], Model]) -> CheckpointRecipe:
        """The recipe with each weights file as `change` gives it."""
        hires, control, refiner, upscale = self.hires, self.controlnet, self.refiner, self.upscale
        if hires and isinstance(hires.upscaler, Model):
            hires = replace(hires, upscaler=change(hires.upscaler))
        return replace(
            self,
            checkpoint=change(self.checkpoint),
            text_encoders=tuple(map(change, self.text_encoders)),
            vae=change(self.vae) if self.vae else None,
            loras=tuple(replace(one, model=change(one.model)) for one in self.loras),
            controlnet=replace(control, model=change(control.model)) if control else None,
            refiner=replace(refiner, model=change(refiner.model)) if refiner else None,
            hires=hires,
            upscale=replace(upscale, model=change(upscale.model)) if upscale else None,
        )

    def with_inputs(self, change: Callable[[InputImage], InputImage]) -> CheckpointRecipe:
        """The recipe with each picture that it is made from as `change` gives it."""
        control = self.controlnet
        return replace(
            self,
            init_image=change(self.init_image) if self.init_image else None,
            mask=change(self.mask) if self.mask else None,
            controlnet=replace(control, image=change(control.image)) if control else None,
        )


@dataclass(frozen=True, slots=True)
class SetValue:
    """One entry of `set:`, addressed: the input of one node that gets a value.

    :param target: the key as written, such as `KSampler.seed`.
    :param value: a scalar, or a text with `${…}` that still holds what only the plan knows (a random seed), or a file
        that goes to the server.
    """

    target: str
    node: str
    input: str
    value: Scalar | InputImage
    where: Where


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRecipe:
    """A picture from a workflow file.

    :param file: the workflow file, absolute, inside the repository.
    :param sha256: of what the file contributes: canonical JSON without titles and without the inputs in `sets`.
    :param graph: the workflow in API format, before `sets`; with `page`, its nodes without their inputs.
    :param variables: what `${…}` in `sets` may use, without `seed`, which the plan adds.
    :param size: checked on the result when given; None when the workflow decides.
    :param models: those that the job file declares and the workflow names, in the file's order.
    :param page: the workflow as ComfyUI's page saves it, until a server is known that can tell what it means.
    :param output_node: the id of the node whose picture is taken; None when there is only one.
    """

    file: Path
    sha256: str
    graph: Graph
    sets: tuple[SetValue, ...]
    variables: Mapping[str, Scalar]
    size: Size | None
    models: tuple[Model, ...] = ()
    page: Mapping[str, Any] | None = None
    output_node: str | None = None

    @property
    def inputs(self) -> Mapping[str, InputImage]:
        """Every file that the picture is made from, by the key that names it."""
        return {f"set.{one.target}": one.value for one in self.sets if isinstance(one.value, InputImage)}

    @property
    def has_inputs(self) -> bool:
        """Whether it is made from any file of the repository."""
        return any(isinstance(one.value, InputImage) for one in self.sets)

    def with_inputs(self, change: Callable[[InputImage], InputImage]) -> WorkflowRecipe:
        """The recipe with each file that it is made from as `change` gives it."""
        return replace(
            self,
            sets=tuple(
                replace(one, value=change(one.value)) if isinstance(one.value, InputImage) else one for one in self.sets
            ),
        )

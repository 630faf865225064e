"""The mappings inside an item's keys: LoRAs, the pictures it is made from, and what is done to it besides sampling."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from pytest_comfygen.language.families import named_families
from pytest_comfygen.language.schema.closed import Closed, key
from pytest_comfygen.language.schema.values import (
    Path,
    ScalarValue,
    SizePx,
    Wants,
    Word,
    _refuse as refuse,
    _scalar as checked_scalar,
)

__all__ = [
    "KINDS",
    "ClipSkip",
    "ControlNet",
    "Denoise",
    "FamilyName",
    "Guidance",
    "Hires",
    "HiresKey",
    "ImageSource",
    "InputFile",
    "LoraEntry",
    "Loras",
    "Preprocessor",
    "RefinerKey",
    "SetEntry",
    "Shift",
    "Short",
    "TextEncoders",
    "TransparentKey",
    "Upscale",
    "UpscaleKey",
]


def _family(name: str) -> str:
    if name not in named_families():
        near = get_close_matches(name, named_families(), n=1)
        raise refuse("out-of-range", hint=f"did you mean `{near[0]}`?" if near else "")
    return name


Steps: TypeAlias = Annotated[int, Field(ge=1, le=1000), Wants("an integer from 1 to 1000")]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), Wants("a number from 0 to 1")]
Denoise: TypeAlias = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), Wants("a number above 0 and not above 1")]
Inside: TypeAlias = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False), Wants("a number above 0 and below 1")]
Scale: TypeAlias = Annotated[float, Field(gt=1, le=16, allow_inf_nan=False), Wants("a number above 1 and not above 16")]
LoraStrength: TypeAlias = Annotated[
    float, Field(ge=-100, le=100, allow_inf_nan=False), Wants("a number from -100 to 100")
]
Guidance: TypeAlias = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), Wants("a number from 0 to 100")]
Shift: TypeAlias = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), Wants("a number from 0 to 100")]
ClipSkip: TypeAlias = Annotated[int, Field(ge=1, le=24), Wants("an integer from 1 to 24")]
FamilyName: TypeAlias = Annotated[
    str,
    AfterValidator(_family),
    WithJsonSchema({"enum": list(named_families())}),
    Wants(" or ".join(", ".join(named_families()).rsplit(", ", 1))),
]
TextEncoders: TypeAlias = Annotated[
    list[Word], Field(min_length=1, max_length=3), Wants("a list of one to three models")
]


class Short(Closed):
    """A mapping that may be written as a text, which is the value of one of its keys."""

    SHORT_FOR: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {cls.SHORT_FOR: value} if isinstance(value, str) else value


class LoraEntry(Short):
    """A LoRA; also its model alone."""

    SHORT_FOR = "model"

    model: Word = Field(
        description="A role from `models`, or a file name as ComfyUI lists it.", examples=["ink.safetensors"]
    )
    strength: LoraStrength | None = key("How much it changes the model.", 0.8, default=1.0)
    strength_clip: LoraStrength | None = key(
        "How much it changes the text encoder; as much as the model when nothing is said.", 0.5
    )


Loras: TypeAlias = Annotated[
    list[Annotated[LoraEntry, Wants("a model, or a mapping")]],
    Field(max_length=100),
    Wants("a list of at most 100 LoRAs"),
]


class ImageSource(Short):
    """A picture to start from: a file of the repository, or what another item makes."""

    SHORT_FOR = "file"

    file: Path | None = key("A png, jpg or webp file, relative to the job file.", "sketches/dwarf.png")
    item: Word | None = key("Another item of this job file, whose image it is.", "kin_dwarf")

    @model_validator(mode="after")
    def _one_of_two(self) -> ImageSource:
        if (self.file is None) == (self.item is None):
            raise refuse("conflicting-keys", "it takes one of `file` and `item`", "write {file: PATH} or {item: NAME}")
        return self


class InputFile(ImageSource):
    """A file that an input of a workflow gets: one of the repository, or what another item makes."""

    file: Path | None = key("A picture, sound or video, relative to the job file.", "sketches/dwarf.png")


def _set_entry(value: object) -> object:
    return InputFile.model_validate(value) if isinstance(value, Mapping) else checked_scalar(value)


SetEntry: TypeAlias = Annotated[
    InputFile | ScalarValue,
    BeforeValidator(_set_entry),
    Wants(
        "a text of at most 100 000 characters, a finite number, true or false, or a file: {file: PATH} or {item: NAME}"
    ),
]


class Preprocessor(Short):
    """A node that makes a ControlNet's hints out of a picture; also its class alone."""

    SHORT_FOR = "node"

    node: Word = Field(description="The class of the node.", examples=["Canny"])
    inputs: Annotated[dict[str, ScalarValue], Field(max_length=50), Wants("a mapping of at most 50 inputs")] | None = (
        key("Values for its inputs, but for the picture.", {"low_threshold": 0.4, "high_threshold": 0.8})
    )


class ControlNet(Closed):
    """A ControlNet that holds the picture to the shapes of another one."""

    model: Word = Field(
        description="A role from `models`, or a file name as ComfyUI lists it.", examples=["canny.safetensors"]
    )
    image: Annotated[ImageSource, Wants("a path, or a mapping")] = Field(
        description="The picture that gives the shapes.", examples=["poses/sitting.png"]
    )
    strength: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False), Wants("a number from 0 to 10")] | None = key(
        "How strictly it holds.", 0.7, default=1.0
    )
    start: Share | None = key("After which share of the steps it begins.", 0.1, default=0.0)
    end: Share | None = key("After which share of the steps it ends.", 0.8, default=1.0)
    preprocessor: Annotated[Preprocessor, Wants("a node's class, or a mapping")] | None = key(
        "The node that makes the hints out of the picture; without one, the picture is the hint.", "Canny"
    )

    @model_validator(mode="after")
    def _in_order(self) -> ControlNet:
        if (0.0 if self.start is None else self.start) >= (1.0 if self.end is None else self.end):
            raise refuse("out-of-range", "it begins after it ends", "make `start` smaller than `end`")
        return self


class Refiner(Short):
    """A second checkpoint, which does the last steps; also the checkpoint alone."""

    SHORT_FOR = "model"

    model: Word = Field(
        description="A role from `models`, or a checkpoint's file name as ComfyUI lists it.",
        examples=["sd_xl_refiner_1.0.safetensors"],
    )
    start: Inside | None = key("After which share of the steps it takes over.", 0.75, default=0.8)


class Transparent(Short):
    """A node that finds the background of the finished picture; also the node's class alone."""

    SHORT_FOR = "node"

    node: Word = Field(description="The class of the node.", examples=["ImageColorToMask"])
    takes: Word | None = key("The node's input for the picture.", "images", default="image")
    inputs: Annotated[dict[str, ScalarValue], Field(max_length=50), Wants("a mapping of at most 50 inputs")] | None = (
        key("Values for its other inputs.", {"color": 16777215})
    )
    gives: Annotated[Literal["image", "mask", "background"], Wants("image, mask or background")] | None = key(
        "What its output is: the picture with a transparent background, a mask of what stays, or one of what goes.",
        "mask",
        default="image",
    )
    output: Annotated[int, Field(ge=0, le=100), Wants("an integer from 0 to 100")] | None = key(
        "Which of the node's outputs, counted from 0.", 1, default=0
    )

    @model_validator(mode="after")
    def _picture_once(self) -> Transparent:
        takes = self.takes or "image"
        if takes in (self.inputs or {}):
            told = f"the input {takes!r} is where the picture comes in"
            raise refuse("conflicting-keys", told, "remove it from `inputs`, or name another one with `takes`")
        return self


def _one_size(value: Hires | Upscale) -> Hires | Upscale:
    if value.scale is not None and value.size is not None:
        raise refuse("conflicting-keys", "it takes one of `scale` and `size`", "remove one of them")
    return value


class Hires(Closed):
    """A second pass over the enlarged picture, which adds detail."""

    scale: Scale | None = key("The picture's size in relation to `size`.", 2, default=1.5)
    size: SizePx | None = key("The picture's size in pixels, instead of `scale`.", "1248x1824")
    steps: Steps | None = key("Sampling steps of the second pass; as many as of the first when nothing is said.", 14)
    denoise: Denoise | None = key("How much is drawn anew.", 0.4, default=0.5)
    upscaler: Word | None = key(
        "How it is enlarged: nearest-exact, bilinear, area, bicubic, bislerp, or an upscale model.",
        "4x-soft.safetensors",
        default="nearest-exact",
    )


class Upscale(Short):
    """The finished picture enlarged by an upscale model; also the model alone."""

    SHORT_FOR = "model"

    model: Word = Field(
        description="A role from `models`, or a file name as ComfyUI lists it.", examples=["4x-soft.safetensors"]
    )
    scale: Scale | None = key("The picture's size in relation to what it was.", 2, default=4)
    size: SizePx | None = key("The picture's size in pixels, instead of `scale`.", "2048x2048")


HiresKey: TypeAlias = Annotated[Hires, AfterValidator(_one_size), Wants("a mapping")]
RefinerKey: TypeAlias = Annotated[Refiner, Wants("a model, or a mapping")]
TransparentKey: TypeAlias = Annotated[Transparent, Wants("a node's class, or a mapping")]
UpscaleKey: TypeAlias = Annotated[Upscale, AfterValidator(_one_size), Wants("a model, or a mapping")]

KINDS: tuple[type[Closed], ...] = (
    LoraEntry,
    ImageSource,
    InputFile,
    Preprocessor,
    ControlNet,
    Refiner,
    Hires,
    Upscale,
    Transparent,
)

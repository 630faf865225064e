"""The mappings inside an item's keys: LoRAs, the pictures it is made from, and what is done to it besides sampling."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from pytest_comfygen.language.schema.closed import Closed, key
from pytest_comfygen.language.schema.values import Path, ScalarValue, SizePx, Wants, Word, _refuse as refuse

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
    "LoraEntry",
    "Loras",
    "Preprocessor",
    "Shift",
    "Short",
    "TextEncoders",
    "Upscale",
    "UpscaleKey",
]

Steps: TypeAlias = Annotated[int, Field(ge=1, le=1000), Wants("an integer from 1 to 1000")]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), Wants("a number from 0 to 1")]
Denoise: TypeAlias = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), Wants("a number above 0 and not above 1")]
Scale: TypeAlias = Annotated[float, Field(gt=1, le=16, allow_inf_nan=False), Wants("a number above 1 and not above 16")]
LoraStrength: TypeAlias = Annotated[
    float, Field(ge=-100, le=100, allow_inf_nan=False), Wants("a number from -100 to 100")
]
Guidance: TypeAlias = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), Wants("a number from 0 to 100")]
Shift: TypeAlias = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), Wants("a number from 0 to 100")]
ClipSkip: TypeAlias = Annotated[int, Field(ge=1, le=24), Wants("an integer from 1 to 24")]
FamilyName: TypeAlias = Annotated[
    Literal["flux", "sd3", "qwen-image", "z-image"], Wants("flux, sd3, qwen-image or z-image")
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
            raise refuse("conflicting-keys", "it takes one of `file` and `item`", "write a path, or {item: NAME}")
        return self


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
UpscaleKey: TypeAlias = Annotated[Upscale, AfterValidator(_one_size), Wants("a model, or a mapping")]

KINDS: tuple[type[Closed], ...] = (LoraEntry, ImageSource, Preprocessor, ControlNet, Hires, Upscale)

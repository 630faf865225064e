"""What an item may say: the keys of the language, and those of what makes items in numbers.

They are typed mappings rather than models: an item says little, and there may be a hundred thousand. What is not
written is not there, so a mapping is no larger than what somebody wrote, and defaults are laid under it at once.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from pytest_comfygen.language.schema.axes import AxisValues, Choice
from pytest_comfygen.language.schema.closed import CLOSED, key, said
from pytest_comfygen.language.schema.kinds import (
    ClipSkip,
    ControlNet,
    Denoise,
    FamilyName,
    Guidance,
    HiresKey,
    ImageSource,
    Loras,
    RefinerKey,
    SetEntry,
    Shift,
    TextEncoders,
    TransparentKey,
    UpscaleKey,
)
from pytest_comfygen.language.schema.looks import LooksKeys
from pytest_comfygen.language.schema.playing import DurationKey, FramesKey
from pytest_comfygen.language.schema.values import (
    Flag,
    Path,
    ScalarValue,
    SeedValue,
    SizePx,
    Text,
    Wants,
    Word,
    _refuse as refuse,
)
from pytest_comfygen.records import Part

__all__ = ["MAX_ITEMS", "NEVER", "Item", "Keys", "Matrix", "Source", "SourceEntry", "Verify"]

MAX_ITEMS = 100_000

NEVER = MappingProxyType({"batch": "an item is one picture: write an item for each, or `seed:` for another one"})

_YES = True  # the example of a flag
_ONE_OF_TWO: Any = {
    "oneOf": [{"required": ["file"]}, {"required": ["source"]}],
    "dependencies": {"options": ["source"]},
}


class Verify(LooksKeys):
    """What an image must show."""

    min_stddev: (
        Annotated[float, Field(ge=0, le=127.5, allow_inf_nan=False), Wants("a number from 0 to 127.5")] | None
    ) = key(
        "Least standard deviation of the most varied colour channel; below it an image counts as blank.", 4, default=1.0
    )
    allow_blank: Flag | None = key("Accept an image of one colour.", _YES, default=False)
    mode: Annotated[Literal["RGB", "RGBA", "L"], Wants("RGB, RGBA or L")] | None = key(
        "The colour mode: RGB for a checkpoint's images when nothing is said; any of the three for a workflow's.",
        "RGBA",
    )
    frames: FramesKey | None = key(
        "A workflow's animation or video: how many pictures it has; makes a png or webp an animated one.",
        16,
        {"min": 2},
    )
    duration: DurationKey | None = key(
        "A workflow's animation, video or sound: how many seconds it plays.", 5, {"min": 4.5, "max": 5.5}
    )


@with_config(CLOSED)
class Keys(TypedDict, total=False):
    """What an item may say, and `defaults` for all items."""

    prompt: Annotated[
        Text | None, said("What the image shows; `${…}` may be used.", "portrait of ${subject}, oil painting")
    ]
    negative: Annotated[Text | None, said("What it must not show.", "text, watermark", default="")]
    alternatives: Annotated[
        Flag | None, said("Of `{a|b}` in `prompt` and `negative`, the item's name chooses one.", _YES, default=False)
    ]
    wildcards: Annotated[
        Path | None,
        said(
            "A folder: for `__mood__` in a prompt, the item's name chooses a line of its `mood.txt`.",
            "../wildcards",
        ),
    ]
    checkpoint: Annotated[
        Word | None, said("A role from `models`, or a checkpoint's file name as ComfyUI lists it.", "base")
    ]
    size: Annotated[
        SizePx | None,
        said(
            "Width x height in pixels; multiples of 8 for a checkpoint, of 16 for a family.",
            "832x1216",
            default="512x512",
        ),
    ]
    steps: Annotated[
        Annotated[int, Field(ge=1, le=1000), Wants("an integer from 1 to 1000")] | None,
        said("Sampling steps.", 30, default=20),
    ]
    cfg: Annotated[
        Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), Wants("a number from 0 to 100")] | None,
        said("How closely the prompt is followed.", 6.5, default=7.0),
    ]
    sampler: Annotated[Word | None, said("ComfyUI's name of the sampler.", "dpmpp_2m", default="euler")]
    scheduler: Annotated[Word | None, said("ComfyUI's name of the scheduler.", "karras", default="normal")]
    seed: Annotated[
        SeedValue | None, said("The seed, or the rule that finds it.", 1234, "from-prompt", default="from-name")
    ]
    family: Annotated[
        FamilyName | None,
        said(
            "The family of models, which decides the graph and the defaults; nothing for SD 1.5, SDXL and their like.",
            "flux",
        ),
    ]
    diffusion_model: Annotated[
        Word | None,
        said("Instead of a checkpoint: a family's model alone, a role or a file name.", "flux1-dev.safetensors"),
    ]
    text_encoders: Annotated[
        TextEncoders | None,
        said(
            "The text encoders of a `diffusion_model`, as roles or file names.",
            ["clip_l.safetensors", "t5xxl_fp16.safetensors"],
        ),
    ]
    vae: Annotated[
        Word | None,
        said("A VAE, as a role or a file name; the checkpoint's own when nothing is said.", "ae.safetensors"),
    ]
    guidance: Annotated[Guidance | None, said("Flux: how closely the prompt is followed.", 3.5)]
    shift: Annotated[Shift | None, said("sd3, qwen-image, z-image: the shift of the noise schedule.", 3.0)]
    clip_skip: Annotated[
        ClipSkip | None, said("At which layer from the end the text encoder is left, counted from 1.", 2)
    ]
    loras: Annotated[
        Loras | None, said("LoRAs, in the order in which they are laid over the model.", ["ink.safetensors"])
    ]
    init_image: Annotated[
        Annotated[ImageSource, Wants("a path, or a mapping")] | None,
        said("The picture that this one starts from.", "sketches/dwarf.png", {"item": "kin_dwarf"}),
    ]
    denoise: Annotated[Denoise | None, said("How much of `init_image` is drawn anew.", 0.4, default=0.6)]
    mask: Annotated[
        Annotated[ImageSource, Wants("a path, or a mapping")] | None,
        said("White where `init_image` may change; the rest stays.", "masks/beard.png"),
    ]
    controlnet: Annotated[
        Annotated[ControlNet, Wants("a mapping")] | None,
        said("Hold the picture to the shapes of another one.", {"model": "canny.safetensors", "image": "pose.png"}),
    ]
    refiner: Annotated[
        RefinerKey | None,
        said("A second checkpoint that does the last steps, as SDXL's refiner.", "sd_xl_refiner_1.0.safetensors"),
    ]
    hires: Annotated[HiresKey | None, said("A second pass over the enlarged picture.", {"scale": 1.5, "denoise": 0.5})]
    upscale: Annotated[
        UpscaleKey | None, said("Enlarge the finished picture by an upscale model.", "4x-soft.safetensors")
    ]
    transparent: Annotated[
        TransparentKey | None,
        said(
            "Make the background transparent by a node that finds it.",
            {"node": "ImageColorToMask", "inputs": {"color": 16777215}, "gives": "background"},
        ),
    ]
    candidates: Annotated[
        Annotated[int, Field(ge=2, le=64), Wants("an integer from 2 to 64")] | None,
        said("How many pictures are made aside, with a seed each, for a person to pick one.", 4),
    ]
    vars: Annotated[
        Annotated[dict[str, ScalarValue], Field(max_length=250), Wants("a mapping of at most 250 variables")] | None,
        said("Values for `${…}`.", {"style": "oil painting"}),
    ]
    verify: Annotated[
        Annotated[Verify, Wants("a mapping")] | None,
        said("What the image must show to be published.", {"min_stddev": 4}),
    ]
    tags: Annotated[
        Annotated[list[Word], Field(max_length=50), Wants("a list of at most 50 words")] | None,
        said("Become pytest marks; an item's tags are added to the defaults'.", ["portrait"]),
    ]
    status: Annotated[
        Annotated[Literal["planned", "approved"], Wants("planned or approved")] | None,
        said("planned: a missing image is no failure. approved: the image is frozen.", "planned"),
    ]
    stale_on: Annotated[
        Annotated[
            list[Annotated[Part, Wants("one of prompt, params, workflow, models, inputs")]],
            Wants("a list of prompt, params, workflow, models, inputs"),
        ]
        | None,
        said(
            "Changes in which parts make the image stale.",
            ["prompt", "models"],
            default=["prompt", "params", "workflow", "models", "inputs"],
        ),
    ]
    workflow: Annotated[
        Path | None,
        said(
            "A workflow relative to the job file: a .json file from ComfyUI, or a .png or .webp picture that it made.",
            "portrait.json",
            "portrait.png",
        ),
    ]
    set: Annotated[
        Annotated[dict[str, SetEntry], Field(max_length=250), Wants("a mapping of at most 250 inputs")] | None,
        said(
            "Values for the workflow's inputs, by `node.input`: texts, numbers, truth values, and files that are sent "
            "to the server.",
            {"KSampler.seed": "${seed}", "LoadImage.image": {"file": "sketches/dwarf.png"}},
        ),
    ]
    output_node: Annotated[
        Word | None,
        said(
            "The node of the workflow whose picture is taken, when several save one; named as in `set`.", "SaveImage#2"
        ),
    ]


@with_config(CLOSED | ConfigDict(json_schema_extra=_ONE_OF_TWO))
class Source(Keys, total=False):
    """A file or a named source whose rows become items; the keys of an item hold for all of them."""

    file: Annotated[
        Path | None,
        said("The source, relative to the job file: csv, tsv, json, jsonl, yaml, toml or txt.", "../data/kins.csv"),
    ]
    source: Annotated[
        Word | None,
        said("Instead of a file: the name of a source that a `conftest.py` or plugin has rows for.", "kins"),
    ]
    options: Annotated[
        Annotated[dict[str, ScalarValue], Field(max_length=50), Wants("a mapping of at most 50 options")] | None,
        said("What `source` is told besides its name.", {"chapter": 3}),
    ]
    name: Annotated[
        Text | None,
        said(
            "The name of a row's item; `${…}` may be a column or `row`, the row's number.",
            "kin_${id}",
            default="${name}",
        ),
    ]
    where: Annotated[
        Annotated[
            dict[str, Annotated[Choice, Wants("a text, a number, true or false, or a list of them")]],
            Wants("a mapping of columns to values"),
        ]
        | None,
        said("Only rows that have these values in these columns become items.", {"playable": "yes"}),
    ]
    limit: Annotated[
        Annotated[int, Field(ge=1, le=MAX_ITEMS), Wants("an integer from 1 to 100 000")] | None,
        said("At most so many of the rows become items, the first ones.", 10),
    ]
    keys: Annotated[
        Annotated[list[Word], Wants("a list of keys")] | None,
        said("Columns that set the item's key of the same name.", ["seed", "prompt"]),
    ]
    rename: Annotated[
        Annotated[dict[str, Word], Wants("a mapping of columns to names")] | None,
        said("Other names for columns.", {"Full name": "title"}),
    ]


@with_config(CLOSED)
class Matrix(Keys, total=False):
    """Every combination of values becomes an item; the keys of an item hold for all of them."""

    name: Annotated[
        Text | None,
        said("The name of a combination's item; without it, the values joined with `-`.", "banner-${season}-${size}"),
    ]
    axes: Annotated[
        Annotated[dict[str, AxisValues], Wants("a mapping of names to values")] | None,
        said(
            "Variables, or keys of an item, with the values that each takes.",
            {"season": ["winter", "summer"], "cfg": "4..7"},
        ),
    ]
    zip: Annotated[
        Annotated[dict[str, AxisValues], Wants("a mapping of names to values")] | None,
        said(
            "Lists of one length that are walked through together, as one more axis.",
            {"animal": ["cat", "dog"], "sound": ["meow", "woof"]},
        ),
    ]


def _short_forms(value: object) -> object:
    if value is None:
        return {}
    return {"prompt": value} if isinstance(value, str) else value


def _one_of_two(source: Source) -> Source:
    file, name = source.get("file"), source.get("source")
    if file is None and name is None:
        hint = "add `file:`, or `source:` for rows that a conftest.py gives"
        raise refuse("missing-key", "the key `file` is missing", hint)
    if file is not None and name is not None:
        raise refuse("conflicting-keys", "it takes one of `file` and `source`", "remove one of them")
    if source.get("options") is not None and name is None:
        raise refuse("conflicting-keys", "`options` are for a `source`, not for a `file`", "remove `options`")
    return source


# One image: a mapping of keys, or its prompt alone, or nothing when the defaults say all.
Item = Annotated[Keys, BeforeValidator(_short_forms)]
SourceEntry = Annotated[Source, AfterValidator(_one_of_two)]

"""The keys of the language, one model for each mapping of a job file."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from pytest_comfygen.language.schema.axes import AxisValues, Choice, Includes
from pytest_comfygen.language.schema.closed import Closed, key as _key
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
from pytest_comfygen.language.schema.playing import DurationKey, FramesKey
from pytest_comfygen.language.schema.values import (
    CustomNodes,
    Flag,
    ModelUrl,
    Path,
    ScalarValue,
    SeedValue,
    ServerArgs,
    ServerUrls,
    Sha256,
    SizeBytes,
    SizePx,
    Text,
    Wants,
    Word,
    _refuse as refuse,
)
from pytest_comfygen.records import Part

__all__ = [
    "Closed",
    "DefaultsDocument",
    "Item",
    "ItemsDocument",
    "JobDocument",
    "Keys",
    "Matrix",
    "ModelEntry",
    "Output",
    "Server",
    "Source",
    "Verify",
]

MAX_ITEMS = 100_000
MAX_SOURCES = 100

_YES = True  # the example of a flag


class Server(Closed):
    """How to reach a ComfyUI for this file."""

    url: ServerUrls | None = _key(
        "Use this running server, or one of these; on this machine only.", "http://127.0.0.1:8188"
    )
    start: Annotated[Literal["auto", "never"], Wants("auto or never")] = Field(
        default="auto", description="Whether a server may be started when none is running.", examples=["never"]
    )
    args: ServerArgs | None = _key(
        "Flags for a server that is started: about memory, precision, caches and attention.", ["--lowvram"]
    )
    custom_nodes: CustomNodes | None = _key(
        "The custom nodes that the jobs need, each with its revision; they are compared with the settings, "
        "never installed from here.",
        ["https://github.com/someone/nodes@v1.2"],
    )


class ModelEntry(Closed):
    """A weights file that jobs need, known by its role."""

    file: Path = Field(
        description="ComfyUI's model folder and the file's name in it.",
        examples=["checkpoints/sd_xl_base_1.0.safetensors"],
    )
    url: ModelUrl | None = _key("Where the file can be had.", "https://example.org/models/base.safetensors")
    sha256: Sha256 | None = _key(
        "The file's sha256.", "31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b"
    )
    size: SizeBytes | None = _key("The file's size.", "6.94 GB", "335 MiB", 6938078334)
    license: Text | None = _key("The licence, or where to read it.", "CreativeML Open RAIL++-M")


class Output(Closed):
    """Where the images go."""

    dir: Path = Field(
        default=".",
        description="The folder of the images, relative to the job file; `${…}` may be used.",
        examples=["../assets/portraits"],
    )
    file: Path = Field(
        default="${name}.png",
        description="An image's file name, with subfolders if wanted; the suffix decides the format: png, webp or jpg, "
        "and of a workflow also gif, mp4, webm, flac, mp3, opus or wav.",
        examples=["${name}.webp"],
    )
    metadata: Flag = Field(
        default=False, description="Keep the metadata that ComfyUI writes into its images.", examples=[True]
    )
    index: Path | None = _key(
        "A JSON list of the images (name, file, size, tags), in their folder, for the program that uses them.",
        "kins.json",
    )


class Verify(Closed):
    """What an image must show."""

    LATER = frozenset({"alpha", "bytes", "palette", "similar_to", "siblings", "duplicates", "retries"})

    min_stddev: (
        Annotated[float, Field(ge=0, le=127.5, allow_inf_nan=False), Wants("a number from 0 to 127.5")] | None
    ) = _key(
        "Least standard deviation of the most varied colour channel; below it an image counts as blank.", 4, default=1.0
    )
    allow_blank: Flag | None = _key("Accept an image of one colour.", _YES, default=False)
    mode: Annotated[Literal["RGB", "RGBA", "L"], Wants("RGB, RGBA or L")] | None = _key(
        "The colour mode: RGB for a checkpoint's images when nothing is said; any of the three for a workflow's.",
        "RGBA",
    )
    frames: FramesKey | None = _key(
        "A workflow's animation or video: how many pictures it has; makes a png or webp an animated one.",
        16,
        {"min": 2},
    )
    duration: DurationKey | None = _key(
        "A workflow's animation, video or sound: how many seconds it plays.", 5, {"min": 4.5, "max": 5.5}
    )


class Keys(Closed):
    """What an item may say, and `defaults` for all items."""

    NEVER = MappingProxyType({"batch": "an item is one picture: write an item for each, or `seed:` for another one"})

    prompt: Text | None = _key("What the image shows; `${…}` may be used.", "portrait of ${subject}, oil painting")
    negative: Text | None = _key("What it must not show.", "text, watermark", default="")
    alternatives: Flag | None = _key(
        "Of `{a|b}` in `prompt` and `negative`, the item's name chooses one.", _YES, default=False
    )
    wildcards: Path | None = _key(
        "A folder: for `__mood__` in a prompt, the item's name chooses a line of its `mood.txt`.",
        "../wildcards",
    )
    checkpoint: Word | None = _key("A role from `models`, or a checkpoint's file name as ComfyUI lists it.", "base")
    size: SizePx | None = _key(
        "Width x height in pixels; multiples of 8 for a checkpoint, of 16 for a family.", "832x1216", default="512x512"
    )
    steps: Annotated[int, Field(ge=1, le=1000), Wants("an integer from 1 to 1000")] | None = _key(
        "Sampling steps.", 30, default=20
    )
    cfg: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), Wants("a number from 0 to 100")] | None = _key(
        "How closely the prompt is followed.", 6.5, default=7.0
    )
    sampler: Word | None = _key("ComfyUI's name of the sampler.", "dpmpp_2m", default="euler")
    scheduler: Word | None = _key("ComfyUI's name of the scheduler.", "karras", default="normal")
    seed: SeedValue | None = _key("The seed, or the rule that finds it.", 1234, "from-prompt", default="from-name")
    family: FamilyName | None = _key(
        "The family of models, which decides the graph and the defaults; nothing for SD 1.5, SDXL and their like.",
        "flux",
    )
    diffusion_model: Word | None = _key(
        "Instead of a checkpoint: a family's model alone, a role or a file name.", "flux1-dev.safetensors"
    )
    text_encoders: TextEncoders | None = _key(
        "The text encoders of a `diffusion_model`, as roles or file names.",
        ["clip_l.safetensors", "t5xxl_fp16.safetensors"],
    )
    vae: Word | None = _key(
        "A VAE, as a role or a file name; the checkpoint's own when nothing is said.", "ae.safetensors"
    )
    guidance: Guidance | None = _key("Flux: how closely the prompt is followed.", 3.5)
    shift: Shift | None = _key("sd3, qwen-image, z-image: the shift of the noise schedule.", 3.0)
    clip_skip: ClipSkip | None = _key("At which layer from the end the text encoder is left, counted from 1.", 2)
    loras: Loras | None = _key("LoRAs, in the order in which they are laid over the model.", ["ink.safetensors"])
    init_image: Annotated[ImageSource, Wants("a path, or a mapping")] | None = _key(
        "The picture that this one starts from.", "sketches/dwarf.png", {"item": "kin_dwarf"}
    )
    denoise: Denoise | None = _key("How much of `init_image` is drawn anew.", 0.4, default=0.6)
    mask: Annotated[ImageSource, Wants("a path, or a mapping")] | None = _key(
        "White where `init_image` may change; the rest stays.", "masks/beard.png"
    )
    controlnet: Annotated[ControlNet, Wants("a mapping")] | None = _key(
        "Hold the picture to the shapes of another one.", {"model": "canny.safetensors", "image": "pose.png"}
    )
    refiner: RefinerKey | None = _key(
        "A second checkpoint that does the last steps, as SDXL's refiner.", "sd_xl_refiner_1.0.safetensors"
    )
    hires: HiresKey | None = _key("A second pass over the enlarged picture.", {"scale": 1.5, "denoise": 0.5})
    upscale: UpscaleKey | None = _key("Enlarge the finished picture by an upscale model.", "4x-soft.safetensors")
    transparent: TransparentKey | None = _key(
        "Make the background transparent by a node that finds it.",
        {"node": "ImageColorToMask", "inputs": {"color": 16777215}, "gives": "background"},
    )
    candidates: Annotated[int, Field(ge=2, le=64), Wants("an integer from 2 to 64")] | None = _key(
        "How many pictures are made aside, with a seed each, for a person to pick one.", 4
    )
    vars: (
        Annotated[dict[str, ScalarValue], Field(max_length=250), Wants("a mapping of at most 250 variables")] | None
    ) = _key("Values for `${…}`.", {"style": "oil painting"})
    verify: Annotated[Verify, Wants("a mapping")] | None = _key(
        "What the image must show to be published.", {"min_stddev": 4}
    )
    tags: Annotated[list[Word], Field(max_length=50), Wants("a list of at most 50 words")] | None = _key(
        "Become pytest marks; an item's tags are added to the defaults'.", ["portrait"]
    )
    status: Annotated[Literal["planned", "approved"], Wants("planned or approved")] | None = _key(
        "planned: a missing image is no failure. approved: the image is frozen.", "planned"
    )
    stale_on: (
        Annotated[
            list[Annotated[Part, Wants("one of prompt, params, workflow, models, inputs")]],
            Wants("a list of prompt, params, workflow, models, inputs"),
        ]
        | None
    ) = _key(
        "Changes in which parts make the image stale.",
        ["prompt", "models"],
        default=["prompt", "params", "workflow", "models", "inputs"],
    )
    workflow: Path | None = _key(
        "A workflow relative to the job file: a .json file from ComfyUI, or a .png or .webp picture that it made.",
        "portrait.json",
        "portrait.png",
    )
    set: Annotated[dict[str, SetEntry], Field(max_length=250), Wants("a mapping of at most 250 inputs")] | None = _key(
        "Values for the workflow's inputs, by `node.input`: texts, numbers, truth values, and files that are sent to "
        "the server.",
        {"KSampler.seed": "${seed}", "LoadImage.image": {"file": "sketches/dwarf.png"}},
    )
    output_node: Word | None = _key(
        "The node of the workflow whose picture is taken, when several save one; named as in `set`.", "SaveImage#2"
    )


class Item(Keys):
    """One image: a mapping of keys, or its prompt alone, or nothing when the defaults say all."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: object) -> object:
        if value is None:
            return {}
        return {"prompt": value} if isinstance(value, str) else value


class Source(Keys):
    """A file or a named source whose rows become items; the keys of an item hold for all of them."""

    model_config = ConfigDict(
        defer_build=True,
        json_schema_extra={
            "oneOf": [{"required": ["file"]}, {"required": ["source"]}],
            "dependencies": {"options": ["source"]},
        },
    )

    file: Path | None = _key(
        "The source, relative to the job file: csv, tsv, json, jsonl, yaml, toml or txt.", "../data/kins.csv"
    )
    source: Word | None = _key(
        "Instead of a file: the name of a source that a `conftest.py` or plugin has rows for.", "kins"
    )
    options: (
        Annotated[dict[str, ScalarValue], Field(max_length=50), Wants("a mapping of at most 50 options")] | None
    ) = _key("What `source` is told besides its name.", {"chapter": 3})
    name: Text | None = _key(
        "The name of a row's item; `${…}` may be a column or `row`, the row's number.", "kin_${id}", default="${name}"
    )
    where: (
        Annotated[
            dict[str, Annotated[Choice, Wants("a text, a number, true or false, or a list of them")]],
            Wants("a mapping of columns to values"),
        ]
        | None
    ) = _key("Only rows that have these values in these columns become items.", {"playable": "yes"})
    limit: Annotated[int, Field(ge=1, le=MAX_ITEMS), Wants("an integer from 1 to 100 000")] | None = _key(
        "At most so many of the rows become items, the first ones.", 10
    )
    keys: Annotated[list[Word], Wants("a list of keys")] | None = _key(
        "Columns that set the item's key of the same name.", ["seed", "prompt"]
    )
    rename: Annotated[dict[str, Word], Wants("a mapping of columns to names")] | None = _key(
        "Other names for columns.", {"Full name": "title"}
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Source:
        if self.file is None and self.source is None:
            hint = "add `file:`, or `source:` for rows that a conftest.py gives"
            raise refuse("missing-key", "the key `file` is missing", hint)
        if self.file is not None and self.source is not None:
            raise refuse("conflicting-keys", "it takes one of `file` and `source`", "remove one of them")
        if self.options is not None and self.source is None:
            raise refuse("conflicting-keys", "`options` are for a `source`, not for a `file`", "remove `options`")
        return self


class Matrix(Keys):
    """Every combination of values becomes an item; the keys of an item hold for all of them."""

    model_config = ConfigDict(defer_build=True)

    name: Text | None = _key(
        "The name of a combination's item; without it, the values joined with `-`.", "banner-${season}-${size}"
    )
    axes: Annotated[dict[str, AxisValues], Wants("a mapping of names to values")] | None = _key(
        "Variables, or keys of an item, with the values that each takes.",
        {"season": ["winter", "summer"], "cfg": "4..7"},
    )
    zip: Annotated[dict[str, AxisValues], Wants("a mapping of names to values")] | None = _key(
        "Lists of one length that are walked through together, as one more axis.",
        {"animal": ["cat", "dog"], "sound": ["meow", "woof"]},
    )


class DefaultsDocument(Closed):
    """A file of defaults, which job files take over."""

    model_config = ConfigDict(defer_build=True)  # few runs read one

    comfyjob: Annotated[Literal[1], Wants("1")] = Field(description="The version of this language.", examples=[1])
    include: Includes | None = _key("Files of defaults under this one's.", ["../styles/oil.yaml"])
    models: Annotated[dict[str, Annotated[ModelEntry, Wants("a mapping")]], Wants("a mapping")] | None = _key(
        "The weights files that the jobs need, by role.", {"base": {"file": "checkpoints/sd_xl_base_1.0.safetensors"}}
    )
    defaults: Annotated[Keys, Wants("a mapping")] | None = _key(
        "Keys for every item; an item's own key wins.", {"checkpoint": "base", "size": "832x1216"}
    )


class ItemsDocument(Closed):
    """A job file that writes all of its items out, as most do."""

    comfyjob: Annotated[Literal[1], Wants("1")] = Field(description="The version of this language.", examples=[1])
    include: Includes | None = _key("Files of defaults under this one's.", ["../styles/oil.yaml"])
    server: Annotated[Server, Wants("a mapping")] | None = _key(
        "How to reach a ComfyUI for this file.", {"url": "http://127.0.0.1:8188"}
    )
    models: Annotated[dict[str, Annotated[ModelEntry, Wants("a mapping")]], Wants("a mapping")] | None = _key(
        "The weights files that the jobs need, by role.", {"base": {"file": "checkpoints/sd_xl_base_1.0.safetensors"}}
    )
    output: Annotated[Output, Wants("a mapping")] | None = _key("Where the images go.", {"dir": "../assets/portraits"})
    defaults: Annotated[Keys, Wants("a mapping")] | None = _key(
        "Keys for every item; an item's own key wins.", {"checkpoint": "base", "size": "832x1216"}
    )
    items: (
        Annotated[
            dict[str, Annotated[Item, Wants("a mapping, a prompt, or nothing")]],
            Field(max_length=MAX_ITEMS),
            Wants("a mapping of names to items"),
        ]
        | None
    ) = _key("The images, by name.", {"kin_cat": "portrait of a cat in armour"})


class JobDocument(ItemsDocument):
    """A job file: images that are built and tested."""

    # Building all that rows and combinations may say takes 10 ms, which few files are to pay.
    model_config = ConfigDict(defer_build=True)

    sources: (
        Annotated[
            list[Annotated[Source, Wants("a mapping")]], Field(max_length=MAX_SOURCES), Wants("a list of sources")
        ]
        | None
    ) = Field(
        default=None,
        alias="from",
        description="Files and named sources whose rows become items.",
        examples=[[{"file": "../data/kins.csv", "name": "kin_${id}"}]],
    )
    matrix: Annotated[Matrix, Wants("a mapping")] | None = _key(
        "Items out of every combination of values.",
        {"axes": {"season": ["winter", "summer"], "cfg": "4..7"}},
    )

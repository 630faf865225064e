"""The keys of the language, one model for each mapping of a job file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pytest_comfygen.language.schema.axes import Includes
from pytest_comfygen.language.schema.closed import Closed, key as _key
from pytest_comfygen.language.schema.items import MAX_ITEMS, Item, Keys, Matrix, SourceEntry
from pytest_comfygen.language.schema.values import (
    CustomNodes,
    Flag,
    ModelUrl,
    Path,
    ServerArgs,
    ServerUrls,
    Sha256,
    SizeBytes,
    Text,
    Wants,
)

__all__ = ["DefaultsDocument", "ItemsDocument", "JobDocument", "ModelEntry", "Output", "Server"]

MAX_SOURCES = 100


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
            list[Annotated[SourceEntry, Wants("a mapping")]], Field(max_length=MAX_SOURCES), Wants("a list of sources")
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

"""The frozen vocabulary that all rooms share: what is asked for, what was made, what was found.

A *job* is written in a job file and made concrete; an *item* is pytest's; a *graph* is what ComfyUI runs;
a *record* says what made an image; a *finding* is one verdict; a *model* is a weights file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pytest_comfygen.errors import ComfygenError, Where

__all__ = [
    "CheckpointRecipe",
    "Checks",
    "Event",
    "Execution",
    "Finding",
    "Fingerprint",
    "Graph",
    "History",
    "ImageFormat",
    "ImageRecord",
    "ImageStatistics",
    "Inspection",
    "Job",
    "JobFile",
    "JobResult",
    "Model",
    "ObjectInfo",
    "Outcome",
    "Part",
    "Reason",
    "RemoteImage",
    "Scalar",
    "Seed",
    "SeedRule",
    "ServerInfo",
    "ServerWish",
    "SetValue",
    "Size",
    "Status",
    "Timing",
    "Verified",
    "WorkflowRecipe",
]

Scalar: TypeAlias = str | int | float | bool | None

# ComfyUI's own documents stay what they are: read-only mappings. Source: ComfyUI server.py, execution.py.
Graph: TypeAlias = Mapping[str, Mapping[str, Any]]
ObjectInfo: TypeAlias = Mapping[str, Mapping[str, Any]]
History: TypeAlias = Mapping[str, Any]

ImageFormat = Literal["png", "webp", "jpeg"]
Status = Literal["planned", "approved"]
SeedRule = Literal["from-name", "from-prompt", "random", "fixed"]
Part = Literal["prompt", "params", "workflow", "models", "inputs"]
Outcome = Literal[
    "generated", "current", "identical", "adopted", "planned", "failed", "missing", "stale", "edited", "orphan"
]


# --- what a job file asks for ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """An image's size in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Seed:
    """How an item's seed is found, and the seed where it is known before the run.

    :param value: 0..2**64-1; None for `random`, whose seed the plan takes from the record or the run's nonce.
    """

    rule: SeedRule
    value: int | None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRecipe:
    """A picture from one checkpoint file that brings model, text encoder and VAE (SD 1.5, SDXL)."""

    checkpoint: Model
    size: Size
    steps: int
    cfg: float
    sampler: str
    scheduler: str


@dataclass(frozen=True, slots=True)
class SetValue:
    """One entry of `set:`, addressed: the input of one node that gets a value.

    :param target: the key as written, such as `KSampler.seed`.
    :param value: a scalar, or a text with `${…}` that still holds what only the plan knows (a random seed).
    """

    target: str
    node: str
    input: str
    value: Scalar
    where: Where


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRecipe:
    """A picture from a workflow file in ComfyUI's API format.

    :param file: the workflow file, absolute, inside the repository.
    :param sha256: of the graph's canonical JSON (sorted keys, no white space).
    :param graph: the workflow as written, before `sets`.
    :param variables: what `${…}` in `sets` may use, without `seed`, which the plan adds.
    :param size: checked on the result when given; None when the workflow decides.
    """

    file: Path
    sha256: str
    graph: Graph
    sets: tuple[SetValue, ...]
    variables: Mapping[str, Scalar]
    size: Size | None


@dataclass(frozen=True, slots=True)
class Checks:
    """What a picture must show to be published.

    :param size: exact size in pixels, None when any will do.
    :param mode: Pillow's mode (`RGB`, `RGBA`, `L`), None for any of the three.
    :param min_stddev: least standard deviation of the most varied colour channel, 0..127.5; below is blank.
    :param allow_blank: accept a picture of one colour.
    """

    size: Size | None
    format: ImageFormat
    mode: str | None = None
    min_stddev: float = 1.0
    allow_blank: bool = False


@dataclass(frozen=True, slots=True)
class ServerWish:
    """What a job file says about its server; other hosts never come from here."""

    urls: tuple[str, ...] = ()
    start: Literal["auto", "never"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One image, made concrete: every default merged, every variable filled in.

    :param where: the place of the item's name in its job file.
    :param file: the job file, absolute.
    :param root: the repository's top, absolute and resolved; the output lies below it.
    :param output: the image file, absolute.
    :param places: where each key that shaped this job stands (`steps`, `checkpoint`, `prompt`, `set.3.seed` …).
    """

    name: str
    where: Where
    file: Path
    root: Path
    output: Path
    format: ImageFormat
    keep_metadata: bool
    prompt: str
    negative: str
    seed: Seed
    recipe: CheckpointRecipe | WorkflowRecipe
    checks: Checks
    tags: tuple[str, ...]
    status: Status | None
    stale_on: tuple[Part, ...]
    server: ServerWish
    places: Mapping[str, Where]

    @property
    def id(self) -> str:
        """The job as people name it: `jobs/kins.comfyjob.yaml::kin_dwarf`, relative to the repository."""
        return f"{relative(self.file, self.root)}::{self.name}"

    @property
    def output_name(self) -> str:
        """The image's path as people name it, relative to the repository."""
        return relative(self.output, self.root)

    def place(self, key: str) -> Where:
        """Where `key` of this job stands, or the item's own place when it was not written anywhere."""
        return self.places.get(key, self.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """What one job file says.

    :param warnings: what is allowed and probably not meant, each with its place.
    """

    path: Path
    jobs: tuple[Job, ...]
    warnings: tuple[ComfygenError, ...] = ()


def relative(path: Path, root: Path) -> str:
    """`path` below `root` with forward slashes, or the whole path when it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


# --- what made an image ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Everything that shapes an image's pixels, as flat mappings of values that can be shown to people.

    A value of None under a key that ends in `sha256` is unknown here and is not compared.
    """

    prompt: Mapping[str, Scalar]
    params: Mapping[str, Scalar]
    workflow: Mapping[str, Scalar] = field(default_factory=dict)
    models: Mapping[str, Scalar] = field(default_factory=dict)
    inputs: Mapping[str, Scalar] = field(default_factory=dict)

    def part(self, name: Part) -> Mapping[str, Scalar]:
        """The mapping of one part."""
        values: Mapping[str, Scalar] = getattr(self, name)
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStatistics:
    """What later checks need to know of a picture without decoding it again.

    :param mode: Pillow's mode of the decoded picture.
    :param stddev: standard deviation of the most varied colour channel (alpha left out), 0..127.5, three decimals.
    :param extrema: (lowest, highest) of each channel in the mode's order, 0..255.
    :param dhash: 256-bit difference hash, 64 hex digits.
    :param transparency: share of pixels that are fully transparent, 0..1; None without an alpha channel.
    """

    size: Size
    mode: str
    stddev: float
    extrema: tuple[tuple[int, int], ...]
    dhash: str
    transparency: float | None


@dataclass(frozen=True, slots=True)
class Verified:
    """That a picture passed, under which settings, and what was measured.

    :param settings: sha256 of the check settings.
    """

    settings: str
    statistics: ImageStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """What made an image; kept beside it in git, so it holds no time, host or absolute path.

    :param job: the job file, relative to the repository (for information: a record belongs to its image's path).
    :param recipe: number of the built-in recipe, raised when its pixels are meant to change; 0 for workflows.
    :param graph_sha256: of the graph really sent, without what only names the submission; for drift only.
    :param file_sha256: of the file's bytes.
    :param pixels_sha256: of the pixels that the file decodes to.
    :param source_sha256: of the pixels as ComfyUI gave them, before our encoding; None when adopted.
    """

    job: str
    item: str
    fingerprint: Fingerprint
    seed: int | None
    family: str
    recipe: int
    graph_sha256: str | None
    comfyui: Mapping[str, Scalar]
    file_sha256: str
    pixels_sha256: str
    source_sha256: str | None
    encoding: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why an image is not what its job says; wording is `outputs.report`'s.

    :param kind: `changed` (a fingerprint value), `missing` (no file), `damaged` (the file does not decode),
        `check` (a check fails on the file), `asked` (`--comfy-update all`).
    """

    kind: Literal["changed", "missing", "damaged", "check", "asked"]
    part: Part | None = None
    key: str = ""
    old: Scalar = None
    new: Scalar = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict, on a picture or on the machine.

    :param code: stable, kebab-case.
    :param fix: the command or edit that mends it.
    """

    code: str
    severity: Literal["error", "warning"]
    found: str
    wanted: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What verification saw in an image's bytes.

    :param findings: empty when the picture passed.
    :param statistics: None when the bytes do not decode.
    """

    findings: tuple[Finding, ...]
    statistics: ImageStatistics | None = None
    pixels_sha256: str | None = None


# --- talking to a server --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """A ComfyUI server that answers.

    :param version: ComfyUI's version as it says itself.
    :param commit: its git commit where that is known, else None.
    :param sketch: it is the embedded stand-in.
    :param owned: this run started it.
    """

    url: str
    version: str
    commit: str | None = None
    device: str = ""
    sketch: bool = False
    owned: bool = False


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """A file that a job left on the server. Source: ComfyUI history `outputs[node].images[]`."""

    node: str
    filename: str
    subfolder: str
    type: str


@dataclass(frozen=True, slots=True)
class Timing:
    """Where a job's time went, in seconds; None where the server did not tell."""

    queued_s: float | None = None
    load_s: float | None = None
    run_s: float | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """A job that ComfyUI finished with success."""

    prompt_id: str
    images: tuple[RemoteImage, ...]
    timing: Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened on the way; may be lost, unlike a record.

    :param kind: `queued`, `started`, `progress`, `fetched`, `published`, `notice`.
    :param value: position on the way to `maximum` (sampling steps, bytes or images, as `text` says).
    """

    kind: Literal["queued", "started", "progress", "fetched", "published", "notice"]
    job: str = ""
    value: float = 0
    maximum: float = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """How one item ended, when it ended well.

    :param path: where the picture lies (a sketch lies elsewhere than the job's output).
    :param uncompared: fingerprint values that could not be known here.
    """

    outcome: Outcome
    path: Path
    record: ImageRecord | None = None
    reasons: tuple[Reason, ...] = ()
    timing: Timing = Timing()
    uncompared: tuple[str, ...] = ()

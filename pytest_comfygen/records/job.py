"""What a job file asks for, made concrete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_comfygen.errors import ComfygenError, Where
from pytest_comfygen.records.media import PLAYING, Span
from pytest_comfygen.records.recipe import CheckpointRecipe, Size, WorkflowRecipe
from pytest_comfygen.records.words import ImageFormat, Part, SeedRule, Status

__all__ = ["Checks", "Index", "Job", "JobFile", "Seed", "ServerWish", "relative"]


@dataclass(frozen=True, slots=True)
class Seed:
    """How an item's seed is found, and the seed where it is known before the run.

    :param value: 0..2**64-1; None for `random`, whose seed the plan takes from the record or the run's nonce.
    """

    rule: SeedRule
    value: int | None


@dataclass(frozen=True, slots=True)
class Checks:
    """What a picture must show to be published.

    :param size: exact size in pixels, None when any will do.
    :param mode: Pillow's mode (`RGB`, `RGBA`, `L`), None for any of the three.
    :param min_stddev: least standard deviation of the most varied colour channel, 0..127.5; below is blank.
    :param allow_blank: accept a picture of one colour, and sound without a sound.
    :param frames: how many pictures are wanted of what plays; None for any number, of a still for one.
    :param duration_s: how many seconds it is to play.
    """

    size: Size | None
    format: ImageFormat
    mode: str | None = None
    min_stddev: float = 1.0
    allow_blank: bool = False
    frames: Span | None = None
    duration_s: Span | None = None

    @property
    def is_still(self) -> bool:
        """Whether one picture is wanted that stands still."""
        return self.format not in PLAYING and self.frames is None and self.duration_s is None


@dataclass(frozen=True, slots=True)
class ServerWish:
    """What a job file says about its server; other hosts never come from here.

    :param args: for `main.py` when it is started, each value after its flag; of an allow-list, since it may be a
        stranger's file.
    :param custom_nodes: what the jobs need, each as `URL@REV`; they are compared with the settings, never installed.
    """

    urls: tuple[str, ...] = ()
    start: Literal["auto", "never"] = "auto"
    args: tuple[str, ...] = ()
    custom_nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One image, made concrete: every default merged, every variable filled in.

    :param where: the place of the item's name in its job file.
    :param file: the job file, absolute.
    :param root: the repository's top, absolute and resolved; the output lies below it.
    :param output: the image file, absolute.
    :param candidates: how many pictures are made for a person to pick from; 1 when the one that is made is published.
    :param places: where each key that shaped this job stands (`steps`, `prompt`, `set.3.seed`, `loras.0.model` …).
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
    candidates: int = 1

    @property
    def id(self) -> str:
        """The job as people name it: `jobs/kins.comfyjob.yaml::kin_dwarf`, relative to the repository."""
        return f"{relative(self.file, self.root)}::{self.name}"

    @property
    def output_name(self) -> str:
        """The image's path as people name it, relative to the repository."""
        return relative(self.output, self.root)

    def place(self, key: str) -> Where:
        """Where `key` of this job stands, or what it is a part of, or the item when it was not written anywhere."""
        while "." in key and key not in self.places:
            key = key.rpartition(".")[0]
        return self.places.get(key, self.where)


@dataclass(frozen=True, slots=True)
class Index:
    """Where a job file wants the list of its images.

    :param path: absolute.
    :param root: the repository's top, absolute and resolved.
    :param where: the place of the key.
    """

    path: Path
    root: Path
    where: Where


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """What one job file says.

    :param warnings: what is allowed and probably not meant, each with its place.
    """

    path: Path
    jobs: tuple[Job, ...]
    warnings: tuple[ComfygenError, ...] = ()
    index: Index | None = None


def relative(path: Path, root: Path) -> str:
    """`path` below `root` with forward slashes, or the whole path when it lies elsewhere."""
    text, start = path.as_posix(), f"{root.as_posix()}/"
    if text.startswith(start):  # nearly always, and for every item of a run; pathlib takes ten times as long
        return text[len(start) :]
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else text

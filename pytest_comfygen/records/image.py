"""What made an image, and what was seen in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_comfygen.records.media import MediaStatistics
from pytest_comfygen.records.recipe import Size
from pytest_comfygen.records.words import Part, Scalar

__all__ = [
    "Finding",
    "Fingerprint",
    "ImageRecord",
    "ImageStatistics",
    "Inspection",
    "KeptImage",
    "Reason",
    "Verified",
]


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
    """What later checks need to know of a picture without decoding it again; of all pictures of what plays.

    :param mode: Pillow's mode of the decoded picture.
    :param stddev: standard deviation of the most varied colour channel (alpha left out), 0..127.5, three decimals.
    :param extrema: (lowest, highest) of each channel in the mode's order, 0..255.
    :param dhash: 256-bit difference hash, 64 hex digits; of what plays, that of the first picture that shows something.
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
    :param statistics: None for sound.
    :param media: None for a still.
    """

    settings: str
    statistics: ImageStatistics | None
    media: MediaStatistics | None = None

    @property
    def size(self) -> Size | None:
        """Of the picture; None for sound."""
        return self.statistics.size if self.statistics else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """What made an image; kept beside it in git, so it holds no time, host or absolute path.

    :param job: the job file, relative to the repository (for information: a record belongs to its image's path).
    :param recipe: number of the built-in recipe, raised when its pixels are meant to change; 0 for workflows.
    :param graph_sha256: of the graph really sent, without what only names the submission; for drift only.
    :param file_sha256: of the file's bytes.
    :param pixels_sha256: of the pixels that the file decodes to; of video and sound, of the encoded packets.
    :param source_sha256: of the pixels as ComfyUI gave them, before our encoding; None when adopted.
    :param rerolled: the seed was drawn on request, and is kept instead of the one that the job's rule gives.
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
    rerolled: bool = False


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image that was made before, with the record of what made it."""

    data: bytes
    record: ImageRecord


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why an image is not what its job says; wording is `outputs.report`'s.

    :param kind: `changed` (a fingerprint value), `missing` (no file), `damaged` (the file does not decode),
        `check` (a check fails on the file), `asked` (`--comfy-update all`), `input` (the item `key`, which the image is
        made from, is not current).
    """

    kind: Literal["changed", "missing", "damaged", "check", "asked", "input"]
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
    :param statistics: None when the bytes do not decode, and for sound.
    :param media: None when the bytes do not decode, and for a still.
    """

    findings: tuple[Finding, ...]
    statistics: ImageStatistics | None = None
    pixels_sha256: str | None = None
    media: MediaStatistics | None = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that refuse the picture."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

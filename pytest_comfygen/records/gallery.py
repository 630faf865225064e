"""What a gallery shows: the images of one run, what stands, what stood before, and how each of them ended.

Not among the names of `pytest_comfygen.records`: only a run with a gallery pays for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_comfygen.records import Size
from pytest_comfygen.records.image import Finding

__all__ = ["Ending", "Entry", "Exhibit", "Exhibition", "Medium", "Plate", "PlateRole", "Preview"]

PlateRole: TypeAlias = Literal["head", "before", "now", "sketch", "refused", "candidate"]
Medium: TypeAlias = Literal["image", "video", "audio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of a selected image before it runs; texts and numbers only, because it travels as JSON.

    :param id: pytest's id of the item.
    :param root: the repository's top, absolute.
    :param output: the image, relative to `root`.
    :param where: the item's place in its job file, as people read it.
    :param parameters: names and values as they are shown.
    """

    id: str
    name: str
    root: str
    output: str
    where: str
    tags: tuple[str, ...] = ()
    prompt: str = ""
    negative: str = ""
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an image's item ended, or that it did not run.

    :param outcome: a word of the summary line, `unrecorded`, `skipped` or `not run`.
    :param path: where its picture lies when that is not the output; absolute.
    :param reasons: why it was made or is stale, in words.
    :param error: the text of the failure.
    :param seed: the one that was used.
    :param comfyui: the version of the ComfyUI that made it.
    """

    id: str
    outcome: str
    path: str = ""
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    error: str = ""
    seed: str = ""
    comfyui: str = ""
    run_s: float | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """A small version of a picture.

    :param data: a WebP file.
    :param size: of the whole picture.
    """

    data: bytes
    size: Size

    @property
    def has_alpha(self) -> bool:
        """Whether something may shine through. Source: RFC 9649, the extended file format."""
        return self.data[12:16] == b"VP8X" and bool(self.data[20] & 0x10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """One picture of an exhibit.

    :param label: what it is, in words: `in git HEAD`, `now`, `newly made, refused`.
    :param name: the file, as people name it.
    :param media_type: such as `image/png`.
    :param preview: None when there is nothing to see; `note` says why.
    :param data: the whole file, when the page shall hold it.
    :param link: the file's address relative to the page, when it lies on disk.
    :param why: what was wrong with a refused picture.
    """

    role: PlateRole
    label: str
    name: str
    medium: Medium
    media_type: str
    size_bytes: int
    preview: Preview | None = None
    data: bytes | None = None
    link: str | None = None
    note: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One image of the run.

    :param plates: oldest first.
    :param change: what became of it since the commit that is checked out: `new`, `changed`, `gone`, `same`, or nothing
        when that is not known.
    :param commands: what can be typed for it: what that does, and the command.
    """

    entry: Entry
    ending: Ending
    plates: tuple[Plate, ...]
    change: Literal["", "new", "changed", "gone", "same"]
    commands: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibition:
    """All images of a run, those that want attention first.

    :param title: the repository's name.
    :param commit: the one that is checked out, in short; empty when there is none.
    :param made_at: when, in words.
    :param problems: what could not even become an image: where, and the text of the error.
    :param left_out: how many whole pictures the page would hold without its limit; `limit_bytes` is that.
    """

    title: str
    commit: str
    made_at: str
    summary: str
    exhibits: tuple[Exhibit, ...]
    problems: tuple[tuple[str, str], ...] = ()
    left_out: int = 0
    limit_bytes: int = 0

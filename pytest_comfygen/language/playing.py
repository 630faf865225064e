"""What a job may want of animated pictures, video and sound, and what fits together."""

from __future__ import annotations

from collections.abc import Callable

from pytest_comfygen.errors import JobFileError, KeyConflict, UnknownFormat, Where
from pytest_comfygen.language.schema import Verify
from pytest_comfygen.language.schema.playing import Duration, Frames
from pytest_comfygen.records import PLAYING, SOUND, VIDEO, ImageFormat, Span

__all__ = ["check_fit", "duration_span", "frames_span"]

_OPAQUE = VIDEO | {"jpeg"}


def check_fit(
    verify: Verify | None, image_format: ImageFormat, place: Callable[[str], Where], *, is_workflow: bool
) -> None:
    """Refuse what cannot come out of the job, or cannot be in such a file.

    :param place: of a key.
    :raises UnknownFormat: a built-in graph, which makes stills, is to write something that plays.
    :raises KeyConflict: a key of `verify` has no meaning for the format.
    """
    if not is_workflow and image_format in PLAYING:
        hint = "end the file name in .png, .webp or .jpg, or name a `workflow:` that makes it"
        told = f"the built-in graphs make stills, and no {image_format}"
        raise UnknownFormat(told, where=place("output.file"), hint=hint)
    if verify is None:
        return
    if verify.mode == "RGBA" and image_format in _OPAQUE:
        raise _conflict("mode", f"{_a(image_format)} file holds no transparency", "write a .png or .webp file", place)
    for key, value in (("frames", verify.frames), ("duration", verify.duration)):
        if value is not None and (wrong := _misplaced(key, image_format, is_workflow=is_workflow)):
            raise _conflict(key, *wrong, place)


def frames_span(frames: Frames | None) -> Span | None:
    """How many pictures are wanted."""
    return None if frames is None else Span(1 if frames.min is None else frames.min, frames.max)


def duration_span(duration: Duration | None) -> Span | None:
    """How many seconds are wanted."""
    return None if duration is None else Span(0 if duration.min is None else duration.min, duration.max)


def _misplaced(key: str, image_format: ImageFormat, *, is_workflow: bool) -> tuple[str, str] | None:
    if not is_workflow:
        return f"`{key}` is for what a workflow plays, and this item has none", f"remove `{key}:`"
    if image_format == "jpeg":
        return "a jpeg file holds a single picture", "write a .webp or .png file"
    if key == "frames" and image_format in SOUND:
        return f"{_a(image_format)} file holds no pictures", "remove `frames:`; `duration:` says how long it plays"
    return None


def _conflict(key: str, told: str, hint: str, place: Callable[[str], Where]) -> JobFileError:
    return KeyConflict(told, where=place(f"verify.{key}"), hint=hint)


def _a(image_format: ImageFormat) -> str:
    if image_format == "jpeg":
        return "a JPEG"
    return f"an {image_format}" if image_format in ("mp4", "mp3", "opus") else f"a {image_format}"

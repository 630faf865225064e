"""What a job wants of how its picture looks, and of its likeness to others, made concrete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pytest_comfygen.errors import KeyConflict, Where
from pytest_comfygen.language.schema import Verify
from pytest_comfygen.language.schema.looks import Alpha, Brotherhood, Colours, FileBytes, SimilarTo
from pytest_comfygen.records import (
    PLAYING,
    STREAMED,
    Bounds,
    Checks,
    Duplicates,
    ImageFormat,
    Likeness,
    Palette,
    Scoring,
    Siblings,
    Transparency,
)

__all__ = ["check_looks", "filled", "with_looks"]

DISTANCE = 32  # of 256 bits; unrelated pictures differ in about half of them
BRIGHTNESS = 64.0


def check_looks(verify: Verify, image_format: ImageFormat, mode: str | None, place: Callable[[str], Where]) -> None:
    """Refuse what no picture of the job can be.

    :param mode: the only one that the picture may have; None for any.
    :param place: of a key.
    :raises KeyConflict: two keys exclude each other, or one needs another.
    """
    if wrong := _conflict(verify, image_format, mode):
        key, told, hint = wrong
        raise KeyConflict(told, where=place(f"verify.{key}"), hint=hint)


def _conflict(verify: Verify, image_format: ImageFormat, mode: str | None) -> tuple[str, str, str] | None:
    if verify.alpha is not None and _wants_alpha(verify.alpha):
        if image_format in STREAMED or image_format == "jpeg":
            return "alpha", f"a {image_format} file holds no transparency", "write a .png or .webp file"
        if mode in ("RGB", "L"):
            hint = "`transparent:` or a workflow gives it an alpha channel; leave `mode` out, or write RGBA"
            return "alpha", f"a picture of mode {mode} has no transparency", hint
    if image_format in PLAYING or verify.frames is not None or verify.duration is not None:
        for key in ("palette", "similar_to"):
            if getattr(verify, key) is not None:
                return (
                    key,
                    f"`{key}` is for stills, and this plays",
                    f"remove `{key}:`, or write `{key}: null`",
                )
    if verify.palette is not None and image_format == "jpeg":
        return "palette", "a JPEG file does not keep colours exactly", "write a .png or .webp file"
    if (verify.scorer is None) != (verify.min_score is None):
        key, other = ("scorer", "min_score") if verify.min_score is None else ("min_score", "scorer")
        return key, f"`{key}` needs `{other}`", f"add `{other}:`, or remove `{key}:`"
    return None


def filled(verify: Verify, text: Callable[[str, str | None], str | None]) -> Verify:
    """The same with the variables of the baseline's path filled in.

    :param text: fills in a key's text.
    """
    similar = verify.similar_to
    if similar is None:
        return verify
    file, item = text("verify.similar_to", similar.file), text("verify.similar_to", similar.item)
    if (file, item) == (similar.file, similar.item):
        return verify
    return verify.model_copy(update={"similar_to": similar.model_copy(update={"file": file, "item": item})})


def with_looks(checks: Checks, verify: Verify, image: Callable[[str], Path]) -> Checks:
    """The checks with those that `verify` adds.

    :param image: the file at a path relative to the job file.
    :raises JobFileError: the baseline's path cannot be used.
    """
    scoring = None
    if verify.scorer is not None and verify.min_score is not None:
        scoring = Scoring(verify.scorer, float(verify.min_score))
    return replace(
        checks,
        alpha=_transparency(verify.alpha),
        file_bytes=_file_bytes(verify.bytes),
        palette=_palette(verify.palette),
        duplicates=_duplicates(verify.duplicates),
        similar_to=_likeness(verify.similar_to, image),
        siblings=_siblings(verify.siblings),
        scoring=scoring,
    )


def _wants_alpha(alpha: Alpha) -> bool:
    return alpha.rule == "needed" or bool(alpha.min)


def _transparency(alpha: Alpha | None) -> Transparency | None:
    if alpha is None:
        return None
    if alpha.rule is not None:
        return Transparency(alpha.rule)
    return Transparency("share", Bounds(float(alpha.min or 0), 1.0 if alpha.max is None else float(alpha.max)))


def _file_bytes(size: FileBytes | None) -> Bounds | None:
    return None if size is None else Bounds(size.min or 0, size.max)


def _palette(palette: Colours | None) -> Palette | None:
    return None if palette is None else Palette(tuple(sorted(set(palette.colours or ()))), palette.max_colours)


def _duplicates(wish: int | str | None) -> Duplicates:
    return "allow" if isinstance(wish, str) else wish


def _likeness(similar: SimilarTo | None, image: Callable[[str], Path]) -> Likeness | None:
    """The baseline; of an item, the file is known when all items are."""
    if similar is None:
        return None
    file = Path() if similar.file is None else image(similar.file)
    distance = DISTANCE if similar.distance is None else similar.distance
    return Likeness(file, similar.item, distance, None if similar.min_ssim is None else float(similar.min_ssim))


def _siblings(wish: Brotherhood | None) -> Siblings | None:
    if wish is None or wish.agree is False:
        return None
    return Siblings(BRIGHTNESS if wish.brightness is None else float(wish.brightness))

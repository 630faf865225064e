"""Verdicts on transparency and file size, for jobs that ask for them, out of what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_comfygen.records import Bounds, Checks, Finding, ImageStatistics, Transparency

__all__ = ["added_settings", "judge_alpha", "judge_bytes", "shown_colour"]


def added_settings(checks: Checks) -> dict[str, object]:
    """What these checks add to the hash of the settings: nothing where they are not asked for.

    What is compared between pictures is not among them, since the record has what it takes; but a picture that has
    siblings is measured once more, since records of earlier versions do not know its brightness.
    """
    added: dict[str, object] = {}
    if alpha := checks.alpha:
        added["alpha"] = [alpha.share.least, alpha.share.most] if alpha.share else alpha.rule
    if size := checks.file_bytes:
        added["bytes"] = [size.least, size.most]
    if palette := checks.palette:
        added["palette"] = {"colours": [shown_colour(one) for one in palette.colours], "most": palette.most}
    if like := checks.similar_to:
        added["similar_to"] = {"sha256": like.sha256, "distance": like.distance, "min_ssim": like.min_ssim}
    if checks.siblings:
        added["siblings"] = True
    if scoring := checks.scoring:
        added["scorer"] = {"name": scoring.scorer, "least": scoring.least}
    return added


def judge_alpha(statistics: ImageStatistics, wanted: Transparency | None) -> Iterator[Finding]:
    """Whether as much is transparent as is wanted; a picture without an alpha channel is opaque."""
    if wanted is None:
        return
    share = statistics.transparency or 0.0
    lowest = 255 if statistics.transparency is None else statistics.extrema[-1][0]
    found = "no alpha channel" if statistics.transparency is None else "an alpha channel that is opaque everywhere"
    if wanted.rule == "needed" and lowest == 255:  # noqa: PLR2004  # opaque, in 8 bits
        yield _error("no-transparency", found, "a pixel that lets something through", "cut the background out")
    elif wanted.rule == "forbidden" and lowest < 255:  # noqa: PLR2004  # as above
        told = f"{share:.1%} fully transparent" if share else "pixels that let something through"
        yield _error("transparency", told, "an opaque picture", "leave the alpha channel out of the workflow's picture")
    elif wanted.share is not None and share not in wanted.share:
        fix = "change the picture, or `verify: {alpha: …}`"
        yield _error("transparency", f"{share:.1%} fully transparent", _range(wanted.share, "{:.1%}"), fix)


def judge_bytes(length: int, wanted: Bounds | None) -> Iterator[Finding]:
    """Whether the file is as large as is wanted."""
    if wanted is None or length in wanted:
        return
    is_large = length > wanted.least
    fix = "a .webp or .jpg file is smaller" if is_large else "look at the picture: so small a file may show little"
    yield _error("too-many-bytes" if is_large else "too-few-bytes", f"{length} bytes", _range(wanted, "{:.0f}"), fix)


def shown_colour(colour: tuple[int, int, int]) -> str:
    """A colour as it is written in a job file."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _range(bounds: Bounds, form: str) -> str:
    least = f"at least {form.format(bounds.least)}" if bounds.least else ""
    most = f"at most {form.format(bounds.most)}" if bounds.most is not None else ""
    return " and ".join(filter(None, (least, most)))


def _error(code: str, found: str, wanted: str, fix: str) -> Finding:
    return Finding(code, "error", found, wanted, fix)

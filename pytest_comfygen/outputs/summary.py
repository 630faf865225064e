"""A run's images in Markdown, for the page that a CI service shows of a job."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pytest_comfygen.errors import WriteFailed
from pytest_comfygen.outputs.report import harmless, images_line
from pytest_comfygen.records.ended import Ended

__all__ = ["append", "check_place", "summary_markdown"]

_STANDS = frozenset(
    {"generated", "restored", "current", "identical", "adopted", "planned", "unpicked", "picked", "pruned"}
)
_MOST_ROWS = 500  # GitHub shows a summary of up to 1 MiB, and nobody reads more rows
_LONGEST = 300


def summary_markdown(ended: Sequence[Ended], files: Mapping[str, str]) -> str:
    """Counts, and a table of what is not as it should be, each with what to type next.

    :param files: job files that cannot be used, each with what is wrong.
    """
    return "\n".join(_lines(ended, files)) + "\n"


def _lines(ended: Sequence[Ended], files: Mapping[str, str]) -> Iterator[str]:
    yield "### Images"
    yield ""
    if ended:
        counted = images_line(Counter(one.outcome for one in ended))
        yield f"{counted.removeprefix('images: ')}."
    elif not files:
        yield "No image ran."
    rows = [*map(_file_row, files.items()), *(_row(one) for one in ended if one.outcome not in _STANDS)]
    if rows:
        yield from ("", "| image | outcome | why | next |", "|---|---|---|---|", *rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        yield from ("", f"and {len(rows) - _MOST_ROWS} more.")
    made = [one for one in ended if one.outcome == "generated"]
    if made:
        yield from ("", f"<details><summary>{len(made)} generated</summary>", "")
        yield from (
            "| image | why |",
            "|---|---|",
            *(f"| {_code(one.item)} | {_text(one.reason)} |" for one in made[:_MOST_ROWS]),
        )
        yield from ("", "</details>")


def _file_row(file: tuple[str, str]) -> str:
    name, message = file
    return f"| {_code(name)} | unusable | {_text(message)} | |"


def _row(one: Ended) -> str:
    return f"| {_code(one.item)} | {one.outcome} | {_text(one.message)} | {_code(one.command)} |"


def _code(text: str | None) -> str:
    """A cell of code; what would end the code or the cell is taken out, because nothing escapes it there."""
    if not text:
        return ""
    plain = _short(text).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`"


def _text(text: str | None) -> str:
    """A cell of text, in which nothing is markup: prompts and file names come from anybody."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&$@:-])", _escaped, _short(text or ""))


def _escaped(found: re.Match[str]) -> str:
    """As a reference of HTML, which Markdown takes for the character alone and for nothing else."""
    return f"&#{ord(found[0])};"


def _short(text: str) -> str:
    text = harmless(" ".join(text.split()))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def check_place(path: Path, shown: str) -> None:
    """Refuse a place that is no Markdown file: text is added to it.

    :raises WriteFailed: so it is.
    """
    if path.suffix not in (".md", ".markdown") or path.is_dir():
        raise WriteFailed(
            f"{shown} is no Markdown file, and the summary is added to one",
            hint="name a file that ends in .md, with an equals sign before it: --comfy-summary=images.md",
        )


def append(path: Path, shown: str, text: str) -> None:
    """Add the summary to a file, which other steps of a job may add to as well.

    :raises WriteFailed: the system refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise WriteFailed(f"{shown} cannot be written: {error.strerror or error}", hint="name another file") from None

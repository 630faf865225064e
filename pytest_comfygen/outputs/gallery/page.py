"""An exhibition as a page: frozen records in, text out."""

from __future__ import annotations

import json
from base64 import b64encode, standard_b64encode
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pytest_comfygen.outputs.gallery.file import PAGE_MARK
from pytest_comfygen.records.gallery import Exhibit, Exhibition, Plate

__all__ = ["page_of", "size_in_words"]

_WORTH_TELLING_S = 0.05

# What would end a script element, begin a comment in it, or end a line of a script.
_ESCAPED = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}


def page_of(exhibition: Exhibition) -> Iterator[bytes]:
    """The page, piece by piece."""
    room = files(__package__)
    style, script = ((room / name).read_text("utf-8") for name in ("page.css", "page.js"))
    pictures = _Pictures()
    data = _as_json(_fields(exhibition, pictures))
    environment = Environment(
        loader=PackageLoader("pytest_comfygen.outputs", "gallery"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("page.html.j2").generate(
        exhibition=exhibition,
        mark=Markup(PAGE_MARK),  # noqa: S704  # a constant of ours
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704  # files of this package
        script=Markup(script),  # noqa: S704  # as above
        data=Markup(data),  # noqa: S704  # escaped above for where it stands
        pictures=pictures.encoded(),
        total=len(exhibition.exhibits),
        limit=size_in_words(exhibition.limit_bytes),
    )
    return (piece.encode("utf-8", "replace") for piece in text)


def _policy(style: str, script: str) -> str:
    """What the browser allows the page: its pictures and those beside it, this script and this style, nothing else."""
    shown = "data: file: 'self'"
    rules = (
        "default-src 'none'",
        f"img-src {shown}",
        f"media-src {shown}",
        f"style-src {_hash_of(style)}",
        f"script-src {_hash_of(script)}",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


def _hash_of(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _as_json(fields: object) -> str:
    """JSON that can stand in a script element."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPED)


class _Pictures:
    """The files that the page holds, each once, by number."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}

    def number(self, data: bytes) -> int:
        """The number of a file."""
        return self._numbers.setdefault(data, len(self._numbers))

    def encoded(self) -> Iterator[tuple[int, str]]:
        """Each file with its number, as text; encoded when it is asked for."""
        for data, number in self._numbers.items():
            yield number, standard_b64encode(data).decode("ascii")


# --- what the page's script reads -----------------------------------------------------------------------------------


def _fields(exhibition: Exhibition, pictures: _Pictures) -> dict[str, Any]:
    counts = Counter(one.ending.outcome for one in exhibition.exhibits)
    tags = Counter(tag for one in exhibition.exhibits for tag in one.entry.tags)
    return {
        "outcomes": list(counts.items()),
        "tags": sorted(tags.items()),
        "items": [_exhibit(one, pictures) for one in exhibition.exhibits],
    }


def _exhibit(exhibit: Exhibit, pictures: _Pictures) -> dict[str, Any]:
    entry, ending = exhibit.entry, exhibit.ending
    fields = {
        "name": entry.name,
        "id": entry.id,
        "where": entry.where,
        "output": entry.output,
        "tags": entry.tags,
        "prompt": entry.prompt,
        "negative": entry.negative,
        "parameters": _parameters(exhibit),
        "outcome": ending.outcome,
        "change": exhibit.change,
        "reasons": ending.reasons,
        "findings": [(one.code, one.severity, one.found, one.wanted, one.fix) for one in ending.findings],
        "error": ending.error,
        "commands": exhibit.commands,
        "plates": [_plate(one, pictures) for one in exhibit.plates],
    }
    return {key: value for key, value in fields.items() if value or key == "plates"}


def _parameters(exhibit: Exhibit) -> list[tuple[str, str]]:
    """What the job says, and what only the run could tell: the seed may have been drawn anew."""
    ending = exhibit.ending
    facts = {
        "seed": ending.seed,
        "ComfyUI": ending.comfyui,
        "made in": f"{ending.run_s:.1f} s" if ending.run_s and ending.run_s >= _WORTH_TELLING_S else "",
    }
    told = dict(exhibit.entry.parameters) | {name: value for name, value in facts.items() if value}
    return list(told.items())


def _plate(plate: Plate, pictures: _Pictures) -> dict[str, Any]:
    preview = plate.preview
    fields = {
        "role": plate.role,
        "label": plate.label,
        "name": plate.name,
        "medium": plate.medium,
        "type": plate.media_type,
        "bytes": size_in_words(plate.size_bytes),
        "size": (preview.size.width, preview.size.height) if preview else None,
        "clear": (preview is not None and preview.has_alpha) or None,
        "preview": pictures.number(preview.data) if preview else None,
        "full": pictures.number(plate.data) if plate.data is not None else None,
        "link": plate.link,
        "note": plate.note,
        "why": plate.why,
    }
    return {key: value for key, value in fields.items() if value is not None and value != ""}


def size_in_words(size_bytes: int) -> str:
    """`1.2 MB`."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}".replace(".0 ", " ")
    return f"{size_bytes} B"

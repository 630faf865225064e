"""What the processes of a run note for its gallery: one JSON text a line, so that who dies leaves whole lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pytest_comfygen.records import Finding
from pytest_comfygen.records.gallery import Ending, Entry

__all__ = ["endings_of", "entries_of", "line_of"]


def line_of(note: Entry | Ending) -> str:
    """A note as one line."""
    return json.dumps(asdict(note)) + "\n"


def entries_of(lines: Iterable[str]) -> dict[str, Entry]:
    """The selected images, by item, in their order."""
    return {one.id: one for one in (_entry(fields) for fields in _read(lines))}


def endings_of(lines: Iterable[str]) -> dict[str, Ending]:
    """How items ended, by item; of one that ran again, the last time."""
    return {one.id: one for one in (_ending(fields) for fields in _read(lines))}


def _read(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    """Each whole line; the last one of a process that was killed may be cut."""
    for line in lines:
        if line.endswith("\n"):
            yield json.loads(line)


def _entry(fields: dict[str, Any]) -> Entry:
    parameters = tuple((name, value) for name, value in fields["parameters"])
    return Entry(**{**fields, "tags": tuple(fields["tags"]), "parameters": parameters})


def _ending(fields: dict[str, Any]) -> Ending:
    findings = tuple(Finding(**one) for one in fields["findings"])
    return Ending(**{**fields, "reasons": tuple(fields["reasons"]), "findings": findings})

"""What runs that died left behind: locks, half clones, parts of downloads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pytest_comfygen.engine.download.part import readable_size
from pytest_comfygen.engine.locks import note_beside
from pytest_comfygen.flows.doctor.codes import fine
from pytest_comfygen.flows.doctor.visit import Site
from pytest_comfygen.records import MachineFinding, ModelPlaces

__all__ = ["leftover_findings"]

_PART = re.compile(r"(?P<target>.+)\.[0-9a-f]{12}\.part")


def leftover_findings(site: Site, places: ModelPlaces) -> Iterator[MachineFinding]:
    """What lies about and mends itself, so that people know why."""
    found = [*_lock(site), *_clones(site), *_parts(site, places)]
    yield from found or [fine("leftovers", "leftovers", "nothing is left of runs that died")]


def _lock(site: Site) -> Iterator[MachineFinding]:
    lock = site.places.lock
    note = note_beside(lock)
    if note is None:
        return
    holder = note.owner
    if holder.is_alive:
        yield MachineFinding(
            code="install-running",
            severity="warning",
            subject=site.visit.shown(lock),
            found=f"process {holder.pid} installs ComfyUI just now",
            wanted="wait for it, and ask again",
        )
    else:
        yield MachineFinding(
            code="lock-left",
            severity="note",
            subject=site.visit.shown(lock),
            found=f"process {holder.pid} died while it installed ComfyUI",
            wanted="nothing: the next installation takes over",
        )


def _clones(site: Site) -> Iterator[MachineFinding]:
    for path, owner in sorted(site.places.partials().items()):
        if not owner.is_alive:
            yield MachineFinding(
                code="clone-left",
                severity="note",
                subject=site.visit.shown(path),
                found=f"process {owner.pid} died while it cloned",
                wanted="nothing: the next installation removes it",
            )


def _parts(site: Site, places: ModelPlaces) -> Iterator[MachineFinding]:
    for part, target in sorted(_parts_below(places)):
        note = note_beside(target.with_name(f"{target.name}.lock"))
        if note is None or not note.owner.is_alive:
            yield MachineFinding(
                code="download-left",
                severity="note",
                subject=site.visit.shown(part),
                found=f"{readable_size(part.stat().st_size)} of {target.name} have come",
                wanted="nothing: a download of the same file goes on from there; else it can be deleted",
            )


def _parts_below(places: ModelPlaces) -> set[tuple[Path, Path]]:
    """Parts of downloads in all directories of models, each with the file that it becomes."""
    found: set[tuple[Path, Path]] = set()
    for directory in {places.models, *(root for roots in places.roots.values() for root in roots)}:
        for folder, _, names in os.walk(directory):
            parts = (match for name in names if (match := _PART.fullmatch(name)))
            found |= {(Path(folder, match[0]), Path(folder, match["target"])) for match in parts}
    return found

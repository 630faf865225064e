"""Room on the disks for what is still to come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.disk import device_of, existing
from pytest_comfygen.engine.download.part import readable_size
from pytest_comfygen.engine.install import plan
from pytest_comfygen.flows.doctor.codes import fine
from pytest_comfygen.flows.doctor.visit import Site
from pytest_comfygen.records import MachineFinding, PlannedDownload

__all__ = ["space_findings"]


@dataclass(frozen=True, slots=True)
class _Need:
    """What one thing takes of a disk."""

    directory: Path
    size_bytes: int
    is_install: bool


def space_findings(site: Site, missing: Iterable[PlannedDownload]) -> Iterator[MachineFinding]:
    """One for each file system that something goes to.

    :param missing: the models that would be downloaded.
    """
    by_device: dict[int, list[_Need]] = {}
    for need in (*_installing(site), *_downloading(site, missing)):
        by_device.setdefault(device_of(need.directory), []).append(need)
    for needs in by_device.values():
        yield _judged(site, needs)


def _installing(site: Site) -> Iterator[_Need]:
    takes = 0
    if site.starts_own and site.state.install is None:
        takes = plan(site.wish, site.state, site.visit.environment).disk_bytes
    yield _Need(site.wish.directory, takes, is_install=True)


def _downloading(site: Site, missing: Iterable[PlannedDownload]) -> Iterator[_Need]:
    if site.reads_our_models:
        for one in missing:
            if one.model.url:
                yield _Need(one.target.parent, one.missing_bytes, is_install=False)


def _judged(site: Site, needs: list[_Need]) -> MachineFinding:
    directory = existing(needs[0].directory)
    free = site.visit.free(directory)
    total = sum(need.size_bytes for need in needs)
    install = sum(need.size_bytes for need in needs if need.is_install)
    takes = f"{readable_size(total)} still to come" if total else "nothing to come"
    found = f"{readable_size(free)} free in {site.visit.shown(directory)}, {takes}"
    if total <= free:
        return fine("disk", "disk", found)
    return MachineFinding(
        code="install-space" if install > free else "disk-too-small",
        severity="error",
        subject="disk",
        found=found,
        wanted=f"{readable_size(total - free)} more, or another disk: --comfy-dir for ComfyUI, --comfy-models-dir for "
        "models",
    )

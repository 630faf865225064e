"""The doctor: is this machine ready to make the images, and if not, what mends it? Starts and changes nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pytest_comfygen.engine.download import Access
from pytest_comfygen.engine.git import Git
from pytest_comfygen.engine.install import look
from pytest_comfygen.engine.server import neighbour
from pytest_comfygen.errors import SettingsError
from pytest_comfygen.flows.doctor.codes import CODES, finding_of
from pytest_comfygen.flows.doctor.comfyui import comfyui_findings
from pytest_comfygen.flows.doctor.commands import Commands
from pytest_comfygen.flows.doctor.files import git_findings, lfs_findings, output_findings, read_job_files
from pytest_comfygen.flows.doctor.leftovers import leftover_findings
from pytest_comfygen.flows.doctor.media import media_findings
from pytest_comfygen.flows.doctor.models import take_stock
from pytest_comfygen.flows.doctor.servers import server_findings
from pytest_comfygen.flows.doctor.space import space_findings
from pytest_comfygen.flows.doctor.tools import settings_findings, tool_findings
from pytest_comfygen.flows.doctor.visit import Selection, Site, Visit, git_of
from pytest_comfygen.flows.wishes import install_wish, local_model_places
from pytest_comfygen.records import Diagnosis, Job, MachineFinding

__all__ = ["CODES", "Commands", "Selection", "Visit", "diagnose", "diagnose_without_settings"]


def diagnose(visit: Visit) -> Diagnosis:
    """Look at everything that making the selected images needs."""
    jobs, job_findings = read_job_files(visit)
    git = git_of(visit.environment)
    try:
        site = _site(visit, git, jobs)
        access = Access.of(visit.environment)
    except SettingsError as error:
        found = (finding_of(error, "settings"), *settings_findings(visit.settings), *_tools(visit.environment, git))
        return Diagnosis((*found, *job_findings, *_files(visit, git, jobs, ())))
    return Diagnosis((*_machine(site, access), *job_findings, *_files(visit, git, jobs, _ours(site))))


def diagnose_without_settings(error: SettingsError, environment: Mapping[str, str]) -> Diagnosis:
    """What can be told when the settings themselves cannot be used."""
    return Diagnosis((finding_of(error, "settings"), *_tools(environment, git_of(environment))))


def _site(visit: Visit, git: Git | None, jobs: tuple[Job, ...]) -> Site:
    """What several looks need to know.

    :raises SettingsError: the settings that ask for a ComfyUI cannot be used.
    """
    wish = install_wish(visit.settings, visit.root)
    return Site(
        visit=visit,
        jobs=jobs,
        git=git,
        wish=wish,
        state=look(wish, visit.environment),
        running=None if visit.settings.url else neighbour(visit.default_url),
    )


def _machine(site: Site, access: Access) -> Iterator[MachineFinding]:
    visit = site.visit
    places = local_model_places(visit.settings, visit.root, visit.environment)
    stock = take_stock(site, places, access)
    installs = site.starts_own and site.state.install is None
    yield from settings_findings(visit.settings)
    yield from tool_findings(visit.environment, site.git, python=site.wish.python, installs=installs)
    yield from space_findings(site, stock.missing)
    yield from comfyui_findings(site)
    yield from server_findings(site)
    yield from leftover_findings(site, places)
    yield from stock.findings()


def _tools(environment: Mapping[str, str], git: Git | None) -> Iterator[MachineFinding]:
    return tool_findings(environment, git, python=Path(sys.executable), installs=False)


def _files(visit: Visit, git: Git | None, jobs: tuple[Job, ...], ours: Iterable[Path]) -> Iterator[MachineFinding]:
    yield from output_findings(visit, jobs)
    yield from media_findings(jobs)
    yield from git_findings(visit, git, (visit.local, *ours))
    yield from lfs_findings(visit, git, jobs)


def _ours(site: Site) -> tuple[Path, ...]:
    """What an installation puts beside the repository's files."""
    directory = Path(os.path.normpath(site.wish.directory))
    return directory, site.places.ours

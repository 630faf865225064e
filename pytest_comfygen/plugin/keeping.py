"""What a process of the run keeps of its images for later runs: the images themselves, and which ones were made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from pytest_comfygen.errors import AssetError
from pytest_comfygen.flows.candidates import FingerprintOf, choice
from pytest_comfygen.flows.plan import Plan
from pytest_comfygen.flows.repository import main_root
from pytest_comfygen.flows.restore import keep, restorable
from pytest_comfygen.outputs.candidates import Candidates
from pytest_comfygen.outputs.imagecache import ImageCache
from pytest_comfygen.outputs.remade import Remade
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.plugin.session import REMADE
from pytest_comfygen.records import Job, JobResult
from pytest_comfygen.settings import LOCAL, Settings

__all__ = ["Keeping"]


class Keeping:
    """The images that were made on this machine, and what an interrupted `--comfy-update all` has made.

    :param run: what tells this run from others.
    :param root: the run's repository.
    :param store: the outputs of one repository.
    """

    def __init__(self, settings: Settings, run: str, root: Path, store: Callable[[Path], Store]) -> None:
        self._settings = settings
        self._run = run
        self._root = root
        self._store = store
        self._cache: ImageCache | None = None
        self._remade: Remade | None = None
        self._has_begun = False
        self._before: frozenset[str] | None = None

    def settings_for(self, job: Job) -> Settings:
        """The settings that hold for one image: what was made again before an interruption is not made once more."""
        if not self._settings.resume:
            return self._settings
        if self._before is None:
            self._before = self._remade_here().before()
        return self._settings._replace(update="stale") if job.output_name in self._before else self._settings

    def without_server(self, plan: Plan, fingerprint_of: FingerprintOf) -> Plan:
        """The plan of an image that is to be made, unless one is kept that will do, or candidates wait to be picked."""
        if self._settings.cache_bytes and self._settings.update != "all":
            plan = restorable(plan, self._images())
        if plan.job.candidates > 1 and plan.action == "make":
            candidates = Candidates.of(self._store(plan.job.root), plan.job.root)
            plan = choice(plan, candidates, fingerprint_of, anew=self._settings.reroll)
        return plan

    def note(self, job: Job, result: JobResult, selection: Callable[[], Iterable[Job]]) -> None:
        """Keep what was made.

        :param selection: gives all images that this run was asked for.
        """
        if result.outcome not in ("generated", "identical") or self._settings.sketch or result.record is None:
            return
        if self._settings.update == "all":
            self._begun(selection).add(job.output_name)
        if self._settings.cache_bytes and result.outcome == "generated":
            keep(job, result.record, self._images(), self._store(job.root))

    def close(self) -> None:
        """Let go of images that are kept and were not used for long."""
        if self._cache is not None:
            self._cache.close()

    def _images(self) -> ImageCache:
        """All work trees of a repository share them."""
        if self._cache is None:
            root = main_root(self._root)
            try:
                directory = self._store(root).local_directory("cache")
            except AssetError:  # nothing can be written there, as in a checkout that is only looked at
                directory = root / LOCAL / "cache"
            self._cache = ImageCache(directory / "images", self._settings.cache_bytes)
        return self._cache

    def _begun(self, selection: Callable[[], Iterable[Job]]) -> Remade:
        """The note of what this run is to make, or those of the runs that it goes on with."""
        remade = self._remade_here()
        if not (self._settings.resume or self._has_begun):
            remade.begin(job.output_name for job in selection())
        self._has_begun = True
        return remade

    def _remade_here(self) -> Remade:
        if self._remade is None:
            self._remade = Remade(self._store(self._root).local_directory(REMADE), self._run)
        return self._remade

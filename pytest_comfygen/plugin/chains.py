"""Items that are made from other items, in the order that a run happens to give them.

Collection puts an item after those that it is made from, so alone they are done when its turn comes. Workers of
pytest-xdist share a run out among them: there an item waits for one that another worker makes. It waits for items that
come before it only, so some worker always goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_comfygen.language.chains import items_of
from pytest_comfygen.records import Job, JobFile
from pytest_comfygen.settings import Settings

if TYPE_CHECKING:
    from pytest_comfygen.flows.plan import Plan

__all__ = ["CHAINS", "Chains"]

CHAINS = "chains"


class Chains:
    """The items of a run that others are made from.

    :param notes: gives the directory in which the workers of this run note what failed.
    """

    def __init__(self, settings: Settings, notes: Callable[[], Path]) -> None:
        self._settings = settings
        self._notes = notes
        self._needed: dict[tuple[Path, str], Job] = {}

    def add(self, job_file: JobFile) -> None:
        """Remember which jobs of a file others are made from."""
        names = {name for job in job_file.jobs for name in items_of(job)}
        self._needed |= {(job.file, job.name): job for job in job_file.jobs if job.name in names} if names else {}

    @property
    def files(self) -> set[Path]:
        """The job files that have such items."""
        return {file for file, _ in self._needed}

    def job(self, file: Path, name: str) -> Job:
        """An item that others are made from."""
        return self._needed[file, name]

    def note_failed(self, job: Job) -> None:
        """Tell all workers that nobody makes `job` any more."""
        if (job.file, job.name) in self._needed:
            note = self._note(job)
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()

    def is_out_of_reach(self, plan: Plan, is_selected: Callable[[Job], bool]) -> bool:
        """Whether a picture waits for an item that this run does not make."""
        return any(one.action == "refuse" or not is_selected(one.job) for one in plan.waits_for.values())

    def settled(
        self, plan: Plan, again: Callable[[], Plan], is_selected: Callable[[Job], bool], *, shared: bool
    ) -> Plan:
        """The plan once what it waits for has come, or the plan that refuses the item.

        :param shared: other processes may be making what is missing.
        """
        from pytest_comfygen.flows.inputs import not_ready, wait_for_items  # noqa: PLC0415  # few runs have chains

        def is_hopeless(plan: Plan) -> bool:
            failed = any(self._note(one.job).exists() for one in plan.waits_for.values())
            return failed or self.is_out_of_reach(plan, is_selected)

        at_most_s = self._settings.timeout if shared else 0.0
        plan = wait_for_items(plan, again, is_hopeless=is_hopeless, at_most_s=at_most_s, sleep=time.sleep)
        if not plan.waits_for:
            return plan
        needed = next(iter(plan.waits_for.values())).job
        return replace(plan, action="refuse", problem=not_ready(plan, was_asked_for=is_selected(needed)))

    def _note(self, job: Job) -> Path:
        return self._notes() / sha256(job.id.encode()).hexdigest()

"""The session's hands: job files are loaded, planned, and carried out."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_comfygen.flows.repository import find_root
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.plugin.chains import CHAINS, Chains
from pytest_comfygen.plugin.claims import Claims
from pytest_comfygen.records import Environment
from pytest_comfygen.settings import Settings

if TYPE_CHECKING:
    from pluggy import HookRelay

    from pytest_comfygen.flows.candidates import FingerprintOf
    from pytest_comfygen.flows.drift import Drift
    from pytest_comfygen.flows.pictures import Pictures
    from pytest_comfygen.flows.plan import Plan
    from pytest_comfygen.flows.scoring import Scorers
    from pytest_comfygen.language.sources.answered import AskSource
    from pytest_comfygen.outputs.store import Store
    from pytest_comfygen.plugin.desk import Desk
    from pytest_comfygen.plugin.indexes import Indexes
    from pytest_comfygen.plugin.keeping import Keeping
    from pytest_comfygen.records import Event, Finding, ImageRecord, Job, JobFile, JobResult, Model, RunPlan

__all__ = ["PICTURES", "Work"]

PICTURES = "pictures"


class Work:
    """Everything a process of the run does for its items.

    :param root: the repository of the run, also for job files outside any git repository.
    :param worker: this process' number among xdist's workers, how many there are, and its `--dist`; None alone.
    :param notify: takes what happens on the way.
    """

    def __init__(
        self,
        settings: Settings,
        nonce: str,
        root: Path,
        worker: tuple[int, int, str] | None,
        notify: Callable[[Event], None],
    ) -> None:
        self._settings = settings
        self._nonce = nonce
        self._root = root
        self._worker = worker
        self._notify = notify
        self._has_models: bool | None = None
        self._drift: Drift | None = None
        self._indexes: Indexes | None = None
        self._keeping: Keeping | None = None
        self._roots: dict[Path, Path] = {}
        self._stores: dict[Path, Store] = {}
        self._claims = Claims()
        self._jobs: dict[Path, tuple[Job, ...]] = {}
        self._desks: list[Desk] = []
        self._chains = Chains(settings, lambda: self.local_directory(CHAINS) / nonce)
        self._compared: Pictures | None = None
        self._scorers: Scorers | None = None
        self._open = ExitStack()

    def desk(self, settings: Settings | None = None) -> Desk:
        """Where pictures are made with these settings, which are those of the run unless a `conftest.py` has others."""
        settings = settings or self._settings
        found = next((desk for desk in self._desks if desk.premises.settings == settings), None)
        if found is None:
            from pytest_comfygen.flows.premises import Premises  # noqa: PLC0415  # a run that makes nothing must not pay
            from pytest_comfygen.plugin.desk import Desk, Judges  # noqa: PLC0415  # as Premises

            number, count, dist = self._worker or (0, 1, "no")
            premises = Premises(
                settings=settings,
                root=self._root,
                local_directory=self.local_directory,
                environment=Environment(os.environ),
                notify=self._notify,
                worker=number,
                workers=count,
                dist=dist,
                is_worker=self._worker is not None,
            )
            found = Desk(premises, self.plan, self.store, lambda: Judges(self._pictures, self._score))
            self._desks.append(found)
            self._open.callback(found.close)
        return found

    def close(self) -> None:
        """Close servers' clients, journals and stores, and forget the jobs.

        Pytest's end and Python's walk through everything that is still there, four times; jobs need not be.
        """
        self._open.close()
        self._claims.clear()
        self._jobs.clear()
        self._compared = None

    # --- job files --------------------------------------------------------------------------------------------------

    def load(self, path: Path, ask: AskSource | None = None) -> JobFile:
        """The job file at `path`, whose outputs no other file of this run may claim.

        :param ask: answers for sources that have only a name.
        :raises JobFileError: it cannot be used.
        """
        job_file = load_job_file(path, self.root_of(path), ask)
        self._claims.add(path, job_file.jobs)
        self._jobs[path] = job_file.jobs
        self._chains.add(job_file)
        if job_file.index:
            self.indexes.add(path, job_file.index, job_file)
        return job_file

    def job(self, path: Path, number: int) -> Job:
        """One job of a file that was loaded."""
        return self._jobs[path][number]

    @property
    def keeping(self) -> Keeping:
        """What later runs are to know of this one's images."""
        if self._keeping is None:
            from pytest_comfygen.plugin.keeping import Keeping  # noqa: PLC0415  # collecting must not pay

            self._keeping = Keeping(self._settings, self._nonce, self._root, self.store)
            self._open.callback(self._keeping.close)
        return self._keeping

    @property
    def indexes(self) -> Indexes:
        """The lists of their images that job files want."""
        if self._indexes is None:
            from pytest_comfygen.plugin.indexes import Indexes  # noqa: PLC0415  # few job files want one

            self._indexes = Indexes(self.store)
        return self._indexes

    def finish(self) -> None:
        """Write what is written when all images are made, and take back what was sent for others."""
        for desk in self._desks:
            desk.withdraw()
        settings = self._settings
        if self._indexes and not (settings.only_looks or settings.sketch or settings.plan or settings.prune):
            self._indexes.update(lambda: self.local_directory("locks"), self._notify)

    def has_loaded(self, path: Path) -> bool:
        """Whether a job file was loaded."""
        return path in self._jobs or path.resolve() in (one.resolve() for one in self._jobs)

    @property
    def file_count(self) -> int:
        """How many job files were loaded."""
        return len(self._jobs)

    @property
    def job_count(self) -> int:
        """How many jobs the files have that were loaded."""
        return sum(map(len, self._jobs.values()))

    def root_of(self, path: Path) -> Path:
        """The repository that the job file at `path` belongs to."""
        directory = path.parent
        if directory not in self._roots:
            self._roots[directory] = find_root(directory, self._root)
        return self._roots[directory]

    # --- planning ---------------------------------------------------------------------------------------------------

    def plan(self, job: Job) -> Plan:
        """What has to be done for `job`."""
        return self._planned(job, {})

    def _planned(self, job: Job, known: dict[str, Plan]) -> Plan:
        """The plan of a job.

        :param known: the plans of other items of its file, to which those are added that it is made from.
        """
        from pytest_comfygen.flows.plan import make_plan, plan_sketch  # noqa: PLC0415  # collecting must not pay

        if self._settings.sketch:
            return plan_sketch(job, nonce=self._nonce)

        def plan_of(made: Job, name: str) -> Plan:
            if name not in known:
                known[name] = self._planned(self._chains.job(made.file, name), known)
            return known[name]

        plan = make_plan(
            job,
            self.store(job.root),
            self.keeping.settings_for(job),
            nonce=self._nonce,
            owned_elsewhere=self._claims.is_made_elsewhere,
            sha256_of=self._sha256_of,
            plan_of=plan_of,
            score=self._score,
        )
        return self.keeping.without_server(plan, self._fingerprints(plan)) if plan.action == "make" else plan

    def _fingerprints(self, plan: Plan) -> FingerprintOf:
        """The fingerprints of a plan's job with other seeds."""
        from pytest_comfygen.flows.fingerprint import fingerprint_of  # noqa: PLC0415  # collecting must not pay

        return lambda seed: fingerprint_of(plan.job, seed, self._sha256_of, plan.fingerprint.inputs)

    def pick(self, job: Job, number: int, hooks: HookRelay) -> JobResult:
        """Publish a candidate of `job`.

        :param hooks: users' own checks among them.
        :raises AssetError: it is not there, or the output may not be replaced.
        """
        from pytest_comfygen.flows.candidates import pick  # noqa: PLC0415  # nearly no run asks for it
        from pytest_comfygen.outputs.candidates import Candidates  # noqa: PLC0415  # as above

        plan = self.plan(job)
        candidates = Candidates.of(self.store(job.root), job.root)
        picked = pick(plan, number, candidates, self._fingerprints(plan))
        return replace(self.settle(picked, hooks), outcome="picked")

    @property
    def _pictures(self) -> Pictures:
        """What the images of this run show."""
        if self._compared is None:
            from pytest_comfygen.flows.pictures import Pictures  # noqa: PLC0415  # collecting must not pay

            def place() -> Path:
                return self.local_directory(PICTURES) / self._nonce

            shared = place if self._worker is not None else None
            self._compared = Pictures(lambda: chain.from_iterable(self._jobs.values()), self.plan, shared)
        return self._compared

    def _score(self, job: Job, path: Path) -> tuple[Finding, ...]:
        """What the job's external scorer says against the picture at `path`; `--comfy-plan` starts no program."""
        if self._settings.plan:
            return ()
        if self._scorers is None:
            from pytest_comfygen.flows.scoring import Scorers  # noqa: PLC0415  # few jobs have one

            self._scorers = Scorers(self._settings, self._root, Environment(os.environ))
        return self._scorers.judge(job, path)

    def look_ahead(self, jobs: Iterable[Job]) -> RunPlan:
        """What the run would do for `jobs`, which nothing is done for."""
        from pytest_comfygen.flows.runplan import run_plan  # noqa: PLC0415  # nearly no run asks for it

        desk = self.desk()
        return run_plan([self.plan(job) for job in jobs], desk.machine, desk.models, desk.premises.durations)

    @property
    def chained_files(self) -> set[Path]:
        """The job files in which items are made from others, so that their order counts."""
        return self._chains.files

    def is_out_of_reach(self, plan: Plan, is_selected: Callable[[Job], bool]) -> bool:
        """Whether a picture is to be made from an item that this run does not make.

        :param is_selected: whether this run has another item.
        """
        return bool(plan.waits_for) and self._chains.is_out_of_reach(plan, is_selected)

    def settled(self, plan: Plan, is_selected: Callable[[Job], bool]) -> Plan:
        """The plan that an item acts on: what it is made from is there, or the reason to refuse it.

        On a worker this waits for what another one makes.
        """
        if plan.action != "make" or not plan.waits_for:
            return plan
        shared = self._worker is not None
        return self._chains.settled(plan, lambda: self.plan(plan.job), is_selected, shared=shared)

    def note_result(self, job: Job, result: JobResult, selection: Callable[[], Iterable[Job]]) -> None:
        """Remember of an image that ended well what this run's end, or another run, needs.

        :param selection: gives all images that this run was asked for.
        """
        self.keeping.note(job, result, selection)
        if self._indexes and result.record:
            self._indexes.note(job, result.record.verified.size)

    def note_failed(self, job: Job) -> None:
        """Tell the items of all workers that are made from `job` not to wait for it."""
        self._chains.note_failed(job)

    def _sha256_of(self, model: Model) -> str | None:
        """The model's hash; ComfyUI's directory is looked at only when nobody declared one and models are there."""
        if self._has_models is None:
            directory = self._root / self._settings.dir / "models"
            self._has_models = bool(self._settings.models_dir) or directory.is_dir()
        return self.desk().models.sha256_of(model) if self._has_models else model.sha256

    def settle(self, plan: Plan, hooks: HookRelay) -> JobResult:
        """End an item that needs no server.

        :param hooks: users' own checks among them.
        :raises AssetError: what the plan refuses.
        """
        result = self._pictures.settle(plan, self.store(plan.job.root), hooks)
        drift = self._drift_of(plan.job, result.record) if result.outcome == "current" and result.record else ""
        return replace(result, drift=drift) if drift else result

    def _drift_of(self, job: Job, record: ImageRecord) -> str:
        if self._drift is None:
            from pytest_comfygen.flows.drift import Drift  # noqa: PLC0415  # collecting must not pay

            self._drift = Drift(self._root / self._settings.dir)
        return self._drift.of(job, record)

    def shares_server(self, one: Job, other: Job) -> bool:
        """Whether two jobs are made by the same server."""
        return bool(self._settings.url) or self._settings.sketch or one.server.urls == other.server.urls

    # --- images without a job -----------------------------------------------------------------------------------------

    def orphans(self, skipped: Collection[Path]) -> Iterator[Path]:
        """The images of the run's repository that no job names.

        :param skipped: directories that are not looked into.
        """
        from pytest_comfygen.flows.orphans import orphans  # noqa: PLC0415  # of most runs, only a part is selected

        return orphans(
            self._root,
            self.store(self._root),
            skipped=skipped,
            is_claimed=self._claims.is_claimed,
            is_claimed_elsewhere=lambda output, record: self._claims.names_a_maker(record, self._root, output),
        )

    def prune(self, output: Path) -> JobResult:
        """Take an image away that no job names, when that was asked for.

        :raises AssetError: it was not, or the image is not what its record says.
        """
        from pytest_comfygen.flows.orphans import orphan_error, prune  # noqa: PLC0415  # loaded when it was found

        if not self._settings.prune:
            raise orphan_error(output, self._root)
        return prune(output, self._root, self.store(self._root), keep=self._settings.prune != "delete")

    # --- the repository -----------------------------------------------------------------------------------------------

    def store(self, root: Path) -> Store:
        """The outputs of one repository."""
        if root not in self._stores:
            from pytest_comfygen.outputs.store import Store  # noqa: PLC0415  # collecting must not pay

            self._stores[root] = store = Store(root)
            self._open.callback(store.close)
        return self._stores[root]

    def local_directory(self, name: str) -> Path:
        """A directory of this machine's own, below `.comfygen/` of the run's repository."""
        return self.store(self._root).local_directory(name)

"""What the images of a run show, held against each other: equal ones, near ones, and siblings that stand out.

Nothing is decoded for this: the records say what was measured. An image counts as it stands in the repository while
it is current, and as it was made in this run; one that is missing, edited or to be made anew does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pluggy import HookRelay

from pytest_comfygen.errors import AssetError, ImageDuplicate, ImageUnlike, RecordDamaged
from pytest_comfygen.flows.plan import Plan
from pytest_comfygen.flows.settle import settle
from pytest_comfygen.outputs.recordfile import read
from pytest_comfygen.outputs.register import Entry, Register
from pytest_comfygen.outputs.report import finding_rows
from pytest_comfygen.outputs.skim import recorded_pixels
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import Finding, ImageStatistics, Job, JobResult
from pytest_comfygen.verify.likeness import Neighbours
from pytest_comfygen.verify.siblings import Family, Traits

__all__ = ["Pictures"]

_STANDING = ("keep", "refresh", "adopt")
_ALLOW = "`verify: {duplicates: allow}` for one of them when it is meant"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a picture shows, as far as others are compared with it.

    :param dhash: empty where nothing but the pixels is known, as of sound.
    """

    pixels: str
    dhash: str = ""
    size: str = ""
    mode: str = ""
    brightness: float | None = None

    @classmethod
    def of(cls, pixels: str, statistics: ImageStatistics | None) -> Shown:
        """What was measured."""
        if statistics is None:
            return cls(pixels)
        return cls(pixels, statistics.dhash, str(statistics.size), statistics.mode, statistics.brightness)

    @classmethod
    def told(cls, entry: Entry) -> Shown:
        """What another process has measured."""
        light = entry.get("brightness")
        texts = {name: str(entry.get(name, "")) for name in ("pixels", "dhash", "size", "mode")}
        return cls(**texts, brightness=light if isinstance(light, float) else None)

    @property
    def traits(self) -> Traits:
        """What siblings are compared in."""
        return Traits(self.size, self.mode, self.brightness)


class Pictures:
    """The pictures of all items in the job files that a run has opened, selected or not.

    :param jobs: gives all of them.
    :param plan_of: the plan of one, to know whether its image stands as recorded.
    :param shared: gives the file in which the processes of the run tell each other what they make; None alone.
    """

    def __init__(
        self, jobs: Callable[[], Iterable[Job]], plan_of: Callable[[Job], Plan], shared: Callable[[], Path] | None
    ) -> None:
        self._given = jobs
        self._plan_of = plan_of
        self._shared = shared
        self._register: Register | None = None
        self._jobs: dict[Path, Job] = {}
        self._pixels: dict[Path, str] = {}
        self._showing: dict[str, list[Path]] = {}
        self._made: set[Path] = set()
        self._current: dict[Path, bool] = {}
        self._near: dict[int, Neighbours] = {}
        self._members: dict[Path, dict[Path, Traits]] = {}
        self._families: dict[Path, Family] = {}

    def judged(self, plan: Plan) -> Plan:
        """The plan of an image that stays as it is, or the plan that refuses it for what other images show."""
        if plan.action not in _STANDING:
            return plan
        self._look()
        if self._is_alone(plan):
            return plan
        if plan.action != "adopt":  # what is adopted is current from now on
            self._current[plan.job.output] = plan.is_current
        shown = _standing(plan)
        if shown is None:
            return plan
        job = plan.job
        findings = tuple(self._findings(job, shown))
        if findings:
            return replace(plan, action="refuse", problem=_problem(job, findings))
        if plan.inspection is not None:  # it is written down now, which the other processes need not be told
            self._put(job.output, shown)
        return plan

    def settle(self, plan: Plan, store: Store, hooks: HookRelay) -> JobResult:
        """End an item that needs no server, unless other images say something against its own.

        :param hooks: users' own checks, for a picture that takes its place.
        :raises AssetError: what the plan refuses, or what they say.
        """
        if plan.action != "restore" or plan.kept is None:
            return settle(self.judged(plan), store, hooks)
        record = plan.kept.record
        with self.claiming(plan.job, record.pixels_sha256, record.verified.statistics) as against:
            if against:
                raise _problem(plan.job, against)
            return settle(plan, store, hooks)

    @contextmanager
    def claiming(self, job: Job, pixels: str, statistics: ImageStatistics | None) -> Iterator[tuple[Finding, ...]]:
        """What other images say against a new picture; from now on it counts, unless what follows fails."""
        self._look()
        shown = Shown.of(pixels, statistics)
        self._current.clear()  # others may be made from this one
        try:
            self._tell({"output": str(job.output), **asdict(shown)})
            findings = tuple(self._findings(job, shown))
            self._put(job.output, shown)
            self._made.add(job.output)
            yield findings
        except BaseException:
            self._withdraw(job.output)
            raise

    # --- what there is ------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """See what is recorded, once."""
        if self._jobs:
            return
        self._jobs = {job.output: job for job in self._given()}
        compared = (path for path, job in self._jobs.items() if job.checks.duplicates != "allow")
        for path, pixels in recorded_pixels(compared):
            self._pixels[path] = pixels
            self._showing.setdefault(pixels, []).append(path)

    def _put(self, path: Path, shown: Shown) -> None:
        """An image shows this now."""
        self._drop(path)
        job = self._jobs.get(path)
        if job is not None and job.checks.duplicates != "allow":
            self._pixels[path] = shown.pixels
            self._showing.setdefault(shown.pixels, []).append(path)
            for near in self._near.values() if shown.dhash else ():
                near.put(str(path), shown.dhash)
        if job is not None and job.checks.siblings and job.file in self._members and shown.size:
            self._members[job.file][path] = shown.traits

    def _drop(self, path: Path) -> None:
        """Nothing is known of an image any more."""
        was = self._pixels.pop(path, None)
        if was is not None:
            self._showing[was].remove(path)
        for near in self._near.values():
            near.drop(str(path))
        if path in self._jobs:
            file = self._jobs[path].file
            self._members.get(file, {}).pop(path, None)
            self._families.pop(file, None)
        self._made.discard(path)
        self._current.pop(path, None)

    def _withdraw(self, path: Path) -> None:
        """A new picture was not published, so what is recorded counts again."""
        self._current.clear()
        self._reread(path)
        self._tell({"output": str(path)})

    def _reread(self, path: Path) -> None:
        self._drop(path)
        shown = _recorded(path)
        if shown is not None:
            self._put(path, shown)

    def _tell(self, entry: Entry) -> None:
        """Tell the other processes of the run, and hear what they told before."""
        if self._shared is None:
            return
        self._register = self._register or Register(self._shared())
        for other in self._register.add(entry):
            self._current.clear()
            path = Path(str(other["output"]))
            if "pixels" in other:
                self._put(path, Shown.told(other))
                self._made.add(path)
            else:
                self._reread(path)

    # --- verdicts -----------------------------------------------------------------------------------------------------

    def _is_alone(self, plan: Plan) -> bool:
        """Whether nothing can be said against a picture, as of nearly all: this is asked for every image of a run."""
        checks, record = plan.job.checks, plan.record
        is_asked_more = checks.duplicates is not None or checks.siblings is not None
        if is_asked_more or plan.inspection is not None or record is None:
            return False
        return self._showing.get(record.pixels_sha256) == [plan.job.output]

    def _findings(self, job: Job, shown: Shown) -> Iterator[Finding]:
        checks = job.checks
        if checks.duplicates != "allow":
            others = self._showing.get(shown.pixels, ())
            if others and (len(others) > 1 or others[0] != job.output):
                yield from self._equal(job, others)
            if checks.duplicates is not None and shown.dhash:
                yield from self._alike(job, shown, checks.duplicates)
        if checks.siblings is not None and shown.size:
            yield from self._family(job, shown).judge(shown.traits, checks.siblings.brightness)

    def _equal(self, job: Job, others: Iterable[Path]) -> Iterator[Finding]:
        found = next((other for other in others if self._counts(job, other)), None)
        if found is not None:
            told = f"the same pixels as {self._named([found])}"
            yield Finding("duplicate", "error", told, "a picture of its own", f"change prompt or seed; {_ALLOW}")

    def _alike(self, job: Job, shown: Shown, distance: int) -> Iterator[Finding]:
        near = [(Path(name), away) for name, away in self._neighbours(distance).near(shown.dhash)]
        found = [one for one in near if self._pixels[one[0]] != shown.pixels and self._counts(job, one[0])]
        if found:
            told = f"{found[0][1]} of 256 bits unlike {self._named([path for path, _ in found])}"
            wanted = f"more than {distance} bits to all others"
            yield Finding("duplicate", "error", told, wanted, f"change prompt or seed; {_ALLOW}")

    def _counts(self, job: Job, other: Path) -> bool:
        """Whether another item's picture is there to stay."""
        if other == job.output:
            return False
        return other in self._made or self._is_current(other)

    def _is_current(self, path: Path) -> bool:
        if path not in self._current:
            self._current[path] = self._plan_of(self._jobs[path]).is_current
        return self._current[path]

    def _named(self, found: list[Path]) -> str:
        first = self._jobs[found[0]]
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return f"{first.output_name} ({first.id}){more}"

    def _neighbours(self, distance: int) -> Neighbours:
        if distance not in self._near:
            near = self._near[distance] = Neighbours(distance)
            for path in self._pixels:
                shown = _recorded(path)
                if shown is not None and shown.dhash:
                    near.put(str(path), shown.dhash)
        return self._near[distance]

    def _family(self, job: Job, shown: Shown) -> Family:
        file = job.file
        if file not in self._members:
            paths = [path for path, one in self._jobs.items() if one.file == file and one.checks.siblings]
            read_now = ((path, _recorded(path)) for path in paths)
            self._members[file] = {path: one.traits for path, one in read_now if one is not None and one.size}
        members = self._members[file]
        if members.get(job.output) != shown.traits:
            return Family({**members, job.output: shown.traits}.values())
        if file not in self._families:
            self._families[file] = Family(members.values())
        return self._families[file]


def _standing(plan: Plan) -> Shown | None:
    if plan.inspection is not None:
        return Shown.of(plan.inspection.pixels_sha256 or "", plan.inspection.statistics)
    if plan.record is None:
        return None
    return Shown.of(plan.record.pixels_sha256, plan.record.verified.statistics)


def _recorded(path: Path) -> Shown | None:
    try:
        record = read(path)
    except RecordDamaged:
        return None
    return Shown.of(record.pixels_sha256, record.verified.statistics) if record else None


def _problem(job: Job, findings: tuple[Finding, ...]) -> AssetError:
    first = findings[0]
    if first.code == "duplicate":
        told, kind = f"{job.output_name} shows {first.found}", ImageDuplicate
        return kind(told, where=job.where, details=tuple(finding_rows(findings)), hint=first.fix)
    told = f"{job.output_name} stands out among its siblings: {first.found}"
    return ImageUnlike(told, where=job.where, details=tuple(finding_rows(findings)), hint=first.fix)

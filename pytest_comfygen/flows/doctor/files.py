"""The repository's files: job files, where their images go, and what git makes of them."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_comfygen.engine.git import Git
from pytest_comfygen.errors import JobFileError, SourceUnasked
from pytest_comfygen.flows.doctor.codes import finding_of, fine
from pytest_comfygen.flows.doctor.visit import Visit
from pytest_comfygen.flows.repository import find_root
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.outputs.pointer import lfs_oid
from pytest_comfygen.records import Job, MachineFinding

__all__ = ["git_findings", "lfs_findings", "output_findings", "read_job_files"]

_MOST_PATHS = 200  # of one command line


def read_job_files(visit: Visit) -> tuple[tuple[Job, ...], tuple[MachineFinding, ...]]:
    """The jobs of all selected files, and what is wrong with those that cannot be used."""
    jobs: list[Job] = []
    findings: list[MachineFinding] = []
    for path, names in visit.selection.items():
        try:
            found = load_job_file(path, find_root(path.parent, visit.otherwise)).jobs
        except SourceUnasked as error:
            findings.append(finding_of(error, visit.shown(path), severity="note"))
            continue
        except JobFileError as error:
            findings += (finding_of(one, visit.shown(path)) for one in (error, *error.also))
            continue
        jobs += (job for job in found if names is None or job.name in names)
        findings += (_unknown(visit, path, name) for name in sorted((names or set()) - {job.name for job in found}))
    if not visit.selection:
        findings.append(_none())
    elif not findings:
        findings.append(fine("job-files", "job files", _counted(len(visit.selection), len(jobs))))
    return tuple(jobs), tuple(findings)


def _unknown(visit: Visit, path: Path, name: str) -> MachineFinding:
    return MachineFinding(
        code="item-unknown",
        severity="error",
        subject=visit.shown(path),
        found=f"it has no item {name}",
        wanted="the name of an item as `pytest --collect-only` lists it",
    )


def _none() -> MachineFinding:
    return MachineFinding(
        code="no-job-files",
        severity="note",
        subject="job files",
        found="there are none, so no model and no output was looked at",
        wanted="files called *.comfyjob.yaml",
    )


def _counted(files: int, images: int) -> str:
    return f"{files} file{'' if files == 1 else 's'}, {images} image{'' if images == 1 else 's'}"


# --- where images go --------------------------------------------------------------------------------------------------


def output_findings(visit: Visit, jobs: Iterable[Job]) -> Iterator[MachineFinding]:
    """Whether images, and what stays on this machine, can be written."""
    directories = [*dict.fromkeys(job.output.parent for job in jobs), visit.local]
    wrong = {directory: reason for directory in directories if (reason := _why_not_writable(directory))}
    for directory, reason in wrong.items():
        yield MachineFinding(
            code="write-failed",
            severity="error",
            subject=visit.shown(directory),
            found=reason,
            wanted="a directory that you may write to",
        )
    if not wrong:
        yield fine("outputs", "outputs", f"{', '.join(map(visit.shown, directories))} can be written")


def _why_not_writable(directory: Path) -> str | None:
    """Nothing is written to find out."""
    existing = next(one for one in (directory, *directory.parents) if os.path.lexists(one))
    if not existing.is_dir():
        return f"{existing.name} stands there and is no directory"
    if not os.access(existing, os.W_OK | os.X_OK):
        return "you may not write there" if existing == directory else f"you may not write in {existing}"
    return None


# --- git --------------------------------------------------------------------------------------------------------------


def git_findings(visit: Visit, git: Git | None, local: Iterable[Path]) -> Iterator[MachineFinding]:
    """Whether git leaves alone what belongs to this machine.

    :param local: directories that are not for the repository; those that exist are looked at.
    """
    present = [path for path in local if path.is_dir() and visit.root in path.parents]
    if git is None or not (visit.root / ".git").exists() or not present:
        return
    shown = [path for path in present if _is_shown(git, visit.root, path)]
    for path in shown:
        line = f"/{path.relative_to(visit.root).as_posix()}/"
        yield MachineFinding(
            code="not-ignored",
            severity="warning",
            subject=visit.shown(path),
            found="git status shows it, and `git add .` would take it in",
            wanted=f"the line {line} in {visit.shown(visit.root / '.gitignore')}",
            command=f"echo {shlex.quote(line)} >> {shlex.quote(str(visit.root / '.gitignore'))}",
        )
    if not shown:
        yield fine("ignored", "git", f"{', '.join(map(visit.shown, present))} stays out of it")


def _is_shown(git: Git, root: Path, path: Path) -> bool:
    name = path.relative_to(root).as_posix()
    done = git.ask(root, "status", "--porcelain", "--untracked-files=normal", "--", f":(literal){name}")
    return done.status == 0 and bool(done.output.strip())


def lfs_findings(visit: Visit, git: Git | None, jobs: Iterable[Job]) -> Iterator[MachineFinding]:
    """What Git LFS has to do with the images, if it has."""
    jobs = tuple(jobs)
    pointers = [job.output for job in jobs if _is_pointer(job.output)]
    keeps = git is not None and _keeps_images(git, jobs)
    if pointers:
        yield MachineFinding(
            code="lfs-pointer",
            severity="warning",
            subject=visit.shown(pointers[0]),
            found="a Git LFS pointer instead of the image"
            + (f", and {len(pointers) - 1} more" if pointers[1:] else ""),
            wanted="the images themselves",
            command="git lfs pull",
        )
    if not keeps and not pointers:
        return
    if shutil.which("git-lfs", path=visit.environment.get("PATH")):
        yield fine("lfs", "git-lfs", "it is here, and keeps the images")
    else:
        yield MachineFinding(
            code="lfs-missing",
            severity="warning",
            subject="git-lfs",
            found="not on the PATH, and .gitattributes gives images to it",
            wanted="git-lfs from https://git-lfs.com, and then `git lfs install`",
        )


def _is_pointer(path: Path) -> bool:
    try:
        return lfs_oid(path, path.stat()) is not None
    except OSError:
        return False


def _keeps_images(git: Git, jobs: Iterable[Job]) -> bool:
    """Whether `.gitattributes` gives images to Git LFS; of those alike in directory and suffix one is looked at."""
    samples = {(job.root, job.output.parent, job.output.suffix): job for job in jobs}
    by_root: dict[Path, list[str]] = {}
    for job in samples.values():
        by_root.setdefault(job.root, []).append(job.output_name)
    return any(_has_filter(git, root, names[:_MOST_PATHS]) for root, names in by_root.items())


def _has_filter(git: Git, root: Path, names: list[str]) -> bool:
    values = git.ask(root, "check-attr", "-z", "filter", "--", *names).output.split("\0")[2::3]
    return "lfs" in values

"""What every write below a repository's root obeys: it stays inside, and the system's refusals become our errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_comfygen.errors import OutsideRepository, WriteFailed
from pytest_comfygen.outputs.atomic import TEMP_SUFFIX
from pytest_comfygen.outputs.local import link_in, link_on_the_way
from pytest_comfygen.records import relative

__all__ = ["Guard"]

_ADVICE = {
    errno.ENOSPC: "make room on the disk and run again",
    errno.EDQUOT: "make room within your disk quota and run again",
    errno.EROFS: "the file system is mounted read-only: mount it writable",
    errno.EACCES: "change the permissions of the file or of its directory",
    errno.EPERM: "change the permissions of the file or of its directory",
    errno.ENAMETOOLONG: "give the item a shorter name",
}


class Guard:
    """Watches over the paths of one repository.

    :param root: the repository's top, absolute.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = Path(os.path.realpath(root))
        self._within = os.path.join(self._real_root, "")  # noqa: PTH118  # with the separator at its end

    def name(self, path: Path) -> str:
        """The path as people name it, relative to the repository."""
        return relative(path, self._root)

    def refuse_outside(self, path: Path) -> None:
        """Follow links at the time of writing: one may have been swapped in since the job file was read.

        :raises OutsideRepository: a link leads out of the repository.
        """
        real = os.path.realpath(os.path.dirname(path))  # noqa: PTH120  # for every image of a run, several times
        if f"{real}{os.sep}".startswith(self._within):
            return
        if not Path(real).is_relative_to(self._real_root):  # as the system compares names
            raise OutsideRepository(
                f"{self.name(path)} leads outside the repository through a link, to {real}",
                hint="replace the link by a directory, or give the output another one",
            )

    def refuse_link(self, path: Path) -> None:
        """Refuse a link on the way to what lies in `.comfygen/`, wherever it leads.

        :raises OutsideRepository: there is one.
        """
        if link := link_on_the_way(path):
            raise self._link_refused(link)

    def refuse_links_in(self, directory: Path) -> None:
        """Refuse a link among what lies in a directory of `.comfygen/`: files are opened there by their names.

        :raises OutsideRepository: there is one.
        """
        if link := link_in(directory):
            raise self._link_refused(link)

    def _link_refused(self, link: Path) -> OutsideRepository:
        name = self.name(link)
        return OutsideRepository(
            f"{name} is a link, and what is written or deleted there may be somebody's",
            hint=f"delete the link, with git rm if it came with a branch: {name}",
        )

    @contextmanager
    def translated(self, path: Path, doing: str = "written") -> Iterator[None]:
        """Turn the system's refusals into `WriteFailed`.

        :param path: what is being written, or whatever `doing` says.
        """
        try:
            yield
        except OSError as error:
            message = f"{self.name(path)} cannot be {doing}: {error.strerror or error}{self._elsewhere(error, path)}"
            raise WriteFailed(message, hint=_ADVICE.get(error.errno or 0)) from error

    def _elsewhere(self, error: OSError, path: Path) -> str:
        """Where it failed, when that is another file than `path` and not a temporary one of ours."""
        if error.filename is None:
            return ""
        culprit = Path(os.fsdecode(error.filename))
        return "" if culprit == path or culprit.name.endswith(TEMP_SUFFIX) else f" (at {self.name(culprit)})"

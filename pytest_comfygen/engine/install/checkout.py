"""Puts a checkout in its place, or moves one that is there, so that a kill at any point is mended by the next run."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.git import Checkout, Git, short
from pytest_comfygen.engine.install.console import Console
from pytest_comfygen.engine.install.look import Pin, misfit
from pytest_comfygen.engine.install.places import Places, version_of
from pytest_comfygen.engine.install.record import Pinned
from pytest_comfygen.engine.journal import Owner
from pytest_comfygen.engine.programs import redacted
from pytest_comfygen.errors import CheckoutChanged, CheckoutForeign, GitFailed, RevisionUnknown

__all__ = ["Mover", "hide_from_git"]

_SHOWN_FILES = 20


@dataclass(frozen=True, slots=True)
class Mover:
    """Brings checkouts to what is wanted."""

    git: Git
    places: Places
    console: Console

    def provide(self, pin: Pin, recorded: Pinned | None, *, update: bool) -> Pinned:
        """The checkout is there and at its pin afterwards.

        :param recorded: how it was put in place, if by us.
        :param update: also look for something newer.
        :raises CheckoutChanged: it holds changes and would have to move.
        :raises CheckoutForeign: it is no git checkout and would have to move.
        :raises RevisionUnknown: there is no such revision.
        :raises GitFailed: a git command failed.
        """
        checkout = Checkout(self.git, pin.directory)
        if not pin.directory.exists() or not any(pin.directory.iterdir()):
            self._clone(pin)
        elif checkout.exists:
            self._mend(pin, checkout)
            if update or misfit(self.git, pin, recorded):
                elsewhere = recorded is not None and recorded.repo != redacted(pin.repo)
                self._move(pin, checkout, fetch=update or elsewhere)
        elif misfit(self.git, pin, recorded):
            raise CheckoutForeign(
                f"{pin.directory} is version {version_of(pin.directory)} and no git checkout, so it cannot be moved "
                f"to {pin.revision}",
                hint=f"leave out {pin.option}, or move the directory away",
            )
        commit = checkout.head() if checkout.exists else None
        return Pinned(repo=redacted(pin.repo), revision=pin.revision, commit=commit)

    def clear_away_the_dead(self) -> None:
        """Remove what processes left that died: clones, and what trial starts wrote."""
        dead = [path for path, owner in self.places.partials().items() if not owner.is_alive]
        for path in (*dead, *self.places.ours.glob("trial-*")):
            shutil.rmtree(path, ignore_errors=True)

    def _clone(self, pin: Pin) -> None:
        """Clone beside the place and rename, so that a checkout is there whole or not at all."""
        partial = self.places.partial(pin.directory, Owner.current())
        shutil.rmtree(partial, ignore_errors=True)
        self.console.say(f"cloning {redacted(pin.repo)}")
        try:
            self.git.clone(pin.repo, partial, self.console.run)
            checkout = Checkout(self.git, partial)
            commit = self._wanted(pin, checkout, fetch=False)
            checkout.check_out(commit, self.console.run)
            pin.directory.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                pin.directory.rmdir()  # an empty one, or it would not be absent
            partial.rename(pin.directory)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        self.console.say(f"{pin.directory.name} is at {_shown(Checkout(self.git, pin.directory), commit)}")

    def _wanted(self, pin: Pin, checkout: Checkout, *, fetch: bool) -> str:
        """The commit that the pin means; the repository is asked when told so, or when nobody here knows.

        :raises RevisionUnknown: there is no such revision.
        """
        found = () if fetch else checkout.commits(pin.revision)
        if not found:
            checkout.fetch(pin.repo, pin.revision, self.console.run)
            found = checkout.commits(pin.revision, fetched=True)
        if not found and pin.revision:
            raise checkout.unknown(pin.revision, pin.repo)
        if not found:
            raise RevisionUnknown(f"{redacted(pin.repo)} has no commit", hint="correct --comfy-repo")
        return found[0]

    def _move(self, pin: Pin, checkout: Checkout, *, fetch: bool) -> None:
        head = checkout.head() or "nothing"
        commit = self._wanted(pin, checkout, fetch=fetch)
        if commit == head:
            return
        here, there = _shown(checkout, head), pin.revision or short(commit)
        if changes := checkout.changes():
            more = len(changes) - _SHOWN_FILES
            raise CheckoutChanged(
                f"{pin.directory} has local changes, so it is not moved from {here} to {there}",
                details=(*changes[:_SHOWN_FILES], *([f"and {more} more"] if more > 0 else [])),
                hint=f'git -C "{pin.directory}" stash, or pin what is there: {pin.option} {short(head)}',
            )
        self.console.say(f"moving {pin.directory.name} from {here} to {there}")
        self._replace_files(pin, checkout, commit)

    def _replace_files(self, pin: Pin, checkout: Checkout, commit: str) -> None:
        """Check out with a note beside it: between its first file and its last, a kill leaves files of both commits."""
        note = self.places.moving(pin.directory)
        note.write_text(json.dumps({"to": commit}), encoding="utf-8")
        try:
            checkout.check_out(commit, self.console.run)
        except (CheckoutChanged, GitFailed):
            if not checkout.changes():  # git refused before it touched anything
                note.unlink()
            raise
        note.unlink()

    def _mend(self, pin: Pin, checkout: Checkout) -> None:
        """Complete a move that was interrupted; what differs is kept aside, in case somebody worked on it since."""
        note = self.places.moving(pin.directory)
        try:
            commit = str(json.loads(note.read_bytes())["to"])
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError):  # killed while it was written: nothing was moved yet
            note.unlink()
            return
        for lock in ("index.lock", "HEAD.lock"):
            with suppress(OSError):  # not there, or the repository lies elsewhere
                (pin.directory / ".git" / lock).unlink()
        self._save(pin.directory, checkout.changes())
        checkout.check_out(commit, self.console.run, force=True)
        note.unlink()

    def _save(self, directory: Path, files: tuple[str, ...]) -> None:
        saved = self.places.saved(directory)
        for name in files:
            if (directory / name).is_file():
                (saved / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(directory / name, saved / name)


def hide_from_git(git: Git, directory: Path) -> str | None:
    """Keep a checkout that we are about to make out of the surrounding repository's sight.

    An ignore file that hides itself too is written beside it, unless one is there already or it would be the
    repository's first at its top: those are people's to write.

    :returns: the line that somebody has to write, and where; None when nothing is left to do.
    """
    if git.ignores(directory):
        return None
    ignore = directory.parent / ".gitignore"
    top = git.top_level(directory.parent)
    if ignore.exists() or (top and top.resolve() == directory.parent):
        return f"add the line /{directory.name}/ to {ignore}"
    ignore.write_text(
        f"# pytest-comfygen: this belongs to your machine, not to the repository.\n/.gitignore\n/{directory.name}/\n",
        encoding="utf-8",
    )
    return None


def _shown(checkout: Checkout, commit: str) -> str:
    tag = checkout.tag()
    return f"{tag} ({short(commit)})" if tag else short(commit)

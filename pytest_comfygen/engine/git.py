"""git, so run that neither the caller's repository nor a strange address changes what it does.

It asks nothing, runs no hook, follows no command transport, and sees none of the variables that name another
repository. What is fetched is kept under `refs/comfygen/`, so a checkout that we adopt keeps its own branches and tags.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Self

from pytest_comfygen.engine.programs import Done, ask, clean_environment, redacted
from pytest_comfygen.errors import CheckoutChanged, GitFailed, GitMissing, RevisionUnknown, SettingsError

__all__ = ["Checkout", "Git", "Runner", "checked_address", "checked_revision", "short"]

Runner = Callable[[Sequence[str], Mapping[str, str], Path], Done]
"""Runs a long program: command, environment and directory to how it ended."""

_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",  # a repository's own configuration could name a program
    "gc.auto": "0",
    "maintenance.auto": "false",  # nothing goes on when git has ended
    "advice.detachedHead": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "protocol.ext.allow": "never",
}
_VARIABLES = {
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "GIT_OPTIONAL_LOCKS": "0",  # looking writes nothing
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",  # also for what `insteadOf` or a redirect leads to
    "LC_ALL": "C",
    "LANGUAGE": "C",
}

_NETWORK = (
    "could not resolve host|failed to connect|could not connect|connection (timed out|refused|reset)|early EOF"
    "|network is unreachable|operation too slow|name resolution"
)
_REFUSED = (
    "terminal prompts disabled|authentication failed|could not read (username|password)|permission denied .publickey"
)
_EXPLAINED = {
    _NETWORK: "is there a network? A proxy is taken from https_proxy",
    "certificate": "name your certificate with GIT_SSL_CAINFO or git's http.sslCAInfo",
    _REFUSED: "git may not ask for a password: set up a credential helper or an ssh agent, or correct --comfy-repo",
    "host key verification failed": "connect to that host once by hand with ssh, so that its key is known",
    "dubious ownership": "another user owns it; if you trust it: git config --global --add safe.directory and its path",
    "no space left": "the disk is full: free some space, or put ComfyUI elsewhere with --comfy-dir",
    r"\.lock': file exists": "another git runs in there, or one was killed: remove that file once none does",
    "transport '.*' not allowed": "only http, https, ssh, git and local repositories are cloned",
    "not found|does not exist|not appear to be a git repo": "correct --comfy-repo, or check that you may read it",
}

_HEX = re.compile(r"[0-9a-f]{7,40}")
_RELEASE = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_OURS = "refs/comfygen/"


@dataclass(frozen=True, slots=True)
class Git:
    """The git of this machine.

    :param caller: the caller's variables without tokens, and without those that name another repository.
    """

    executable: str
    caller: Mapping[str, str]

    @property
    def environment(self) -> Mapping[str, str]:
        """What git runs with."""
        return {**self.caller, **_VARIABLES}

    @classmethod
    def find(cls, environment: Mapping[str, str]) -> Self:
        """The git on the caller's PATH.

        :raises GitMissing: there is none.
        """
        executable = shutil.which("git", path=environment.get("PATH"))
        if not executable:
            raise GitMissing("there is no git on the PATH")
        scrubbed = clean_environment(environment)
        local = ask([executable, "rev-parse", "--local-env-vars"], {"PATH": environment.get("PATH", "")}).lines
        return cls(executable, {name: value for name, value in scrubbed.items() if name not in local})

    def ask(self, directory: Path, *arguments: str) -> Done:
        """Run a short command in `directory`, which must be the top of its own checkout."""
        # Without the ceiling, git would go up and find the repository that we are in.
        bound = {**self.environment, "GIT_CEILING_DIRECTORIES": str(directory.resolve().parent)}
        return ask(self.command(*arguments), bound, cwd=directory)

    def clone(self, address: str, directory: Path, run: Runner) -> None:
        """Clone a repository to a directory that does not exist yet, without checking it out.

        :raises GitFailed: with what git said, and what it means.
        """
        arguments = ["clone", "--no-checkout", "--progress", "--", address, str(directory)]
        done = run(self.command(*arguments), self.environment, directory.parent)
        if done.status:
            raise failed(f"{redacted(address)} was not cloned", done)

    def ignores(self, path: Path) -> bool:
        """Whether the repository around the directory `path` leaves it out of sight, be it there yet or not.

        Also true where there is no repository.
        """
        done = ask(self.command("check-ignore", "-q", "--", f"{path.name}/"), self.environment, cwd=path.parent)
        return done.status != 1

    def top_level(self, directory: Path) -> Path | None:
        """The top of the repository that `directory` is in."""
        done = ask(self.command("rev-parse", "--show-toplevel"), self.environment, cwd=directory)
        return None if done.status else Path(done.output.removesuffix("\n"))

    def command(self, *arguments: str) -> list[str]:
        """The command line of a git that runs no hook and no program that a repository names."""
        config = (word for name, value in _CONFIG.items() for word in ("-c", f"{name}={value}"))
        return [self.executable, *config, *arguments]


@dataclass(frozen=True, slots=True)
class Checkout:
    """A directory that is the top of a git checkout."""

    git: Git
    directory: Path

    @property
    def exists(self) -> bool:
        """Whether the directory is a checkout of its own."""
        return (self.directory / ".git").exists()

    def head(self) -> str | None:
        """The commit that is checked out; None in a repository without one."""
        return self._commit("HEAD")

    def tag(self) -> str | None:
        """The tag at the commit that is checked out, a release's before others."""
        places = [f"{_OURS}tags", "refs/tags"]
        names = self.git.ask(self.directory, "for-each-ref", "--points-at=HEAD", "--format=%(refname)", *places).lines
        return max((name.rpartition("/")[2] for name in names), key=_release, default=None)

    def date(self) -> str | None:
        """The day of the commit that is checked out, as `2025-10-11`."""
        return self.git.ask(self.directory, "show", "-s", "--format=%cs", "HEAD").output.strip() or None

    def changes(self) -> tuple[str, ...]:
        """The tracked files that differ from the commit that is checked out.

        :raises GitFailed: git cannot tell.
        """
        done = self.git.ask(self.directory, "status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames")
        if done.status:
            raise failed(f"git cannot tell what was changed in {self.directory}", done)
        return tuple(entry[3:] for entry in done.output.split("\0") if entry)

    def commits(self, revision: str | None, *, fetched: bool = False) -> tuple[str, ...]:
        """The commits that a revision may name as far as is known here, the likeliest first.

        :param revision: a commit, tag or branch; None: the newest stable release, else the default branch.
        :param fetched: only what the last `fetch` brought counts.
        """
        names = _references(revision, fetched=fetched) if revision else self._newest()
        found = [commit for commit in map(self._commit, names) if commit]
        return tuple(dict.fromkeys(found)) if revision else tuple(found[:1])

    def fetch(self, address: str, revision: str | None, run: Runner) -> None:
        """Bring what the repository has; a commit that no branch or tag leads to is asked for by itself.

        :raises GitFailed: with what git said, and what it means.
        """
        everything = [f"+refs/heads/*:{_OURS}heads/*", f"+refs/tags/*:{_OURS}tags/*", f"+HEAD:{_OURS}HEAD"]
        done = self._fetch(address, ["--prune", *everything], run)
        if done.status:
            raise failed(f"{redacted(address)} was not fetched", done)
        if revision and len(revision) == 40 and _HEX.fullmatch(revision) and not self._commit(revision):  # noqa: PLR2004  # a sha1 in hexadecimal
            self._fetch(address, [f"+{revision}:{_OURS}pin"], run)

    def check_out(self, commit: str, run: Runner, *, force: bool = False) -> None:
        """Put the files of a commit in place, on no branch.

        :param force: over whatever the tracked files hold.
        :raises CheckoutChanged: untracked files stand in the way; nothing was touched.
        :raises GitFailed: with what git said, and what it means.
        """
        arguments = ["checkout", "--progress", "--detach", *(["--force"] if force else []), commit]
        done = run(self.git.command(*arguments), self.git.environment, self.directory)
        if done.status and any("would be overwritten" in line for line in done.lines):
            files = tuple(line.strip() for line in done.lines if line.startswith("\t"))
            raise CheckoutChanged(
                f"files in {self.directory} stand in the way of {short(commit)}",
                details=files,
                hint="move them elsewhere, and run again",
            )
        if done.status:
            raise failed(f"{short(commit)} was not checked out in {self.directory}", done)

    def unknown(self, revision: str, address: str) -> RevisionUnknown:
        """The error that the repository has no such revision, with names that look like it."""
        known = [name.rpartition("/")[2] for name in self._refs("tags", "heads")]
        close = get_close_matches(revision, known, n=3) or sorted(known, key=_release)[-1:]
        hint = f"did you mean {' or '.join(close)}? Set --comfy-revision" if close else "correct --comfy-revision"
        return RevisionUnknown(f"{redacted(address)} has no commit, tag or branch {revision!r}", hint=hint)

    def _newest(self) -> list[str]:
        releases = [name for name in self._refs("tags") if _release(name)]
        newest = max(releases, key=_release, default=None)
        return [newest] if newest else [f"{_OURS}HEAD", "refs/remotes/origin/HEAD", "HEAD"]

    def _refs(self, *kinds: str) -> list[str]:
        """The names of tags and branches: those that we fetched, else those that the clone came with."""
        for places in ([f"{_OURS}{kind}" for kind in kinds], ["refs/tags", "refs/remotes/origin"][: len(kinds)]):
            if found := self.git.ask(self.directory, "for-each-ref", "--format=%(refname)", *places).lines:
                return list(found)
        return []

    def _commit(self, name: str) -> str | None:
        done = self.git.ask(self.directory, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return done.output.strip() or None

    def _fetch(self, address: str, arguments: list[str], run: Runner) -> Done:
        options = ["--progress", "--no-tags", "--force", "--no-write-fetch-head", "--no-recurse-submodules"]
        prune, refspecs = (["--prune"], arguments[1:]) if arguments[0] == "--prune" else ([], arguments)
        command = self.git.command("fetch", *options, *prune, "--", address, *refspecs)
        return run(command, self.git.environment, self.directory)


def short(commit: str) -> str:
    """A commit as people read it."""
    return commit[:8]


def checked_address(address: str) -> str:
    """The address of a repository, unless it would be an option or a command, or holds a password.

    :raises SettingsError: it is not for use.
    """
    shown = redacted(address)
    if not address or address.startswith("-") or not address.isprintable():
        raise SettingsError(f"--comfy-repo: {shown!r} is no address of a git repository")
    if re.match(r"[\w.+-]*::", address):
        raise SettingsError(f"--comfy-repo: {shown!r} would run a program of that name, so it is refused")
    if re.match(r"\w+://[^/@]*:[^/@]*@", address):
        raise SettingsError(
            f"--comfy-repo: the address of {shown} holds a password, which logs and process lists would show",
            hint="leave it out, and let git's credential helper or an ssh key keep it",
        )
    return address


def checked_revision(revision: str) -> str:
    """The name of a commit, tag or branch, unless it is an expression or an option.

    :raises SettingsError: it is not for use.
    """
    if not re.fullmatch(r"\w[\w./+-]*", revision, re.ASCII) or ".." in revision:
        raise SettingsError(f"--comfy-revision: {revision!r} is no name of a commit, tag or branch")
    return revision


def failed(message: str, done: Done) -> GitFailed:
    """The error for a git command that failed: what it said, and what to do about it where that is known."""
    said = tuple(redacted(line.strip()) for line in done.lines if not re.match(r"[\w ]+: +\d+%", line))
    hint = next(
        (hint for pattern, hint in _EXPLAINED.items() if re.search(pattern, "\n".join(said), re.IGNORECASE)), None
    )
    return GitFailed(message, details=said[-8:], hint=hint)


def _references(revision: str, *, fetched: bool) -> list[str]:
    places = [f"{_OURS}tags/", "refs/tags/", f"{_OURS}heads/", "refs/remotes/origin/"]
    names = [place + revision for place in places if place.startswith(_OURS) or not fetched]
    return [revision, *names] if _HEX.fullmatch(revision) else names


def _release(name: str) -> tuple[int, ...]:
    """The numbers of a stable release's tag; nothing for other names, pre-releases included."""
    found = _RELEASE.fullmatch(name.rpartition("/")[2])
    return tuple(map(int, found.groups())) if found else ()

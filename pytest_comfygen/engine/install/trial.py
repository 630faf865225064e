"""Whether ComfyUI starts in the environment that was made for it."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.git import Checkout, Git
from pytest_comfygen.engine.install.console import Console
from pytest_comfygen.engine.install.explain import explain_start, failed_nodes
from pytest_comfygen.engine.install.places import Places, python_in, site_packages, version_of
from pytest_comfygen.engine.programs import Done
from pytest_comfygen.errors import EnvironmentBroken

__all__ = ["Trial"]

_TAIL = 15


@dataclass(frozen=True, slots=True)
class Trial:
    """A start of ComfyUI that imports everything and ends, so that a library that does not fit is found here."""

    places: Places
    console: Console
    git: Git

    def start(self, nodes: tuple[str, ...]) -> None:
        """Start ComfyUI without a port; of custom nodes only those that are named are loaded.

        :raises EnvironmentBroken: it does not start; with the module that is to blame and the line to add.
        """
        self.console.say("trying to start ComfyUI")
        done = self._run("--help")
        if done.status:
            raise self._broken(done)
        with tempfile.TemporaryDirectory(dir=self.places.ours, prefix="trial-") as scratch:
            flags = _flags(done.output, Path(scratch), nodes)
            if not flags:
                return
            done = self._run(*flags)
        if done.status:
            raise self._broken(done)
        for name in failed_nodes(done.lines):
            self.console.say(f"{name} was not loaded by ComfyUI; why is in {self.places.log}")

    def _run(self, *arguments: str) -> Done:
        python = python_in(self.places.environment)
        command = [str(python), "-s", "main.py", *arguments]
        return self.console.run(command, self.git.caller, self.places.directory)

    def _broken(self, done: Done) -> EnvironmentBroken:
        day = Checkout(self.git, self.places.directory).date()
        known = explain_start(done.lines, site_packages(self.places.environment), day)
        message = f"ComfyUI {version_of(self.places.directory)} does not start in its environment"
        return EnvironmentBroken(
            f"{message}: {known.cause}" if known else message,
            details=done.lines[-_TAIL:],
            hint=" | ".join(filter(None, (known.hint if known else None, f"the log: {self.places.log}"))),
        )


def _flags(known: str, scratch: Path, nodes: tuple[str, ...]) -> list[str]:
    """The flags for a start that leaves nothing behind, of those that this version knows; none when it has no trial."""
    wanted = {
        "--quick-test-for-ci": (),
        "--cpu": (),
        "--disable-all-custom-nodes": (),
        "--user-directory": (scratch,),
        "--temp-directory": (scratch,),
        "--output-directory": (scratch,),
        "--input-directory": (scratch,),
        "--database-url": ("sqlite:///:memory:",),
        "--disable-assets": (),
        "--whitelist-custom-nodes": nodes,
    }
    flags = set(re.findall(r"--[\w-]+", known))
    if "--quick-test-for-ci" not in flags:
        return []
    if not nodes:
        del wanted["--whitelist-custom-nodes"]
    chosen = {flag: values for flag, values in wanted.items() if flag in flags}
    return [str(word) for flag, values in chosen.items() for word in (flag, *values)]

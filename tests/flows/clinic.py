"""A small machine for the doctor to look at: a repository, and whatever a test plants in and around it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pytest_comfygen.engine.journal import Owner
from pytest_comfygen.engine.server import OwnedServer
from pytest_comfygen.engine.supervise.state import SUPERVISOR, StateDirectory
from pytest_comfygen.flows.doctor import Commands, Selection, Visit, diagnose
from pytest_comfygen.records import Diagnosis, MachineFinding
from pytest_comfygen.settings import resolve
from tests.engine.download.hub import HUB_FILE, Hub, digest, weights
from tests.engine.install.world import git, release

CLOSED = "http://127.0.0.1:9"
CONTENT = weights(2000)

JOBS = """\
comfyjob: 1
output: {{dir: ../assets}}
models:
  base: {{{model}}}
defaults: {{checkpoint: base, size: 64x64, steps: 2, prompt: "portrait of ${{name}}"}}
items:
  kin_dwarf: {{}}
  kin_elf: {{}}
"""


class Clinic:
    """A repository without anything that a desk's own settings and programs could change.

    :ivar environment: of the examination; its PATH has git and what a test puts into `bin`.
    :ivar answer_s: how long servers and hosts may take.
    """

    def __init__(self, directory: Path, open_until_the_end: ExitStack) -> None:
        self._open = open_until_the_end
        self.bin = directory / "bin"
        self.root = (directory / "home").resolve()
        self.environment = {"PATH": str(self.bin), "HOME": str(directory), "GIT_CONFIG_GLOBAL": os.devnull}
        self.default_url = CLOSED
        self.answer_s = 5.0
        self.free: Callable[[Path], int] = lambda _: 10**15
        self.selection: Selection | None = None
        self.bin.mkdir(parents=True)
        self.root.mkdir()
        (self.bin / "git").symlink_to(shutil.which("git") or "git")
        git(self.root, "init", "-q")
        self._hub: Hub | None = None

    @property
    def comfyui(self) -> Path:
        return self.root / "tools" / "ComfyUI"

    @property
    def hub(self) -> Hub:
        """A host of models, which is huggingface.co as far as the examination can see."""
        if self._hub is None:
            self._hub = Hub()
            self._open.callback(self._hub.close)
            self.environment |= self._hub.environment
        return self._hub

    # --- planting -------------------------------------------------------------------------------------------------

    def write(self, name: str, content: str | bytes = "") -> Path:
        """A file below the repository."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def program(self, name: str, script: str) -> Path:
        """A program on the PATH."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def ask_for(self, model: str = "", *, name: str = "model.safetensors", sha256: str = "") -> Path:
        """A job file with two images that need a model."""
        said = [f"file: checkpoints/{name}", *([model] if model else []), *([f"sha256: {sha256}"] if sha256 else [])]
        return self.write("jobs/kins.comfyjob.yaml", JOBS.format(model=", ".join(said)))

    def ask_hub(self, *, sha256: str = digest(CONTENT), more: str = "") -> Path:
        """A job file whose model Hugging Face has."""
        self.hub.files[HUB_FILE] = CONTENT
        return self.ask_for(f"url: '{HUB_FILE}'{more}", sha256=sha256)

    def install(self) -> None:
        """A ComfyUI with an environment that somebody made, in which nothing is missing."""
        release(self.comfyui, "0.3.64")
        self.write("tools/ComfyUI/.venv/bin/python")
        torch = "tools/ComfyUI/.venv/lib/python3.11/site-packages/torch/version.py"
        self.write(torch, "__version__ = '2.9.1+cpu'\n")
        self.write("tools/.gitignore", "/.gitignore\n/ComfyUI/\n")

    def keep(self, content: bytes = CONTENT, name: str = "model.safetensors") -> Path:
        """A file in ComfyUI's folder of checkpoints."""
        return self.write(f"tools/ComfyUI/models/checkpoints/{name}", content)

    def note_server(self, *, runs: bool, supervised: bool = False) -> OwnedServer:
        """What stands in a state directory, with the processes that it speaks of."""
        command = [sys.executable, "-c", "input()"]
        process = self._process(*command[1:])
        supervisor = self._process("-c", "input()", SUPERVISOR) if supervised else process
        server = OwnedServer(
            process=Owner.of(process.pid),
            supervisor=Owner.of(supervisor.pid) if supervised else Owner(process.pid, 1),
            argv=tuple(command),
            token="t",
            port=9,
            identity="i",
            log=self.root / "server.log",
        )
        if not runs:
            end(process)
        state = self.write(".comfygen/server/any/.keep").parent
        self.write(".comfygen/.gitignore", "*\n")
        StateDirectory(state).write_record(server)
        return server

    def dead(self) -> Owner:
        """A process that was there."""
        process = self._process("-c", "input()")
        owner = Owner.of(process.pid)
        end(process)
        return owner

    def _process(self, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE)
        self._open.callback(end, process)
        return process

    # --- examining ------------------------------------------------------------------------------------------------

    def visit(self, **command_line: object) -> Visit:
        """What the doctor is given, with these options."""
        typed = {f"comfy_{name}": value for name, value in command_line.items()}
        settings = resolve(typed.get, self.environment, lambda _name: None)
        files = dict.fromkeys(sorted((self.root / "jobs").glob("*.comfyjob.yaml")))
        return Visit(
            settings=settings,
            root=self.root,
            otherwise=self.root,
            selection=files if self.selection is None else self.selection,
            commands=Commands.of(settings, ("jobs",)),
            environment=self.environment,
            default_url=self.default_url,
            answer_s=self.answer_s,
            free=self.free,
        )

    def examine(self, **command_line: object) -> Diagnosis:
        return diagnose(self.visit(**command_line))

    def told(self, code: str, **command_line: object) -> list[MachineFinding]:
        """The findings of one code."""
        return [finding for finding in self.examine(**command_line).findings if finding.code == code]

    def problems(self, **command_line: object) -> list[str]:
        """The codes of what is not as it should be."""
        return [finding.code for finding in self.examine(**command_line).findings if finding.severity != "ok"]


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin:
        process.stdin.close()


@contextmanager
def clinic_in(directory: Path) -> Iterator[Clinic]:
    """A clinic of one test; what it started is ended."""
    with ExitStack() as stack:
        yield Clinic(directory, stack)

"""A machine on which ComfyUI is installed, started and stopped without a network: for tests of the whole plugin.

Outside the repository lies a *world*: a git repository that passes for ComfyUI, package indexes with tiny wheels, and a
stand-in for uv. What is cloned from it serves pictures, see `tests/comfyui/server.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
import PIL
import psutil
import pytest
import yaml

import pytest_comfygen
from pytest_comfygen.engine.install import Install, ensure
from pytest_comfygen.engine.supervise.stopping import is_running, wait_until
from tests.comfyui import usual_address
from tests.comfyui.tricks import VARIABLE, Tricks
from tests.engine.install.world import World, git
from tests.repository import PLAIN, Repository

__all__ = ["DEADLINE_S", "Machine", "build_world", "machine_in", "moved"]

DEADLINE_S = 60.0

ROOT = Path(pytest_comfygen.__file__).parents[1]
CHECKOUT = Path(__file__).with_name("checkout")
IGNORED = "__pycache__/\ncustom_nodes/\nmodels/\noutput/\ninput/\ntemp/\nuser/\nextra_model_paths.yaml\n"


def build_world(root: Path) -> World:
    """A world whose ComfyUI serves pictures."""
    ways = (ROOT, *sorted({Path(str(module.__file__)).parents[1] for module in (aiohttp, PIL, yaml)}))
    files = {path.relative_to(CHECKOUT).as_posix(): path.read_text("utf-8") for path in CHECKOUT.rglob("*.py")}
    own = {"import_path.json": json.dumps([str(path) for path in ways]), ".gitignore": IGNORED}
    world = World(root).build(**files, **own)
    world.add_uv()
    return world


def moved(template: Path, world: Path, tools: Path) -> World:
    """A copy of a world and of what was installed from it.

    :param template: holds `world` and `tools`.
    """
    shutil.copytree(template / "world", world, symlinks=True)
    shutil.copytree(template / "tools", tools, symlinks=True)
    written = (
        tools / "ComfyUI" / ".git" / "config",
        tools / "ComfyUI.install" / "record.json",
        *world.glob("*index/*/index.html"),
    )
    for path in written:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(str(template / "world"), str(world)), encoding="utf-8")
    return World(world)


@dataclass(frozen=True)
class Machine:
    """A repository, and the world that its ComfyUI comes from."""

    repository: Repository
    world: World

    @property
    def directory(self) -> Path:
        """Where ComfyUI is, or will be."""
        return self.repository.path / "tools" / "ComfyUI"

    @property
    def tricks(self) -> Tricks:
        """What the test wants servers to do, and what they did."""
        return Tricks(self.world.root / "tricks")

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a run that may install from this world, and nothing of the desk's settings."""
        return self.world.environment | {
            "PYTHONPATH": str(ROOT),
            # Else each run would clean up after all other runs on this desk, which can take minutes.
            "PYTEST_DEBUG_TEMPROOT": str(self.world.root),
            VARIABLE: str(self.tricks.directory),
            "COMFYGEN_REPO": str(self.world.repository),
            "COMFYGEN_TORCH": "cpu",
            "COMFYGEN_TORCH_INDEX": self.world.torch_index.as_uri(),
            "COMFYGEN_INSTALL": "auto",
            "COMFYGEN_START_TIMEOUT": "30",
        }

    def install(self) -> Install:
        """Install as a run would, in this process."""
        wish = self.world.with_(directory=self.directory)
        return ensure(wish, self.environment, lambda _: None, may_install=True, update=False, waiting=lambda _: None)

    def add_checkpoint(self, name: str = "tiny.safetensors", directory: Path | None = None) -> Path:
        """Put a weights file of one byte into ComfyUI's folder, or another one."""
        path = (directory or self.directory / "models" / "checkpoints") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        header = json.dumps({"weight": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + b"\x01")
        return path

    # --- runs ---------------------------------------------------------------------------------------------------------

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Begin to run pytest in the repository, in a process group of its own; what it writes goes to `output`.

        :param variables: more of the environment.
        """
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "pytest", *PLAIN, "-p", usual_address.__name__, *arguments],
                cwd=self.repository.path,
                env=self.environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def run(self, *arguments: str, **variables: str) -> pytest.RunResult:
        """Run pytest in the repository to its end."""
        started_at = time.monotonic()
        with self.start(*arguments, **variables) as process:
            try:
                status = process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                pytest.fail(f"pytest did not end within {DEADLINE_S:g} s:\n{self.output}")
        lines = self.output.splitlines()
        return pytest.RunResult(status, lines, [], time.monotonic() - started_at)

    @property
    def output(self) -> str:
        """What the run that was started last wrote so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def _log(self) -> Path:
        return self.world.root / "pytest.log"

    # --- what is there ------------------------------------------------------------------------------------------------

    def until(self, is_so: Callable[[], object], limit_s: float = DEADLINE_S) -> None:
        """Wait for something to become so."""
        if not wait_until(lambda: bool(is_so()), limit_s):
            pytest.fail(f"this did not come true within {limit_s:g} s; the run wrote:\n{self.output}")

    def commit(self) -> None:
        """Commit everything that the repository does not ignore."""
        git(self.repository.path, "add", "-A")
        git(self.repository.path, "commit", "-q", "--allow-empty", "-m", "what the test put there")

    def git_status(self) -> list[str]:
        """What git shows as changed or new in the repository."""
        return git(self.repository.path, "status", "--short", "--untracked-files=all").splitlines()

    def processes(self) -> list[psutil.Process]:
        """All that run in the repository or name it or the world: pytest, installers, supervisors, servers."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def wait_until_gone(self, limit_s: float = 10.0) -> list[psutil.Process]:
        """The processes that are left after that time.

        Those that were found are waited for, without a look at all others of this machine every time.
        """
        ends_at = time.monotonic() + limit_s
        while (found := self.processes()) and (rest_s := ends_at - time.monotonic()) > 0:
            wait_until(partial(_are_gone, found), rest_s)
        return found

    def _is_ours(self, process: psutil.Process) -> bool:
        places = (self.repository.path, self.world.root)
        try:
            if process.pid == os.getpid() or not is_running(process):
                return False
            words = process.cmdline()
            return any(str(place) in word for place in places for word in (*words, process.cwd()))
        except psutil.Error:
            return False


def _are_gone(processes: list[psutil.Process]) -> bool:
    return not any(map(is_running, processes))


@contextmanager
def machine_in(repository: Repository, world: World) -> Iterator[Machine]:
    """A machine of one test, its repository committed to git; what a failed test leaves running is killed."""
    git(repository.path, "init", "-q")
    git(repository.path, "add", "-A")
    git(repository.path, "commit", "-q", "-m", "a game")
    machine = Machine(repository, world)
    machine.tricks.directory.mkdir(exist_ok=True)
    try:
        yield machine
    finally:
        for process in machine.processes():
            with suppress(psutil.Error):
                process.kill()

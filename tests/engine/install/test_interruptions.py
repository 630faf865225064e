"""Killed at any point, the next call completes what is there; and of many at once, one installs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import pytest_comfygen
from pytest_comfygen.engine.install import look
from pytest_comfygen.engine.journal import Owner
from tests.engine.install.world import World, git

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nothing kills like SIGKILL there")

ROOT = Path(pytest_comfygen.__file__).parents[1]

# Installs, and dies of a signal when the event with that number or text comes; or says what it was told.
CHILD = """
import os, sys
from pathlib import Path
from tests.engine.install.world import World
world, fatal, number, pin = World(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3]), sys.argv[4]
class Events(list):
    def append(self, event):
        list.append(self, event)
        if fatal in (str(len(self)), event.text):
            os.kill(os.getpid(), number)
world = World(world.root, Events())
install = world.ensure(world.with_(revision=pin or None), update=False)
print(install.version, len(world.events), *world.waits, sep="|")
"""


def child(world: World, fatal: int | str = 0, number: int = signal.SIGKILL, pin: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(world.root), str(fatal), str(int(number)), pin]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


def processes_in(directory: Path) -> list[psutil.Process]:
    """The processes whose command line names a directory."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if any(str(directory) in word for word in process.info["cmdline"] or ()) and process.info["status"] != "zombie"
    ]


def wait_until_gone(directory: Path) -> list[psutil.Process]:
    deadline = time.monotonic() + 10
    while (left := processes_in(directory)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize("fatal", [3, 5, 6, 7, 9])
def test_killed_at_any_event_the_next_run_completes_it(world: World, fatal: int) -> None:
    with child(world, fatal) as process:
        assert process.wait(timeout=60) == -signal.SIGKILL
    assert look(world.wish, world.environment).kind in {"absent", "incomplete"}
    assert world.ensure().version == "0.3.64"
    assert wait_until_gone(world.root) == []
    assert list(world.ours.glob("clone-*")) == []
    assert git(world.directory, "status", "--short") == ""


@pytest.mark.parametrize("fatal", [2, 3])
def test_killed_in_a_move_the_next_run_completes_it(installed: World, fatal: int) -> None:
    with child(installed, fatal, pin="v0.3.9") as process:
        assert process.wait(timeout=60) == -signal.SIGKILL
    assert installed.ensure(installed.with_(revision="v0.3.9")).version == "0.3.9"


def test_files_of_two_commits_are_put_right_and_what_differed_is_kept(installed: World) -> None:
    target = git(installed.repository, "rev-parse", "v0.3.9")
    (installed.ours / "moving-ComfyUI.json").write_text(json.dumps({"to": target}))
    (installed.directory / "comfyui_version.py").write_text('__version__ = "0.3.9')  # torn
    (installed.directory / "main.py").unlink()
    (installed.directory / ".git" / "index.lock").touch()
    wish = installed.with_(revision="v0.3.9")
    (installed.directory / "main.py").write_text("")
    assert look(wish, installed.environment).reasons == ("a move to another revision was interrupted",)
    assert installed.ensure(wish).version == "0.3.9"
    assert git(installed.directory, "status", "--short") == ""
    saved = installed.ours / "saved-ComfyUI" / "comfyui_version.py"
    assert saved.read_text() == '__version__ = "0.3.9'


def test_a_package_that_a_kill_left_torn_is_installed_again(installed: World) -> None:
    (packages,) = (installed.ours / "venv").glob("lib/*/site-packages")
    (packages / "eels-1.0.dist-info" / "RECORD").unlink()
    (packages / "~orch").mkdir()
    (installed.ours / "record.json").unlink()
    installed.ensure()
    assert (packages / "eels-1.0.dist-info" / "RECORD").exists()
    assert not (packages / "~orch").exists()


def test_an_environment_that_was_begun_is_made_anew(installed: World) -> None:
    (installed.ours / "record.json").unlink()
    python = installed.ours / "venv" / "bin" / "python"
    python.unlink()
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    assert installed.ensure().version == "0.3.64"


def test_an_environment_that_was_deleted_is_made_again(installed: World) -> None:
    shutil.rmtree(installed.ours / "venv")
    assert look(installed.wish, installed.environment).reasons == ("its environment is gone",)
    assert installed.ensure().version == "0.3.64"


def test_a_torn_record_means_to_do_it_again(installed: World) -> None:
    record = installed.ours / "record.json"
    record.write_text(record.read_text()[:40])
    assert look(installed.wish, installed.environment).kind == "incomplete"
    assert installed.ensure().version == "0.3.64"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_installer_at_work_ends_with_us(world: World, number: signal.Signals) -> None:
    uv = world.root / "bin" / "uv"
    uv.write_text(f"#!{sys.executable} -IS\nimport time; print('Installing for ever', flush=True); time.sleep(99)\n")
    with child(world, "Installing for ever", number) as process:
        process.wait(timeout=20)
    assert wait_until_gone(world.root) == []
    uv.unlink()
    shutil.rmtree(world.root / "bin")
    world.add_uv()
    assert world.ensure().version == "0.3.64"


def test_of_many_at_once_one_installs_and_the_others_say_for_whom_they_wait(world: World) -> None:
    slow = world.root / "bin" / "uv"
    slow.write_text(slow.read_text().replace("verb, words =", "time.sleep(0.5)\nverb, words ="))
    processes = [child(world) for _ in range(4)]
    results = [process.communicate(timeout=60)[0].strip().split("|") for process in processes]
    assert [result[0] for result in results] == ["0.3.64"] * 4
    (worker,) = (process for process, result in zip(processes, results, strict=True) if result[1] != "0")
    waits = {result[2] for result in results if result[2:]}
    assert waits == {f"waiting for process {worker.pid}, which installs ComfyUI"}


def test_a_living_process_clone_is_left_alone(world: World) -> None:
    dead = Owner(os.getpid(), 1_000_000_000_000)  # our number, at another time
    clones = [world.ours / f"clone-ComfyUI-{one.pid}-{one.started_ms}" for one in (Owner.of(1), dead)]
    for clone in clones:
        clone.mkdir(parents=True)
    world.ensure()
    assert [clone.exists() for clone in clones] == [True, False]

"""A real ComfyUI, installed, started and stopped by the runs themselves: what the default tests show on a stand-in.

Opt-in by COMFYGEN_TEST_REPO; see README.md beside this file. The first test takes minutes and gigabytes.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from pytest_comfygen.engine.supervise.stopping import wait_until
from tests.engine.install.world import git

REPO = os.environ.get("COMFYGEN_TEST_REPO", "")
OPTIONS = shlex.split(os.environ.get("COMFYGEN_TEST_OPTIONS", ""))
MODELS = os.environ.get("COMFYGEN_TEST_MODELS", "")
ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not REPO, reason="needs a real ComfyUI's repository: set COMFYGEN_TEST_REPO"),
]
needs_a_model = pytest.mark.skipif(not MODELS, reason="needs a directory of models: set COMFYGEN_TEST_MODELS")

SMOKE = (ROOT / "jobs" / "smoke.comfyjob.yaml").read_text(encoding="utf-8")
KINS = """\
comfyjob: 1
output: {{dir: ../assets}}
defaults: {{checkpoint: {checkpoint}, size: 64x64, steps: {steps}, prompt: "portrait of ${{name}}"}}
items: {{kin_dwarf: {{}}, kin_elf: {{}}}}
"""


class Desk:
    """A repository of somebody who has nothing but git, Python and this plugin."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "jobs" / "workflows").mkdir(parents=True)
        self.write("jobs/smoke.comfyjob.yaml", SMOKE)
        self.write(
            "jobs/workflows/mosaic.json", (ROOT / "jobs" / "workflows" / "mosaic.json").read_text(encoding="utf-8")
        )
        self.write("pytest.ini", "[pytest]\n")
        git(path, "init", "-q")
        git(path, "add", "-A")
        git(path, "commit", "-qm", "jobs")

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def kins(self, checkpoint: str, steps: int = 2) -> None:
        self.write("jobs/kins.comfyjob.yaml", KINS.format(checkpoint=checkpoint, steps=steps))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        models = [f"--comfy-models-dir={MODELS}"] if MODELS else []
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "pytest",
                    "-p",
                    "no:randomly",
                    f"--comfy-repo={REPO}",
                    *OPTIONS,
                    *models,
                    *arguments,
                ],
                cwd=self.path,
                env={**os.environ, "COMFYGEN_INSTALL": "auto", "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def run(self, *arguments: str, limit_s: float = 1800) -> tuple[int, str, float]:
        """Exit code, output and seconds of a run."""
        begun = time.monotonic()
        with self.start(*arguments) as process:
            status = process.wait(limit_s)
        return status, self.output, time.monotonic() - begun

    @property
    def log(self) -> Path:
        return self.path.with_name("run.log")

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def server_log(self) -> str:
        logs = (self.path / ".comfygen" / "server").glob("*/server.log")
        return "".join(one.read_text(encoding="utf-8", errors="replace") for one in logs)

    def servers(self) -> list[psutil.Process]:
        """ComfyUI and the supervisor, as far as they run for this desk."""
        place = str(self.path)
        return [one for one in psutil.process_iter(["cmdline", "cwd"]) if place in str(one.info) and one.is_running()]

    def are_gone(self, limit_s: float = 15) -> bool:
        return wait_until(lambda: not self.servers(), limit_s)

    def git_status(self) -> list[str]:
        return git(self.path, "status", "--porcelain", "--untracked-files=all").splitlines()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk on which everything has been installed by the first run; what that run said is in `first`."""
    made = Desk(tmp_path_factory.mktemp("real") / "desk")
    yield made
    for process in made.servers():
        process.kill()


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Shows a figure, for whoever writes them down."""

    def tell(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n    measured: {text}\n")

    return tell


def test_one_command_goes_from_nothing_to_images(desk: Desk, told: Callable[[str], None]) -> None:
    status, output, seconds = desk.run("jobs", "-v")

    assert status == 0, output
    assert "images: 3 generated" in output
    assert re.search(r"comfygen: ComfyUI \d+\.\d+\.\d+ \(.*commit [0-9a-f]{12}\) at http://127\.0\.0\.1:\d+", output)
    with Image.open(desk.path / "jobs/images/smoke/mosaic_wide.png") as image:
        assert image.size == (512, 128)
    assert desk.are_gone()
    told(f"from nothing to three pictures in {seconds:.0f} s")


def test_a_second_run_touches_nothing(desk: Desk, told: Callable[[str], None]) -> None:
    status, output, seconds = desk.run("jobs", "-n2")

    assert (status, "images: 3 current" in output) == (0, True), output
    assert seconds < 3
    told(f"nothing to do, two workers: {seconds:.2f} s")


def test_git_sees_the_images_and_nothing_else(desk: Desk) -> None:
    ours = {line[3:] for line in desk.git_status()}

    assert {path.split("/")[0] for path in ours} == {"jobs"}
    assert all("images/smoke/" in path for path in ours)


def test_two_workers_share_a_server_and_it_goes_with_them(desk: Desk, told: Callable[[str], None]) -> None:
    status, output, seconds = desk.run("jobs", "-n2", "--comfy-update", "all")

    assert (status, "images: 3 identical" in output) == (0, True), output
    assert output.count("comfygen: starting a server") == 1
    assert desk.are_gone()
    told(f"server start, three pictures and stop, two workers: {seconds:.1f} s")


def test_a_kept_server_is_used_again_and_stopped_on_request(desk: Desk, told: Callable[[str], None]) -> None:
    desk.run("jobs", "--comfy-update", "all", "--comfy-keep-server", "120")
    (kept,) = [one for one in desk.servers() if "main.py" in one.cmdline()]
    status, output, seconds = desk.run("jobs", "--comfy-update", "all", "--comfy-keep-server", "120")

    assert (status, f"(process {kept.pid})" in output) == (0, True), output
    told(f"three pictures on a kept server: {seconds:.1f} s")
    assert desk.run("--comfy-stop")[0] == 0
    assert desk.are_gone(5)


def test_a_killed_run_leaves_no_server(desk: Desk, told: Callable[[str], None]) -> None:
    process = desk.start("jobs", "--comfy-update", "all")
    assert wait_until(lambda: any("main.py" in one.cmdline() for one in desk.servers()), 60)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    begun = time.monotonic()

    assert desk.are_gone(20)
    told(f"gone after kill -9 of pytest: {time.monotonic() - begun:.1f} s")
    assert "images: 3 identical" in desk.run("jobs", "--comfy-update", "all")[1]


@needs_a_model
def test_pictures_from_a_checkpoint_know_its_hash(desk: Desk, told: Callable[[str], None]) -> None:
    checkpoint = next(iter(sorted((Path(MODELS) / "checkpoints").glob("*.safetensors")))).name
    desk.kins(checkpoint)
    status, output, seconds = desk.run("jobs/kins.comfyjob.yaml")

    assert (status, "images: 2 generated" in output) == (0, True), output
    record = (desk.path / "assets/.comfyrecords/kin_elf.png.json").read_text(encoding="utf-8")
    assert re.search(r'"checkpoint_sha256": "[0-9a-f]{64}"', record)
    told(f"server start and two pictures from a checkpoint: {seconds:.1f} s")


@needs_a_model
def test_a_server_that_dies_is_restarted_once_and_the_image_made(desk: Desk) -> None:
    checkpoint = next(iter(sorted((Path(MODELS) / "checkpoints").glob("*.safetensors")))).name
    desk.kins(checkpoint, steps=40)
    process = desk.start("jobs/kins.comfyjob.yaml", "-v")
    assert wait_until(lambda: re.search(r"[1-9]\d*/40 \[", desk.server_log) is not None, 120), desk.output
    (victim,) = [one for one in desk.servers() if "main.py" in one.cmdline()]
    victim.kill()

    assert process.wait(300) == 0, desk.output
    assert "images: 2 generated" in desk.output
    assert "ComfyUI died while it made" in desk.output
    assert desk.are_gone()


@needs_a_model
def test_a_model_that_is_not_there_is_told_before_a_server_is_started(desk: Desk) -> None:
    desk.kins("absent.safetensors")
    status, output, seconds = desk.run("jobs/kins.comfyjob.yaml")

    assert (status, seconds < 5) == (1, True)
    assert "[model-missing]" in output
    assert "starting a server" not in output

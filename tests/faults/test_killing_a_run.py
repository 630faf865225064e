"""Whatever ends a run, and whatever it was doing: nothing of it stays, nothing is torn, and the next run needs no help.

Several signals come at once, each to a run on a machine of its own, because most of the time is waiting: for
interpreters to start, and for the supervisor's grace to be over. Every signal meets every phase, alone or with workers;
with COMFYGEN_TEST_ALL_SIGNALS every signal meets every phase in both.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from pytest_comfygen.engine.journal import Owner
from pytest_comfygen.engine.models import check_weights
from pytest_comfygen.engine.supervise.stopping import is_running
from tests.comfyui.machine import DEADLINE_S, Machine, machine_in, moved
from tests.engine.download.desk import CONTENT
from tests.engine.download.hub import HUB_FILE, Hub, digest
from tests.repository import Repository

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no such signals")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
SIGNALS_AT = (SIGNALS,) if "COMFYGEN_TEST_ALL_SIGNALS" in os.environ else (SIGNALS[::2], SIGNALS[1::2])

# Stands before the stand-in for uv, and holds it while a file is there.
HELD_UV = """\
#!/bin/sh
if [ "$1" != --version ]; then
    while [ -e '{hold}' ]; do sleep 0.05; done
fi
exec '{uv}' "$@"
"""
MODEL = f"""
models:
  base:
    file: checkpoints/model.safetensors
    url: {HUB_FILE}
    sha256: {digest(CONTENT)}
    size: 300 kB
"""


@dataclass(frozen=True)
class Phase:
    """Something that a run does for a while, held at a point where it does it.

    :param hold: makes the runs of a machine stop there.
    :param is_reached: whether a run did.
    :param let_go: ends the holding.
    :param worker: the process of the run that does it.
    """

    name: str
    hold: Callable[[Machine], None]
    is_reached: Callable[[Machine], object]
    let_go: Callable[[Machine], None]
    worker: Callable[[Machine], int | None]

    def __str__(self) -> str:
        return self.name


# --- installing ------------------------------------------------------------------------------------------------------


def hold_install(machine: Machine) -> None:
    """The environment is made and gets no package; ComfyUI has been cloned."""
    (machine.directory.with_name("ComfyUI.install") / "record.json").unlink()
    uv = machine.world.root / "bin" / "uv"
    uv.rename(uv.with_name("held-uv"))
    (machine.world.root / "hold").touch()
    uv.write_text(HELD_UV.format(hold=machine.world.root / "hold", uv=uv.with_name("held-uv")), encoding="utf-8")
    uv.chmod(0o755)


def owner_of(lock: Path) -> int | None:
    """The process that a lock's note names."""
    try:
        return int(json.loads(lock.with_name(f"{lock.name}.json").read_bytes())["owner"][0])
    except (OSError, ValueError):
        return None


def installer(machine: Machine) -> int | None:
    return owner_of(machine.directory.with_name("ComfyUI.install") / "lock")


def is_installing(machine: Machine) -> bool:
    return any("bin/uv" in word for process in machine.processes() for word in words(process))


def words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


# --- downloading -----------------------------------------------------------------------------------------------------


def part_of(machine: Machine) -> Path:
    target = machine.directory / "models" / "checkpoints" / "model.safetensors"
    return target.with_name(f"{target.name}.{digest(CONTENT)[:12]}.part")


def hold_download(machine: Machine) -> None:
    """Half of a file has come; the hub sends the rest to those who ask again."""
    machine.repository.edit_job("defaults: {checkpoint: tiny.safetensors", "defaults: {checkpoint: base")
    machine.repository.edit_job("items:", f"{MODEL.strip()}\nitems:")


def downloader(machine: Machine) -> int | None:
    return owner_of(part_of(machine).with_name("model.safetensors.lock"))


def half_has_come(machine: Machine) -> bool:
    part = part_of(machine)
    return part.exists() and part.stat().st_size > 0


# --- waiting for the server, and generating ---------------------------------------------------------------------------


def starter(machine: Machine) -> int | None:
    """The process that has the turn; its number is written a moment after it got it."""
    turns = machine.repository.path.glob(".comfygen/server/*/turn")
    return next((int(text) for turn in turns if (text := turn.read_text(encoding="ascii"))), None)


def submitters(machine: Machine) -> list[int]:
    """The living processes with a job under way."""
    owners = []
    for journal in sorted(machine.repository.path.glob(".comfygen/journal/*.jsonl")):
        owner, text = Owner(*map(int, journal.stem.split("-"))), journal.read_text(encoding="utf-8")
        if owner.is_alive and text.count('"note"') > text.count('"done"'):
            owners.append(owner.pid)
    return owners


def one_of_two_submitters(machine: Machine) -> int | None:
    """So that the server is never without somebody who uses it."""
    found = submitters(machine)
    return found[0] if len(found) > 1 else None


DOWNLOADING = Phase("it downloads a model", hold_download, half_has_come, lambda _: None, downloader)
PHASES = (
    Phase(
        "it installs",
        hold_install,
        is_installing,
        lambda machine: (machine.world.root / "hold").unlink(),
        installer,
    ),
    DOWNLOADING,
    Phase(
        "it waits for its server",
        lambda machine: machine.tricks.play("hold-start"),
        lambda machine: machine.tricks.notes("start"),
        lambda machine: machine.tricks.stop("hold-start"),
        starter,
    ),
    Phase(
        "it generates",
        lambda machine: machine.tricks.play("hold"),
        lambda machine: machine.tricks.notes("job") and submitters(machine),
        lambda machine: machine.tricks.stop("hold"),
        one_of_two_submitters,
    ),
)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub that has the model."""
    hub = Hub(files={HUB_FILE: CONTENT})
    yield hub
    hub.close()


@pytest.fixture
def machine_of(
    pytester: pytest.Pytester, _installed_template: Path, tmp_path: Path
) -> Iterator[Callable[[str], Machine]]:
    """Makes a ready machine by its name; a test may have several."""
    with ExitStack() as stack:

        def make(name: str) -> Machine:
            repository = Repository(pytester, pytester.path / name)
            world = moved(_installed_template, tmp_path / name, repository.path / "tools")
            machine = stack.enter_context(machine_in(repository, world))
            machine.add_checkpoint()
            return machine

        yield make


# --- the matrix ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["pytest alone is ended", "the controller is ended"])
@pytest.mark.parametrize("phase", PHASES, ids=str)
def test_by_whatever_signal(
    phase: Phase, workers: tuple[str, ...], machine_of: Callable[[str], Machine], hub: Hub
) -> None:
    numbers = SIGNALS_AT[(PHASES.index(phase) + len(workers)) % len(SIGNALS_AT)]
    hub.on(HUB_FILE, *[hub.cut(len(CONTENT) // 2, hold=True)] * len(numbers), hub.well)
    machines = {number: machine_of(number.name) for number in numbers}
    for machine in machines.values():
        phase.hold(machine)
    runs = {
        n: machine.start("jobs", "--comfy-download", *workers, **hub.environment) for n, machine in machines.items()
    }
    for number, run in runs.items():
        await_phase(phase, machines[number])
        run.send_signal(number)
    for number, run in runs.items():
        assert ended(run) == (2 if number == signal.SIGINT else -number), machines[number].output
    assert {number.name: rest for number, machine in machines.items() if (rest := left(machine))} == {}
    for machine in machines.values():
        assert_nothing_is_torn(machine)
        phase.let_go(machine)

    runs = {
        number: machine.start("jobs", "--comfy-download", **hub.environment) for number, machine in machines.items()
    }
    for number, run in runs.items():
        assert ended(run) == 0, f"after {number.name}: {machines[number].output}"
        assert_all_is_made(machines[number])
    assert {number.name: rest for number, machine in machines.items() if (rest := left(machine))} == {}


KILLS = (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
MORE_ITEMS = "".join(f"  kin_{number}: {{}}\n" for number in range(10))


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES, ids=str)
def test_a_worker_that_is_killed_is_replaced_and_the_rest_is_made(
    phase: Phase, machine_of: Callable[[str], Machine], hub: Hub
) -> None:
    """Three times in one run, each time the one that is at it."""
    hub.on(HUB_FILE, *[hub.cut(len(CONTENT) // 4, hold=True)] * len(KILLS), hub.well)
    machine = machine_of("many")
    machine.repository.edit_job("items:\n", f"items:\n{MORE_ITEMS}")
    phase.hold(machine)
    killed: set[int] = set()
    with machine.start("jobs", "--comfy-download", "-n2", **hub.environment) as run:
        for number in KILLS:
            if phase is DOWNLOADING:  # each has asked the hub, so that as many are held as there are signals
                await_requests(machine, hub, len(killed) + 1)
            worker = await_worker(phase, machine, killed)
            os.kill(worker, number)
            killed.add(worker)
        phase.let_go(machine)
        assert run.wait(DEADLINE_S) == pytest.ExitCode.TESTS_FAILED, machine.output

    assert machine.output.count("replacing crashed worker") == len(KILLS)
    assert "images: 9 generated, 3 failed" in machine.output
    assert left(machine) == []
    assert_nothing_is_torn(machine)
    if phase.name == "it generates":
        assert len(machine.tricks.notes("start")) == 1, "one server from the beginning to the end"
    result = machine.run("jobs")
    assert "images: 3 generated, 9 current" in result.outlines


@pytest.mark.slow
def test_ctrl_c_of_one_worker_ends_the_run(machine_of: Callable[[str], Machine], hub: Hub) -> None:
    """So xdist has it; what others do is done to its end. Each time it is the worker that is at it."""
    hub.on(HUB_FILE, hub.cut(len(CONTENT) // 2, hold=True), hub.well)
    named = {phase: machine_of(phase.name.replace(" ", "-")) for phase in PHASES}
    for phase, machine in named.items():
        phase.hold(machine)
    runs = {p: machine.start("jobs", "--comfy-download", "-n2", **hub.environment) for p, machine in named.items()}
    for phase, machine in named.items():
        os.kill(await_worker(phase, machine, set()), signal.SIGINT)
    for phase, machine in named.items():
        await_text(machine, "node down: keyboard-interrupt")
        phase.let_go(machine)

    for phase, run in runs.items():
        assert ended(run) == pytest.ExitCode.INTERRUPTED, named[phase].output
        assert "received keyboard-interrupt" in named[phase].output
    assert {str(phase): left(machine) for phase, machine in named.items() if left(machine)} == {}
    for machine in named.values():
        assert_nothing_is_torn(machine)
        assert machine.run("jobs").ret == 0, machine.output
        assert_all_is_made(machine)


def await_phase(phase: Phase, machine: Machine) -> None:
    machine.until(lambda: phase.is_reached(machine))


def await_text(machine: Machine, text: str) -> None:
    machine.until(lambda: text in machine.output)


def await_requests(machine: Machine, hub: Hub, number: int) -> None:
    machine.until(lambda: len(hub.requests) >= number)


def await_worker(phase: Phase, machine: Machine, killed: set[int]) -> int:
    """The living process that is at it, which is none of those that were killed."""
    found: set[int] = set()

    def is_another_at_it() -> bool:
        worker = phase.worker(machine) if phase.is_reached(machine) else None
        found.clear()
        found.update({worker} if worker and worker not in killed and lives(worker) else ())
        return bool(found)

    machine.until(is_another_at_it)
    return found.pop()


def lives(pid: int) -> bool:
    try:
        return is_running(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def ended(run: subprocess.Popen[str]) -> int:
    with run:
        return run.wait(DEADLINE_S)


def left(machine: Machine) -> list[list[str]]:
    """The command lines of what is still there when the supervisor's grace is over."""
    return [words(process) for process in machine.wait_until_gone() if is_running(process)]


def assert_nothing_is_torn(machine: Machine) -> None:
    """Every file that says something says it whole, and no image stands without its record."""
    root = machine.repository.path
    for path in (*root.glob(".comfygen/**/*.json"), *root.glob("assets/.comfyrecords/*.json")):
        json.loads(path.read_bytes())
    for path in root.glob("tools/ComfyUI.install/*.json"):
        json.loads(path.read_bytes())
    for path in root.glob("tools/ComfyUI/models/**/*.safetensors"):
        check_weights(path, pickles_allowed=False)
    for path in root.glob("assets/*.png"):
        assert machine.repository.record(path.stem)["file_sha256"] == sha256(path.read_bytes()).hexdigest()


def assert_all_is_made(machine: Machine) -> None:
    """Both images with their records, and nothing else that git or the next run would see."""
    assert_nothing_is_torn(machine)
    new = sorted(line.split()[1] for line in machine.git_status() if line.startswith("??"))
    images = [f"assets/{name}.png" for name in ("kin_dwarf", "kin_elf")]
    records = [f"assets/.comfyrecords/{name}.png.json" for name in ("kin_dwarf", "kin_elf")]
    assert new == sorted([*images, *records])
    assert list(machine.repository.path.glob(".comfygen/journal/*")) == []
    assert list(machine.repository.path.glob(".comfygen/pending/*")) == []

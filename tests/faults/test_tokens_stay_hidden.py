"""A token in the environment is told to nobody: not in any output, file, argument or environment of a run that fails.

Every run here fails in another room, with all that pytest can show of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.comfyui.machine import DEADLINE_S, Machine
from tests.engine.download.desk import CIVITAI_TOKEN, CONTENT, TOKEN
from tests.engine.download.hub import HUB_FILE, Hub, digest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="its processes are ended by POSIX signals")

AUTH = "Bearer c0mfyPlantedWordThatNobodyMaySee135792468"
TOKENS = {"HF_TOKEN": TOKEN, "CIVITAI_API_TOKEN": CIVITAI_TOKEN, "COMFYGEN_AUTH": AUTH}
EVERYTHING = ("jobs", "-vv", "--showlocals", "--full-trace", "--junitxml=junit.xml", "-o", "junit_logging=all")
MODEL = f"""\
models:
  base: {{file: checkpoints/model.safetensors, url: "{HUB_FILE}", sha256: {digest(CONTENT)}, size: 300 kB}}
"""

# Put into a `conftest.py`: a bug of ours, deep inside, with the token in many a local variable above it.
BUG = """\
import {module} as module

def broken(*args, **kwargs):
    raise RuntimeError("a bug, deep inside")

module.{name} = broken
"""


def windows() -> Iterator[bytes]:
    """Eight characters in a row of each token."""
    for token in (TOKEN, CIVITAI_TOKEN, AUTH.removeprefix("Bearer ")):
        yield from (token[start : start + 8].encode() for start in range(len(token) - 7))


WINDOWS = tuple(windows())


def tells(data: bytes) -> bool:
    return any(window in data for window in WINDOWS)


def tellers(machine: Machine) -> list[str]:
    """The files of the repository and the world that hold a part of a token: caches, logs, records, tools, all."""
    roots = (machine.repository.path, machine.world.root)
    files = (path for root in roots for path in root.rglob("*") if path.is_file())
    return [str(path) for path in files if tells(path.read_bytes())]


def failing(machine: Machine, *arguments: str, **variables: str) -> str:
    """What a run says that fails and tells nobody a token."""
    result = machine.run(*EVERYTHING, *arguments, **TOKENS, **variables)
    assert result.ret != 0
    assert (machine.repository.path / "junit.xml").is_file()
    assert tellers(machine) == []
    return machine.output


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub(files={HUB_FILE: CONTENT})
    yield hub
    hub.close()


@pytest.fixture
def wanting(ready_machine: Machine) -> Machine:
    """A machine whose images need a model of the hub."""
    ready_machine.repository.edit_job("tiny.safetensors", "base")
    ready_machine.repository.edit_job("output:", f"{MODEL}output:")
    return ready_machine


def test_a_file_that_holds_a_token_would_be_found(ready_machine: Machine) -> None:
    path = ready_machine.repository.write(".comfygen/logs/some.log", f"GET {TOKEN[5:20]}")
    assert tellers(ready_machine) == [str(path)]


def test_in_an_installation_that_fails(machine: Machine) -> None:
    machine.add_checkpoint()
    machine.directory.rename(machine.directory.with_name("elsewhere"))
    (machine.world.index / "eels" / "index.html").unlink()
    for wheel in (machine.world.index / "eels").glob("*.whl"):
        wheel.unlink()

    assert "[install-failed]" in failing(machine, "--comfy-models-dir", "tools/elsewhere/models")
    assert not tells((machine.world.root / "uv-cache").read_bytes()), "what the installer was given"


def test_in_a_download_that_is_refused(wanting: Machine, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.status(401, f'{{"error": "the token {TOKEN} is not valid"}}'))

    assert "[token-refused]" in failing(wanting, "--comfy-download", **hub.environment)
    assert [request.headers["authorization"] for request in hub.requests] == [f"Bearer {TOKEN}"], "the host got it"


def test_in_a_server_that_does_not_start(ready_machine: Machine) -> None:
    ready_machine.tricks.play("lack-module", "alembic_of_nobody")

    assert "[server-start-failed]" in failing(ready_machine)


def test_in_a_generation_that_fails(ready_machine: Machine) -> None:
    ready_machine.tricks.play("die")

    assert "[server-killed]" in failing(ready_machine, "-k", "elf")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("pytest_comfygen.engine.install.transaction", "Transaction.run"),
        ("pytest_comfygen.engine.download.transfer", "Transfer.run"),
        ("pytest_comfygen.engine.server.lease", "start"),
        ("pytest_comfygen.flows.generate", "make_picture"),
    ],
)
def test_in_a_bug_of_ours(wanting: Machine, hub: Hub, module: str, name: str) -> None:
    wanting.repository.write("conftest.py", BUG.format(module=module, name=name))

    shown = failing(wanting, "--comfy-download", "--comfy-install", "update", **hub.environment)

    assert "RuntimeError: a bug, deep inside" in shown
    assert "environment" in shown, "frames with their variables"


def test_no_process_that_we_start_has_one(ready_machine: Machine) -> None:
    ready_machine.tricks.play("hold")
    with ready_machine.start("jobs", **TOKENS) as run:
        ready_machine.until(lambda: ready_machine.tricks.notes("job"))
        others = [process for process in ready_machine.processes() if process.pid != run.pid]
        seen = {process.pid: what_is_seen_of(process) for process in others}
        ready_machine.tricks.stop("hold")
        assert run.wait(DEADLINE_S) == 0, ready_machine.output

    (server,) = (note.pid for note in ready_machine.tricks.notes("ready"))
    assert server in seen, "the server"
    assert len(seen) == 2, "and its supervisor"
    assert [pid for pid, data in seen.items() if tells(data)] == []
    assert b"COMFYUI_TRICKS=" in seen[server], "so much of the environment is seen"
    assert not any(f"{name}=".encode() in data for data in seen.values() for name in TOKENS)
    assert tellers(ready_machine) == []


def what_is_seen_of(process: psutil.Process) -> bytes:
    """The environment and the command line of a process, as others see them."""
    place = Path("/proc") / str(process.pid)
    if place.is_dir():
        return (place / "environ").read_bytes() + (place / "cmdline").read_bytes()
    return repr((process.environ(), process.cmdline())).encode()

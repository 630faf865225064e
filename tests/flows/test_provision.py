"""Which ComfyUI makes the pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_comfygen.engine.server import leased, running
from pytest_comfygen.errors import CheckoutForeign, NoServer, ServerInUse, ServerStartFailed, ServerUnreachable
from pytest_comfygen.flows.contact import server_at
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.flows.provision import Machine, device_for
from pytest_comfygen.records import Environment
from pytest_comfygen.settings import Settings, resolve
from tests.engine.server.programs import QUICK, Programs, programs_in

CLOSED = "http://127.0.0.1:9"


def settings(**command_line: object) -> Settings:
    given = {"comfy_install": "never"} | {f"comfy_{name}": value for name, value in command_line.items()}
    return resolve(given.get, {}, lambda _name: None)


class Desk:
    """A repository, its local directories, and what was told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.told: list[str] = []

    def local(self, name: str) -> Path:
        directory = self.root / ".comfygen" / name
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def machine(self, default_url: str = CLOSED, **command_line: object) -> Machine:
        return Machine(
            Premises(
                settings=settings(**command_line),
                root=self.root,
                local_directory=self.local,
                environment=Environment(os.environ),
                notify=lambda event: self.told.append(event.text),
                default_url=default_url,
            )
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path.resolve())


def test_a_named_server_is_used_and_nothing_is_started(desk: Desk, sketch_url: str) -> None:
    machine = desk.machine(url=[sketch_url])

    with machine.serving(machine.install) as server:
        assert (server.url, server.owned, machine.starts_own) == (sketch_url, False, False)


def test_what_runs_at_the_usual_address_is_used_where_nothing_is_installed(desk: Desk, sketch_url: str) -> None:
    machine = desk.machine(sketch_url)

    with machine.serving(machine.install) as server:
        assert (server.url, server.owned, server.commit) == (sketch_url, False, None)
    assert desk.told == [f"using the ComfyUI 0.3.64 already running at {sketch_url}; revision unknown"]


def test_a_stranger_at_the_usual_address_is_left_alone_where_we_have_an_install(desk: Desk, sketch_url: str) -> None:
    (desk.root / "tools/ComfyUI").mkdir(parents=True)
    (desk.root / "tools/ComfyUI/main.py").touch()
    (desk.root / "tools/ComfyUI/comfyui_version.py").write_text('__version__ = "0.3.64"')

    assert desk.machine(sketch_url).starts_own
    assert desk.told == [f"the ComfyUI at {sketch_url} does not run from tools/ComfyUI, so it is left alone"]


def test_without_any_server_the_hint_lists_the_ways_to_get_one(desk: Desk) -> None:
    machine = desk.machine()

    with pytest.raises(NoServer) as caught, machine.serving(machine.install):
        pass

    ways = ("--comfy-install auto", "python main.py", "--comfy-url", "--comfy-sketch")
    assert [way for way in ways if way not in str(caught.value.hint)] == []
    assert "tools/ComfyUI does not exist" in caught.value.details[0]


def test_a_sketch_server_is_ours_and_gone_afterwards(desk: Desk) -> None:
    machine = desk.machine(sketch=True)

    with machine.serving(machine.install) as server:
        assert (server.sketch, server.owned) == (True, True)

    with pytest.raises(ServerUnreachable):
        server_at(server.url, settings(), {})
    assert list(desk.local("logs").iterdir()) == [], "the log of a stand-in that ended well is removed"


@pytest.mark.parametrize(
    ("wanted", "present", "worker", "expected"),
    [
        ("1", (), 0, None),
        ("1", ("0", "1"), 3, "any"),
        ("all", ("0",), 0, "any"),
        ("all", (), 5, None),
        ("all", ("0", "1"), 0, "0"),
        ("all", ("0", "1"), 3, "1"),
        ("2", ("0", "1", "2"), 2, "0"),
        ("0,2", ("0", "1", "2"), 1, "2"),
        ("2,", ("0", "1", "2"), 4, "2"),
    ],
)
def test_each_worker_gets_a_gpu_in_turn(
    wanted: str, present: tuple[str, ...], worker: int, expected: str | None
) -> None:
    assert device_for(wanted, present, worker) == expected


@pytest.mark.parametrize(("wanted", "present"), [("2", ("0",)), ("0,5", ("0", "1")), ("3", ())])
def test_gpus_that_are_not_there_are_an_error(wanted: str, present: tuple[str, ...]) -> None:
    with pytest.raises(ServerStartFailed, match=f"--comfy-gpus {wanted}: this machine has"):
        device_for(wanted, present, 0)


# --- servers that are in the way of an installation -------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with programs_in(tmp_path) as made:
        yield made


@contextmanager
def serving_from(desk: Desk, programs: Programs, keep_s: float) -> Iterator[Path]:
    """A server whose Python lies in our ComfyUI's directory, and its state directory."""
    python = desk.root / "tools" / "ComfyUI" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    command = programs.command()
    command = replace(command, argv=(str(python), *command.argv[1:]))
    state = desk.local("server") / "any"
    with leased(command, state, start_timeout_s=20, keep_s=keep_s, notify=lambda _: None, means=QUICK):
        yield state


def test_what_another_run_uses_is_not_changed_under_its_feet(desk: Desk, programs: Programs) -> None:
    with serving_from(desk, programs, keep_s=0) as state:
        with pytest.raises(ServerInUse) as caught:
            desk.machine(install="auto").install()
        assert running(state) is not None

    assert "ComfyUI in tools/ComfyUI is not as the settings say, and cannot be changed now" in caught.value.message
    assert f"used by process {os.getpid()}" in caught.value.message
    assert caught.value.details == (f"{desk.root / 'tools/ComfyUI'} holds something else than ComfyUI",)


def test_a_kept_server_is_stopped_before_what_it_runs_is_changed(desk: Desk, programs: Programs) -> None:
    with serving_from(desk, programs, keep_s=600) as state:
        pass
    assert running(state) is not None

    with pytest.raises(CheckoutForeign):
        desk.machine(install="auto").install()
    assert running(state) is None

"""Who answers at an address, and where it runs from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_comfygen.engine.server import is_gone, neighbour
from pytest_comfygen.engine.server.start import free_port
from tests.engine.download.hub import Hub
from tests.engine.server.conftest import Use
from tests.engine.server.programs import Programs


def test_nobody_answers_at_a_free_port() -> None:
    assert neighbour(f"http://127.0.0.1:{free_port()}") is None


def test_a_server_is_gone_when_nobody_listens_on_this_machine(stranger: str) -> None:
    assert is_gone(f"http://127.0.0.1:{free_port()}")
    assert not is_gone(stranger)
    assert not is_gone("http://gpu.example.net:8188"), "of another machine nothing is known"


def test_a_neighbour_that_was_started_by_a_relative_name_is_placed_by_its_process(programs: Programs, use: Use) -> None:
    with use(programs.command()) as lease:
        found = neighbour(lease.server.url)

    assert found is not None
    assert found.info.version == "0.3.64"
    assert found.main == programs.directory / "main.py"
    assert found.runs_from(programs.directory)
    assert found.runs_from(programs.directory / "elsewhere") is False


def test_a_neighbour_that_was_started_by_its_full_name_says_where_it_is(programs: Programs, use: Use) -> None:
    command = programs.command()
    python, name, *rest = command.argv
    with use(replace(command, argv=(python, str(programs.directory / name), *rest))) as lease:
        found = neighbour(lease.server.url)

    assert found is not None
    assert found.runs_from(programs.directory)


def test_a_neighbour_whose_process_is_not_seen_cannot_be_placed(stranger: str) -> None:
    """Such as one in a container."""
    found = neighbour(stranger)

    assert found is not None
    assert found.main is None
    assert found.runs_from(Path()) is None


@pytest.fixture
def stranger() -> Iterator[str]:
    """A ComfyUI with arguments that no process on this machine has."""
    system = {"comfyui_version": "0.3.64", "argv": ["main.py", "--port", "seen from inside"]}
    hub = Hub()
    hub.on(f"{hub.url}/system_stats", hub.status(200, json.dumps({"system": system, "devices": []})))
    yield hub.url
    hub.close()

"""A repository has its servers' notes in one place."""

from __future__ import annotations

from pathlib import Path

from pytest_comfygen.flows.repository import state_directories


def test_servers_that_were_not_stopped_are_found_by_their_notes(tmp_path: Path) -> None:
    servers = tmp_path / ".comfygen" / "server"
    for name in ("b", "a", "stopped"):
        (servers / name).mkdir(parents=True)
    for name in ("b", "a"):
        (servers / name / "state.json").touch()

    assert state_directories(tmp_path) == [servers / "a", servers / "b"]


def test_a_repository_without_servers_has_none(tmp_path: Path) -> None:
    assert state_directories(tmp_path) == []

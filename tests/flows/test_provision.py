"""Which server makes the pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_comfygen.errors import NoServer, ServerUnreachable
from pytest_comfygen.flows.provision import serving
from pytest_comfygen.settings import Settings, resolve

CLOSED = "http://127.0.0.1:9"


def settings(**command_line: object) -> Settings:
    return resolve({f"comfy_{name}": value for name, value in command_line.items()}.get, {}, {}.get)


def test_a_named_server_is_used(tmp_path: Path, sketch_url: str) -> None:
    with serving(settings(url=[sketch_url]), tmp_path, os.environ) as server:
        assert (server.url, server.version, server.owned) == (sketch_url, "0.3.64", False)


def test_of_several_the_first_that_answers_is_used(tmp_path: Path, sketch_url: str) -> None:
    with serving(settings(url=[CLOSED, sketch_url]), tmp_path, os.environ) as server:
        assert server.url == sketch_url


def test_a_named_server_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServerUnreachable), serving(settings(url=[CLOSED]), tmp_path, os.environ):
        pass


def test_what_runs_at_the_default_address_is_used(tmp_path: Path, sketch_url: str) -> None:
    with serving(settings(), tmp_path, os.environ, default_url=sketch_url) as server:
        assert server.url == sketch_url


def test_without_any_server_the_hint_lists_the_ways_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NoServer) as caught, serving(settings(), tmp_path, os.environ, default_url=CLOSED):
        pass

    assert all(word in str(caught.value.hint) for word in ("python main.py", "--comfy-url", "--comfy-sketch"))


def test_a_sketch_server_is_ours_and_gone_afterwards(tmp_path: Path) -> None:
    with serving(settings(sketch=True), tmp_path / "logs", os.environ) as server:
        assert (server.sketch, server.owned) == (True, True)

    with pytest.raises(ServerUnreachable), serving(settings(url=[server.url]), tmp_path, os.environ):
        pass

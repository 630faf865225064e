"""Which server makes the pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_comfygen.errors import NoServer, ServerUnreachable
from pytest_comfygen.flows.provision import authorization_for, serving
from pytest_comfygen.settings import Settings, resolve

CLOSED = "http://127.0.0.1:9"


def settings(**command_line: object) -> Settings:
    return resolve({f"comfy_{name}": value for name, value in command_line.items()}.get, {}, lambda _name: None)


def test_a_named_server_is_used(tmp_path: Path, sketch_url: str) -> None:
    with serving(settings(url=[sketch_url]), lambda: tmp_path, os.environ) as server:
        assert (server.url, server.version, server.owned) == (sketch_url, "0.3.64", False)


def test_of_several_the_first_that_answers_is_used(tmp_path: Path, sketch_url: str) -> None:
    with serving(settings(url=[CLOSED, sketch_url]), lambda: tmp_path, os.environ) as server:
        assert server.url == sketch_url


def test_a_named_server_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServerUnreachable), serving(settings(url=[CLOSED]), lambda: tmp_path, os.environ):
        pass


def test_what_runs_at_the_default_address_is_used(tmp_path: Path, sketch_url: str) -> None:
    with serving(settings(), lambda: tmp_path, os.environ, default_url=sketch_url) as server:
        assert server.url == sketch_url


def test_without_any_server_the_hint_lists_the_ways_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NoServer) as caught, serving(settings(), lambda: tmp_path, os.environ, default_url=CLOSED):
        pass

    assert all(word in str(caught.value.hint) for word in ("python main.py", "--comfy-url", "--comfy-sketch"))


def test_a_sketch_server_is_ours_and_gone_afterwards(tmp_path: Path) -> None:
    with serving(settings(sketch=True), lambda: tmp_path, os.environ) as server:
        assert (server.sketch, server.owned) == (True, True)

    with pytest.raises(ServerUnreachable), serving(settings(url=[server.url]), lambda: tmp_path, os.environ):
        pass


def test_the_log_of_a_stand_in_that_ended_well_is_removed(tmp_path: Path) -> None:
    with serving(settings(sketch=True), lambda: tmp_path, os.environ):
        assert len(list(tmp_path.iterdir())) == 1

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("urls", "expected"),
    [(["http://gpu:8188/"], "Bearer x"), (["http://gpu:8188", "http://other:8188"], None), ([], None)],
)
def test_an_authorization_goes_to_the_one_named_server_only(urls: list[str], expected: str | None) -> None:
    found = authorization_for("http://gpu:8188", settings(url=urls), {"COMFYGEN_AUTH": "Bearer x"})

    assert found == expected

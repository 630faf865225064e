"""Clients and named servers."""

from __future__ import annotations

import pytest

from pytest_comfygen.errors import ServerUnreachable
from pytest_comfygen.flows.contact import authorization_for, first_that_answers
from pytest_comfygen.settings import Settings, resolve

CLOSED = "http://127.0.0.1:9"


def settings(**command_line: object) -> Settings:
    return resolve({f"comfy_{name}": value for name, value in command_line.items()}.get, {}, lambda _name: None)


def test_a_named_server_is_used(sketch_url: str) -> None:
    server = first_that_answers(settings(url=[sketch_url]), {})

    assert (server.url, server.version, server.owned) == (sketch_url, "0.3.64", False)


def test_of_several_the_first_that_answers_is_used(sketch_url: str) -> None:
    assert first_that_answers(settings(url=[CLOSED, sketch_url]), {}).url == sketch_url


def test_each_worker_prefers_another_server(sketch_url: str) -> None:
    several = settings(url=[sketch_url, f"{sketch_url}/"])

    assert [first_that_answers(several, {}, worker).url for worker in (0, 1, 2)] == [sketch_url] * 3
    assert first_that_answers(settings(url=[sketch_url, CLOSED]), {}, 1).url == sketch_url


def test_a_named_server_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(ServerUnreachable):
        first_that_answers(settings(url=[CLOSED]), {})


@pytest.mark.parametrize(
    ("urls", "expected"),
    [(["http://gpu:8188/"], "Bearer x"), (["http://gpu:8188", "http://other:8188"], None), ([], None)],
)
def test_an_authorization_goes_to_the_one_named_server_only(urls: list[str], expected: str | None) -> None:
    found = authorization_for("http://gpu:8188", settings(url=urls), {"COMFYGEN_AUTH": "Bearer x"})

    assert found == expected

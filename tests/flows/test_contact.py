"""Clients and named servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.engine.journal import Journal, Owner, leftovers
from pytest_comfygen.errors import ServerUnreachable
from pytest_comfygen.flows.contact import authorization_for, clean_up_leftovers, first_that_answers, open_client
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


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://gpu:8188", "Bearer x"),
        ("http://gpu:8188/", "Bearer x"),
        ("https://Two.example", "Basic y z"),
        ("https://two.example:443/comfy", "Basic y z"),
        ("http://two.example", None),
        ("http://gpu:8189", None),
        ("http://unnamed:8188", None),
    ],
)
def test_of_several_servers_each_gets_what_stands_behind_its_address(url: str, expected: str | None) -> None:
    given = {"COMFYGEN_AUTH": "http://gpu:8188 Bearer x\n https://two.example/  Basic y z\n\nhttp://unnamed:8188 z"}
    named = ["http://gpu:8188", "https://two.example", "https://two.example:443/comfy", "http://two.example"]

    assert expected == authorization_for(url, settings(url=[*named, "http://gpu:8189"]), given)


def test_an_authorization_for_one_server_is_not_sent_to_another() -> None:
    given = {"COMFYGEN_AUTH": "https://gpu.example Bearer x"}

    assert authorization_for("http://127.0.0.1:8188", settings(url=["http://127.0.0.1:8188"]), given) is None


def test_jobs_of_the_dead_are_over_where_the_server_is_gone_or_asked(tmp_path: Path, sketch_url: str) -> None:
    elsewhere = "http://gpu.example.net:8188"
    journal = Journal(tmp_path, Owner(2**22 + 1, 1))
    for number, url in enumerate((sketch_url, CLOSED, elsewhere)):
        journal.note(url, f"job-{number}")
    journal.close()
    finished = tmp_path / f"{2**22 + 2}-1.jsonl"
    finished.write_text('{"note": "a", "url": "http://127.0.0.1:9"}\n{"done": "a"}\n', encoding="utf-8")

    with open_client(sketch_url, settings(), {}) as client:
        clean_up_leftovers(tmp_path, client)

    assert leftovers(tmp_path) == {elsewhere: ("job-2",)}
    assert not finished.exists(), "its process died after its last job, before it could tidy up"

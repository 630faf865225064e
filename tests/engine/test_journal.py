from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_comfygen.engine.journal import Journal, Owner, discard, leftovers

URL = "http://127.0.0.1:8188"
DEAD = Owner(os.getpid(), 1_000_000_000_000)  # our number, at another time


@pytest.fixture
def dead(tmp_path: Path) -> Journal:
    return Journal(tmp_path, DEAD)


def test_a_job_is_on_disk_before_note_returns(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "made" / "when needed")
    journal.note(URL, "a")
    (file,) = (tmp_path / "made" / "when needed").iterdir()
    assert f'{{"note": "a", "url": "{URL}"}}\n' == file.read_text()
    journal.close()


def test_nothing_is_written_before_there_is_a_job(tmp_path: Path) -> None:
    Journal(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_without_open_jobs_goes_at_the_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.note(URL, "a")
    journal.done("a")
    journal.done("never noted")
    journal.close()
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_found_by_server(tmp_path: Path, dead: Journal) -> None:
    for url, prompt_id in ((URL, "a"), ("http://other", "b"), (URL, "c"), (URL, "d")):
        dead.note(url, prompt_id)
    dead.done("c")
    dead.close()
    assert leftovers(tmp_path) == {URL: ("a", "d"), "http://other": ("b",)}


def test_a_living_process_keeps_its_jobs(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.note(URL, "a")
    assert leftovers(tmp_path) == {}
    discard(tmp_path, ("a",))
    journal.close()
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "end", [b'{"note": "c", "ur', b'{"done": "a"', b"\xff\x00", b"[" * 9, b'{"note": 3, "url": 4}']
)
def test_a_torn_last_line_says_nothing(tmp_path: Path, dead: Journal, end: bytes) -> None:
    dead.note(URL, "a")
    dead.close()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes() + end)
    assert leftovers(tmp_path) == {URL: ("a",)}
    dead.note("http://other", "b")
    dead.close()
    discard(tmp_path, ("a",))
    assert URL not in leftovers(tmp_path)


def test_discard_leaves_what_is_on_other_servers(tmp_path: Path, dead: Journal) -> None:
    dead.note(URL, "a")
    dead.note("http://other", "b")
    dead.close()
    discard(tmp_path, leftovers(tmp_path)[URL])
    assert leftovers(tmp_path) == {"http://other": ("b",)}
    discard(tmp_path, ("b",))
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    names = ["notes.jsonl", "1-.jsonl", "server.json"]
    for name in names:
        (tmp_path / name).write_text('{"note": "a", "url": "u"}\n')
    assert leftovers(tmp_path) == {}
    discard(tmp_path, ("a",))
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())


def test_no_directory_means_no_leftovers(tmp_path: Path) -> None:
    assert leftovers(tmp_path / "absent") == {}


def test_an_owner_is_its_number_and_its_start() -> None:
    current = Owner.current()
    assert current.is_alive
    assert not Owner(current.pid, current.started_ms - 60_000).is_alive


def test_a_process_that_ended_and_was_not_collected_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner = Owner.of(child.pid)
        assert owner.is_alive
        assert child.stdin is not None
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not owner.is_alive
    assert not owner.is_alive

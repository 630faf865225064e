from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import pytest_comfygen
from pytest_comfygen.engine.journal import Owner
from pytest_comfygen.engine.locks import Note, held, waiting_text
from pytest_comfygen.errors import LockFailed

ROOT = Path(pytest_comfygen.__file__).parents[1]

# Holds a lock and says so; lets go when its input ends.
HOLDER = """
import sys
from pathlib import Path
from pytest_comfygen.engine.locks import held
with held(Path(sys.argv[1]), "installs ComfyUI", print) as lock:
    if len(sys.argv) > 2:
        lock.works_with(int(sys.argv[2]))
    print("held", flush=True)
    sys.stdin.read()
"""

# Enters and leaves a lock several times, writing down when.
TURNS = """
import sys, time
from pathlib import Path
from pytest_comfygen.engine.locks import held
for _ in range(5):
    with held(Path(sys.argv[1]), "takes turns", lambda text: None, sleep=lambda s: time.sleep(s / 20)):
        start = time.monotonic_ns(); time.sleep(0.005)
        print(start, time.monotonic_ns(), flush=True)
"""


@contextmanager
def holder(path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(path), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_who_waits_says_for_whom_and_what_it_does(tmp_path: Path) -> None:
    said: list[str] = []
    with holder(tmp_path / "lock") as process:

        def wait(text: str) -> None:
            said.append(text)
            process.kill()

        with held(tmp_path / "lock", "waits", wait):
            pass
        assert said == [f"waiting for process {process.pid}, which installs ComfyUI"]


def test_it_is_said_again_every_half_minute(tmp_path: Path) -> None:
    said: list[str] = []
    now = [0.0]
    with holder(tmp_path / "lock") as process:

        def sleep(_seconds: float) -> None:
            now[0] += 10
            if now[0] > 65:
                process.kill()
                process.wait()

        with held(tmp_path / "lock", "waits", said.append, sleep=sleep, clock=lambda: now[0]):
            pass
    assert [text.partition("ComfyUI")[2] for text in said] == ["", " (40 s so far)"]


def test_a_lock_is_free_at_once_when_its_holder_is_killed(tmp_path: Path) -> None:
    with holder(tmp_path / "lock") as process:
        process.kill()
        process.wait()
        start = time.monotonic()
        with held(tmp_path / "lock", "comes next", pytest.fail):
            pass
        assert time.monotonic() - start < 1


def test_what_still_works_for_a_dead_holder_is_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        with holder(tmp_path / "lock", str(worker.pid)) as process:
            process.kill()
            process.wait()

        def sleep(_seconds: float) -> None:
            worker.kill()
            worker.wait()

        with held(tmp_path / "lock", "comes next", said.append, sleep=sleep):
            assert worker.poll() is not None
    assert said == [f"waiting for the end of process {worker.pid}, which an interrupted run left"]


def test_what_does_not_end_for_a_dead_holder_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        with holder(tmp_path / "lock", str(worker.pid)) as process:
            process.kill()
            process.wait()
        now = iter(range(0, 1000, 6))
        with held(tmp_path / "lock", "next", lambda _text: None, sleep=lambda _s: None, clock=lambda: next(now)):
            assert worker.wait(timeout=5)


def test_a_process_that_got_the_number_of_a_dead_worker_is_left_alone(tmp_path: Path) -> None:
    ours = Owner.current()
    note = {"owner": [ours.pid, 1], "doing": "died", "worker": [ours.pid, ours.started_ms - 60_000]}
    (tmp_path / "lock.json").write_text(json.dumps(note))
    with held(tmp_path / "lock", "comes next", pytest.fail):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"owner": [1]}', '{"owner": [1, 2], "doing": "x", "worker": 7}'])
def test_a_torn_note_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock.json").write_text(text)
    with held(tmp_path / "lock", "comes next", pytest.fail):
        pass


def test_nothing_is_left_that_names_a_holder(tmp_path: Path) -> None:
    with held(tmp_path / "deep" / "lock", "holds", pytest.fail) as lock:
        lock.works_with(os.getpid())
    assert [path.name for path in (tmp_path / "deep").iterdir()] in ([], ["lock"])


def test_processes_take_turns(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TURNS, str(tmp_path / "lock")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(4)]
    lines = [line for process in processes for line in process.communicate()[0].splitlines()]
    intervals = sorted((int(start), int(end)) for start, end in (line.split() for line in lines))
    assert len(intervals) == 20
    assert [one for one, after in itertools.pairwise(intervals) if one[1] > after[0]] == []


def test_a_place_that_cannot_be_locked_is_told(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(LockFailed, match="cannot be locked"), held(tmp_path / "lock", "tries", pytest.fail):
        pass


def test_waiting_is_worded() -> None:
    note = Note(Owner(4711, 0), "installs ComfyUI")
    assert waiting_text(note, 1) == "waiting for process 4711, which installs ComfyUI"
    assert waiting_text(note, 90.4) == "waiting for process 4711, which installs ComfyUI (90 s so far)"
    assert waiting_text(None, 1) == "waiting for another process"

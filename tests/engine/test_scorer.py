"""An external scorer: one line in, one line out, and nothing else is taken for a score."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from pytest_comfygen.engine.scorer import Score, ask_scorer
from pytest_comfygen.errors import ScorerFailed


def scored(program: str, tmp_path: Path, timeout_s: float = 30) -> Score:
    """What a Python program answers about a picture."""
    command = [sys.executable, "-c", f"import json, os, sys, time\n{program}"]
    environment = {**os.environ, "HF_TOKEN": "hf_secret", "PLAIN": "plain"}
    return ask_scorer(command, {"image": "a b.png"}, environment, cwd=tmp_path, timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"score": 0.5}', Score(0.5)),
        ('{"score": 3, "reason": "nice", "more": [1]}', Score(3.0, "nice")),
        ('\\n  {"score": -1e3}  \\n\\n', Score(-1000.0)),
        ('{"score": 1, "reason": 7}', Score(1.0)),
        ('{"score": 1, "reason": "%s"}' % ("x" * 300), Score(1.0, "x" * 200)),
    ],
)
def test_a_score_is_read(answer: str, expected: Score, tmp_path: Path) -> None:
    assert scored(f"print('{answer}')", tmp_path) == expected


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("", "the scorer answered with 0 lines"),
        ("print('loading'); print('{\"score\": 1}')", "the scorer answered with 2 lines"),
        ("print('nice')", "the scorer answered with no JSON"),
        ("print('[1]')", "the scorer answered with no finite number as `score`"),
        ('print(\'{"score": "1"}\')', "the scorer answered with no finite number as `score`"),
        ("print('{\"score\": true}')", "the scorer answered with no finite number as `score`"),
        ("print('{\"score\": NaN}')", "the scorer answered with no finite number as `score`"),
        ("print('{\"score\": 1e999}')", "the scorer answered with no finite number as `score`"),
        ("print('[' * 5000)", "the scorer answered with no JSON"),
        ("print('{\"score\": 1}' + ' ' * 100_000)", "the scorer answered with 1 lines"),
        ("sys.stdout.buffer.write(b'\\xff\\xfe')", "the scorer answered with no JSON"),
        ("sys.exit(3)", "the scorer ended with exit code 3"),
    ],
)
def test_anything_else_is_refused(program: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ScorerFailed) as caught:
        scored(program, tmp_path)

    assert caught.value.message == message


def test_what_a_failing_scorer_wrote_is_shown(tmp_path: Path) -> None:
    with pytest.raises(ScorerFailed) as caught:
        scored("print('no model at models/x', file=sys.stderr); sys.exit(1)", tmp_path)

    assert caught.value.details == ("no model at models/x",)


def test_it_is_told_one_line_where_the_repository_is_and_sees_no_token(tmp_path: Path) -> None:
    program = """
line = sys.stdin.readline()
assert sys.stdin.read() == ""
assert json.loads(line) == {"image": "a b.png"}
assert (os.environ["PLAIN"], "HF_TOKEN" in os.environ) == ("plain", False)
print(json.dumps({"score": 1, "reason": os.getcwd()}))
"""
    assert scored(program, tmp_path) == Score(1.0, str(tmp_path.resolve()))


def test_one_that_does_not_read_its_line_may_answer(tmp_path: Path) -> None:
    assert scored("os.close(0); print('{\"score\": 1}')", tmp_path) == Score(1.0)


def test_one_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    program = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open("child", "w").write(str(child.pid))
time.sleep(60)
"""
    started_s = time.monotonic()
    with pytest.raises(ScorerFailed, match="the scorer did not answer within 3 s"):
        scored(program, tmp_path, timeout_s=3)

    assert time.monotonic() - started_s < 30
    child = int((tmp_path / "child").read_text(encoding="utf-8"))
    until_s = time.monotonic() + 10  # the kernel takes a moment, and more on a busy machine
    while _lives(child) and time.monotonic() < until_s:
        pass
    assert not _lives(child)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScorerFailed, match="the scorer cannot be run: no-such-program: No such file or directory"):
        ask_scorer(["no-such-program"], {}, {}, cwd=tmp_path, timeout_s=5)

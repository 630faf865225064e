"""An external scorer: a program of the user's that is told of a picture in one line of JSON, and answers in one.

It is started for each picture, reads its line from standard input and may write what it likes to standard error.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.server.environment import without_secrets
from pytest_comfygen.errors import ScorerFailed

__all__ = ["Score", "ask_scorer"]

_LARGEST_ANSWER = 65_536
_LONGEST_REASON = 200
_SHOWN_LINES = 10


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer answered.

    :param reason: in its own words; empty when it gave none.
    """

    value: float
    reason: str = ""


def ask_scorer(
    command: Sequence[str],
    request: Mapping[str, object],
    environment: Mapping[str, str],
    *,
    cwd: Path,
    timeout_s: float,
) -> Score:
    """Have a picture scored; the program sees none of our tokens, and does not outlive its time.

    :param request: what it is told; values that JSON has.
    :raises ScorerFailed: it cannot be run, takes too long, fails, or answers anything but a score.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # the command of the user's settings, no shell
            command,
            cwd=cwd,
            env=without_secrets(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ScorerFailed(f"the scorer cannot be run: {command[0]}: {error.strerror}") from None
    answer, told = _converse(process, f"{json.dumps(dict(request))}\n".encode(), timeout_s)
    if process.returncode:
        raise ScorerFailed(f"the scorer ended with exit code {process.returncode}", details=_last_lines(told))
    return _score(answer, told)


def _converse(process: subprocess.Popen[bytes], line: bytes, timeout_s: float) -> tuple[bytes, bytes]:
    try:
        return process.communicate(line, timeout_s)
    except subprocess.TimeoutExpired:
        raise ScorerFailed(f"the scorer did not answer within {timeout_s:g} s") from None
    finally:
        if process.poll() is None:  # also after Ctrl-C
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the program and what it started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


def _score(answer: bytes, told: bytes) -> Score:
    lines = [line for line in answer[:_LARGEST_ANSWER].splitlines() if line.strip()]
    if len(lines) != 1 or len(answer) > _LARGEST_ANSWER:
        raise _no_score(f"{len(lines)} lines", answer, told)
    try:
        found = json.loads(lines[0])
    except (ValueError, RecursionError):
        raise _no_score("no JSON", answer, told) from None
    value = found.get("score") if isinstance(found, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _no_score("no finite number as `score`", answer, told)
    reason = found.get("reason")
    return Score(float(value), reason[:_LONGEST_REASON] if isinstance(reason, str) else "")


def _no_score(what: str, answer: bytes, told: bytes) -> ScorerFailed:
    return ScorerFailed(
        f"the scorer answered with {what}",
        details=(*_last_lines(answer), *_last_lines(told)),
        hint='let it write one line to standard output, such as {"score": 0.7}, and all else to standard error',
    )


def _last_lines(data: bytes) -> tuple[str, ...]:
    lines = data[-_LARGEST_ANSWER:].decode("utf-8", "replace").splitlines()
    return tuple(line[:200] for line in lines if line.strip())[-_SHOWN_LINES:]

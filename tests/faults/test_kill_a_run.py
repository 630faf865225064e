"""kill -9 in the middle of a run, at lines spread over the publishing code: nothing is lost and nothing blocks.

`test_kill_while_publishing.py` does so at every line of that code; here the whole plugin is run and healed.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_comfygen.outputs.store
from tests.repository import Repository

# Runs pytest and kills itself at the n-th line of the publishing code; without a number, prints how many there are.
PROGRAM = """\
import os, signal, sys, threading
import pytest, pytest_comfygen.plugin.collect

wanted, seen = int(sys.argv[1]), 0

def trace(frame, event, _):
    global seen
    if frame.f_code.co_filename.rpartition('/')[2] not in ('store.py', 'atomic.py', 'pending.py'):
        return None
    if event == 'line':
        seen += 1
        if seen == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace

sys.settrace(trace)
status = pytest.main(['jobs', '-q', '-p', 'no:randomly', '-p', 'no:hypothesispytest', '-p', 'no:cacheprovider'])
sys.settrace(None)
print('lines:', seen)
sys.exit(int(status))
"""

KILLS = 7


def run_child(repository: Repository, line: int, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(line)],
        cwd=repository.path,
        env=os.environ | {"COMFYGEN_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_run_heals_in_the_next_plain_run(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Path(pytest_comfygen.outputs.store.__file__).name == "store.py"
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.run("jobs").assert_outcomes(passed=2)
    repository.edit_job("steps: 2", "steps: 3")
    whole = run_child(repository, -1, sketch_url)
    lines = int(whole.stdout.rpartition("lines: ")[2])
    steps = 3

    # How many lines there are varies a little with the threads, so the last kill keeps clear of the end.
    for line in (1 + lines * kill // KILLS for kill in range(KILLS)):
        old = {name: sha256(repository.image(name)) for name in ("kin_dwarf", "kin_elf")}
        repository.edit_job(f"steps: {steps}", f"steps: {steps + 1}")
        steps += 1

        killed = run_child(repository, line, sketch_url)
        left = {name: sha256(repository.image(name)) for name in old}
        healed = repository.run("jobs")

        assert killed.returncode == -signal.SIGKILL
        assert healed.ret == 0, healed.stdout.str()
        for name, sha in old.items():
            recorded = repository.record(name)
            assert left[name] in (sha, recorded["file_sha256"])
            assert recorded["parameters"]["steps"] == steps
            assert sha256(repository.image(name)) == recorded["file_sha256"]
        assert not list((repository.path / "assets").glob(".*tmp"))

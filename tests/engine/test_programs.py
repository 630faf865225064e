from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import pytest_comfygen
from pytest_comfygen.engine.programs import ask, clean_environment, redacted, work

ROOT = Path(pytest_comfygen.__file__).parents[1]
PLAIN = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}

# Works with a program that starts another one, and says who they are.
PARENT = """
import os, sys
from pathlib import Path
from pytest_comfygen.engine.programs import work
work([sys.executable, "-c", sys.argv[1]], os.environ, cwd=Path.cwd(), line=lambda text: print(text, flush=True),
     started=lambda pid: print(pid, flush=True))
"""
FAMILY = (
    "import os, subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)']);"
    "print(os.getpid(), child.pid, flush=True); time.sleep(99)"
)
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + FAMILY


def run(code: str, environment: dict[str, str] | None = None) -> tuple[int, list[str]]:
    lines: list[str] = []
    command = [sys.executable, "-c", code]
    status = work(command, environment or PLAIN, cwd=Path.cwd(), line=lines.append, started=lambda _pid: None)
    return status, lines


@pytest.mark.parametrize(("code", "status"), [("pass", 0), ("raise SystemExit(3)", 3)])
def test_the_exit_status_is_the_program_s(code: str, status: int) -> None:
    assert run(code) == (status, [])


def test_lines_come_as_they_are_written_progress_included() -> None:
    code = "import sys; sys.stdout.buffer.write(b'one\\r\\ntwo 1%\\rtwo 2%\\n\\xff\\nlast')"
    assert run(code) == (0, ["one", "two 1%", "two 2%", "\ufffd", "last"])


def test_a_program_that_is_not_there_says_so() -> None:
    lines: list[str] = []
    status = work(["no-such-program"], PLAIN, cwd=Path.cwd(), line=lines.append, started=lambda _pid: None)
    assert (status, lines) == (127, ["no-such-program: No such file or directory"])


def test_a_program_gets_no_input() -> None:
    assert run("import sys; print(repr(sys.stdin.read()))") == (0, ["''"])


def test_what_stands_before_the_at_of_an_address_is_not_shown() -> None:
    assert run("print('Looking in https://me:hunter2@index.example/simple')")[1] == [
        "Looking in https://index.example/simple"
    ]
    assert redacted("ssh://git@host/x and user@host") == "ssh://host/x and user@host"


@pytest.mark.skipif(os.name == "nt", reason="signals are not like that there")
def test_a_program_does_not_outlive_us_however_we_end(tmp_path: Path) -> None:
    cases = [(number, FAMILY) for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    parents = [(parent_of(family, tmp_path), number) for number, family in [*cases, (signal.SIGKILL, STUBBORN)]]
    pids = [pid for parent, _ in parents for pid in read_pids(parent)]
    assert len(pids) == 3 * len(parents)
    for parent, number in parents:
        parent.send_signal(number)
    for parent, _ in parents:
        parent.communicate(timeout=20)
    deadline = time.monotonic() + 10
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []


def parent_of(family: str, directory: Path) -> subprocess.Popen[str]:
    """A process that works with a program that starts another one."""
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, family],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=directory,
    )


def read_pids(parent: subprocess.Popen[str]) -> list[int]:
    """The numbers of the supervisor, the program and its child."""
    assert parent.stdout is not None
    return [int(word) for _ in range(2) for word in parent.stdout.readline().split()]


def test_asking_has_an_end() -> None:
    assert ask([sys.executable, "-c", "input()"], PLAIN).status == 1
    slow = ask([sys.executable, "-c", "import time; time.sleep(9)"], PLAIN, timeout_s=0.1)
    assert slow.status == 124
    assert ask(["no-such-program"], PLAIN).status == 127


REMOVED = """
HF_TOKEN HUGGING_FACE_HUB_TOKEN CIVITAI_API_TOKEN COMFYGEN_AUTH
PYTHONPATH PYTHONHOME PYTHONUSERBASE VIRTUAL_ENV CONDA_PREFIX PYTEST_ADDOPTS COVERAGE_PROCESS_START
PIP_TARGET PIP_PREFIX PIP_ROOT PIP_USER PIP_CONSTRAINT PIP_DRY_RUN PIP_NO_DEPS PIP_REQUIREMENT
UV_PYTHON UV_SYSTEM_PYTHON UV_PROJECT_ENVIRONMENT UV_CONSTRAINT UV_EXCLUDE_NEWER
"""
KEPT = """
PATH HOME LANG https_proxy NO_PROXY SSL_CERT_FILE REQUESTS_CA_BUNDLE NETRC
PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_CERT PIP_FIND_LINKS PIP_NO_INDEX PIP_PROXY PIP_TRUSTED_HOST PIP_CONFIG_FILE
PIP_CACHE_DIR PIP_DEFAULT_TIMEOUT
UV_DEFAULT_INDEX UV_INDEX UV_INDEX_COMPANY_PASSWORD UV_NATIVE_TLS UV_HTTP_TIMEOUT UV_CACHE_DIR
"""


def test_no_token_and_no_other_target_get_through() -> None:
    assert clean_environment(dict.fromkeys(REMOVED.split(), "x")) == {}


def test_what_leads_to_an_index_a_certificate_or_a_proxy_gets_through() -> None:
    kept = dict.fromkeys(KEPT.split(), "x")
    assert clean_environment(kept) == kept

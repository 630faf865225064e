"""On a terminal one line shows what is being made, and nothing of it stays."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from tests.repository import PLAIN, Repository
from tests.screen import Seen, run_in_terminal

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a terminal as POSIX has it")

LIVE = re.compile(r"\[\d+(?:/\d+)?\] kin_\w+ [^\r\x1b]*")
CONFTEST = """\
import pytest

def pytest_comfygen_finished(job, result):
    {action}
"""


@pytest.fixture(scope="module")
def slow_url() -> Iterator[str]:
    """A stand-in that takes its time, so that there is something to be seen."""
    command = [
        sys.executable,
        "-m",
        "pytest_comfygen.sketch",
        "--lifeline",
        "--any-model",
        "--seconds-per-step",
        "0.15",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield server.stdout.readline().split()[-1]
        server.communicate()


def watched(
    repository: Repository,
    url: str,
    *args: str,
    columns: int = 80,
    ctrl_c: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Seen:
    """A run of pytest in a terminal."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *PLAIN, "jobs", f"--comfy-url={url}", *args]
    repository.edit_job("steps: 2", "steps: 6")
    repository.edit_job(
        "portrait of", f"portrait for {repository.path.name} of"
    )  # none that the server has made before
    around = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    with tempfile.TemporaryDirectory() as home:
        around |= {"TERM": "xterm", "HOME": home, "PYTHONPATH": str(Path(__file__).parents[2])} | dict(
            environment or {}
        )
        return run_in_terminal(
            command,
            repository.path,
            around,
            columns=columns,
            interrupt=lambda text: ctrl_c and "3/6 steps" in text,
        )


def live_lines(seen: Seen) -> list[str]:
    return LIVE.findall(seen.written)


def kept(seen: Seen) -> list[str]:
    """What is left of live lines on the screen."""
    return [line for line in seen.lines if re.search(r"\[\d+/\d+\]|steps|it/s", line)]


def test_it_shows_item_step_rate_and_what_is_left_and_goes(repository: Repository, slow_url: str) -> None:
    seen = watched(repository, slow_url)

    told = live_lines(seen)
    assert [line for line in told if re.fullmatch(r"\[1/2\] kin_dwarf [2-6]/6 steps, \d+\.\d it/s", line)]
    assert [line for line in told if re.fullmatch(r"\[2/2\] kin_elf [2-6]/6 steps, \d\.\d it/s, about \d s left", line)]
    assert len(told) < 40  # of two pictures that take a second each
    assert [one for one, next_one in pairwise(told) if one == next_one] == []
    assert kept(seen) == []
    assert [line for line in seen.lines if line.startswith("jobs/kins")] == [
        "jobs/kins.comfyjob.yaml gg" + "[100%]".rjust(53)
    ]
    assert "images: 2 generated" in seen.lines


def test_lines_of_verbose_runs_stay_whole(repository: Repository, slow_url: str) -> None:
    seen = watched(repository, slow_url, "-v")

    assert live_lines(seen)
    assert kept(seen) == []
    items = [line for line in seen.lines if line.startswith("jobs/kins")]
    assert items == [
        "jobs/kins.comfyjob.yaml::kin_dwarf GENERATED" + "[ 50%]".rjust(35),
        "jobs/kins.comfyjob.yaml::kin_elf GENERATED" + "[100%]".rjust(37),
    ]


def test_workers_tell_and_the_process_with_the_terminal_draws(repository: Repository, slow_url: str) -> None:
    seen = watched(repository, slow_url, "-n2", "-v")

    assert [line for line in live_lines(seen) if re.match(r"\[1/2\] kin_\w+ \d/6 steps", line)]
    assert [line for line in live_lines(seen) if "1 more at work" in line]
    assert kept(seen) == []
    assert next(line for line in seen.lines if "GENERATED" in line).endswith(("::kin_dwarf", "::kin_elf"))
    assert list((repository.path / ".comfygen" / "told").iterdir()) == []


def test_ctrl_c_leaves_nothing_behind(repository: Repository, slow_url: str) -> None:
    seen = watched(repository, slow_url, ctrl_c=True)

    assert seen.returncode == 2
    assert live_lines(seen)
    assert kept(seen) == []


@pytest.mark.parametrize(
    ("action", "code"),
    [("raise RuntimeError('a bug')", 1), ("raise pytest.exit('enough')", 2)],
    ids=["a bug", "an exit"],
)
def test_a_run_that_breaks_leaves_nothing_behind(repository: Repository, slow_url: str, action: str, code: int) -> None:
    repository.write("conftest.py", CONFTEST.format(action=action))

    seen = watched(repository, slow_url)

    assert seen.returncode == code
    assert live_lines(seen)
    assert kept(seen) == []


def test_an_internal_error_leaves_nothing_behind(repository: Repository, slow_url: str) -> None:
    repository.write("conftest.py", "def pytest_runtest_logfinish(nodeid):\n    raise RuntimeError(nodeid)\n")

    seen = watched(repository, slow_url)

    assert seen.returncode == 3
    assert live_lines(seen)
    assert kept(seen) == []


def test_a_narrow_terminal_is_not_overrun(repository: Repository, slow_url: str) -> None:
    seen = watched(repository, slow_url, columns=30)

    assert live_lines(seen)
    assert max(map(len, live_lines(seen))) < 30
    assert kept(seen) == []


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        (["-q"], {}),
        (["-s"], {}),
        ([], {"CI": "1", "COMFYGEN_UPDATE": "stale"}),
        ([], {"TERM": "dumb"}),
        (["-p", "no:terminal"], {}),
    ],
    ids=["quiet", "not captured", "in CI", "dumb", "no reporter"],
)
def test_where_it_would_disturb_there_is_none(
    repository: Repository, slow_url: str, options: list[str], environment: dict[str, str]
) -> None:
    seen = watched(repository, slow_url, *options, environment=environment)

    assert seen.returncode == 0
    assert live_lines(seen) == []
    assert "\x1b[A" not in seen.written
    assert repository.image("kin_dwarf").is_file()


def test_it_is_in_no_captured_output(repository: Repository, slow_url: str) -> None:
    repository.write(
        "conftest.py",
        "import pytest\n\n@pytest.fixture(autouse=True)\ndef heard(capfd):\n    yield\n"
        "    heard = capfd.readouterr()\n    assert heard == ('', '')\n",
    )

    seen = watched(repository, slow_url)

    assert seen.returncode == 0
    assert live_lines(seen)

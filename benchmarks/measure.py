"""Commands are timed side by side: one process each, in turn, so that a busy machine is busy for all of them."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Command",
    "Cost",
    "Costs",
    "Verdict",
    "interleaved",
    "is_any_missed",
    "print_table",
    "print_verdicts",
    "run",
    "run_shown",
]

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Command:
    """A program to be timed.

    :param directory: where it runs.
    :param expected: what its output must hold; without it, it did something else than what is timed.
    :param autoload: pytest loads every plugin that is installed, as it does for users; else those it is told to.
    :param may_fail: it may end with another exit code than 0.
    :param before: what is to be done before each run, and not timed.
    """

    arguments: Sequence[str]
    directory: Path
    expected: str
    autoload: bool = False
    may_fail: bool = False
    before: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took, in seconds; `cpu_s` is user and system time of the process and its children.

    :ivar peak_kib: the most memory that the process held at once.
    """

    wall_s: float
    cpu_s: float
    peak_kib: int


@dataclass(frozen=True, slots=True)
class Costs:
    """What the runs of one command took, in the order of the rounds."""

    runs: tuple[Cost, ...]

    @property
    def wall_s(self) -> float:
        """The median."""
        return statistics.median(run.wall_s for run in self.runs)

    @property
    def cpu_s(self) -> float:
        """The median."""
        return statistics.median(run.cpu_s for run in self.runs)

    @property
    def peak_mib(self) -> float:
        """The median."""
        return statistics.median(run.peak_kib for run in self.runs) / 1024

    def over(self, other: Costs, measure: Callable[[Cost], float]) -> float:
        """The median of the rounds' differences: what the machine did to both runs of a round cancels out."""
        pairs = zip(self.runs, other.runs, strict=True)
        return statistics.median(measure(mine) - measure(theirs) for mine, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A measured number beside what it may be.

    :param unit: `times` for ratios, else such as `s` or `MiB`.
    :param is_least: the limit is the least that will do, not the most.
    """

    what: str
    found: float
    limit: float
    unit: str = "times"
    is_least: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether the limit is kept."""
        return self.found >= self.limit if self.is_least else self.found <= self.limit


def is_any_missed(verdicts: Sequence[Verdict]) -> bool:
    """Whether a limit is passed: what a benchmark ends with."""
    return not all(verdict.is_kept for verdict in verdicts)


def interleaved(commands: Mapping[str, Command], rounds: int) -> dict[str, Costs]:
    """Run every command once in each round, in alternating order, after one uncounted run that warms the caches."""
    for command in commands.values():
        run(command)
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds):
        for name in reversed(found) if number % 2 else found:
            found[name].append(run(commands[name]))
    return {name: Costs(tuple(costs)) for name, costs in found.items()}


def run(command: Command) -> Cost:
    """Time one run.

    :raises SystemExit: the output is not what was expected; it is shown.
    """
    return run_shown(command)[0]


def run_shown(command: Command) -> tuple[Cost, str]:
    """Time one run, and give what it wrote."""
    if command.before is not None:
        command.before()
    with tempfile.TemporaryFile() as output:
        started_s = time.perf_counter()
        process = subprocess.Popen(
            command.arguments,
            cwd=command.directory,
            env=_environment(autoload=command.autoload),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)  # like `wait`, and tells what this one process used
        wall_s = time.perf_counter() - started_s
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if (process.returncode and not command.may_fail) or command.expected not in text:
        raise SystemExit(f"{command.arguments} ended with {process.returncode}, not with {command.expected!r}:\n{text}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss), text


def _environment(*, autoload: bool) -> dict[str, str]:
    """What the timed programs see: this tree, bytecode as usual, and nobody's settings."""
    unwanted = (
        "CI",
        "PYTEST_ADDOPTS",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
        "PYTEST_PLUGINS",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED",
    )
    inherited = {name: value for name, value in os.environ.items() if name not in unwanted}
    inherited = {name: value for name, value in inherited.items() if not name.startswith("COMFYGEN_")}
    return inherited | {"PYTHONPATH": str(ROOT)} | ({} if autoload else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})


def print_verdicts(title: str, verdicts: Sequence[Verdict]) -> None:
    """Print what was found, what may be, and whether it is."""
    rows = [("", "found", "limit", "")]
    for one in verdicts:
        bound = "at least" if one.is_least else "at most"
        word = "ok" if one.is_kept else "missed"
        rows.append((one.what, f"{one.found:.2f} {one.unit}", f"{bound} {one.limit:g} {one.unit}", word))
    print_table(title, rows)


def print_table(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under a title, the first column to the left and numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print(title)
    for first, *numbers in rows:
        cells = (f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True))
        print("  ".join((f"  {first:<{widths[0]}}", *cells)))

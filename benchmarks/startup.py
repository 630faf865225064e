"""What the plugin costs a pytest run without job files.

`python benchmarks/startup.py`
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import Command, Cost, Costs, Verdict, interleaved, is_any_missed, print_table, run_shown

LIMIT_MS = 5.0

# What any run of pytest has loaded is loaded first, so that only what the plugin adds is timed.
_IMPORT = """\
import sys, time, pytest
pytest.main(["-q", "--collect-only", "-p", "no:comfygen", "-p", "no:cacheprovider", sys.argv[1]])
started = time.process_time()
import pytest_comfygen.plugin
print("import_ms", 1000 * (time.process_time() - started))
"""


def main(arguments: Sequence[str] | None = None) -> list[Verdict]:
    """Print the table."""
    rounds = _options(arguments).rounds
    with tempfile.TemporaryDirectory() as name:
        test = Path(name) / "test_one.py"
        test.write_text("def test_one():\n    pass\n", encoding="utf-8")
        commands = {"with": _pytest(test), "without": _pytest(test, "-p", "no:comfygen")}
        found = interleaved(commands, rounds)
        import_ms = statistics.median(_import_ms(test) for _ in range(rounds))
    rows: list[tuple[str, ...]] = [
        ("", "with", "without", "difference"),
        _row("pytest -q, cpu ms", found["with"], found["without"], lambda cost: 1000 * cost.cpu_s),
        _row("pytest -q, wall ms", found["with"], found["without"], lambda cost: 1000 * cost.wall_s),
        ("import of the front door, cpu ms", f"{import_ms:.1f}", "", f"{import_ms:.1f}"),
    ]
    print_table(f"a run of one test and no job file, medians of {rounds} (limit {LIMIT_MS:.0f} ms)", rows)
    return [Verdict("startup: import of the front door", import_ms, LIMIT_MS, "ms")]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="what the plugin costs a pytest run without job files")
    parser.add_argument("--rounds", type=int, default=21, metavar="N", help="runs of each command")
    return parser.parse_args(arguments)


def _pytest(test: Path, *options: str) -> Command:
    return Command((sys.executable, "-m", "pytest", "-q", *options, test.name), test.parent, "1 passed", autoload=True)


def _import_ms(test: Path) -> float:
    command = Command((sys.executable, "-c", _IMPORT, test.name), test.parent, "import_ms", autoload=True)
    return float(run_shown(command)[1].rpartition("import_ms")[2])


def _row(name: str, mine: Costs, theirs: Costs, measure: Callable[[Cost], float]) -> tuple[str, ...]:
    medians = (statistics.median(measure(cost) for cost in costs.runs) for costs in (mine, theirs))
    return (name, *(f"{value:.1f}" for value in medians), f"{mine.over(theirs, measure):.1f}")


if __name__ == "__main__":
    sys.exit(is_any_missed(main()))

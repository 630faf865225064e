"""What collecting 100 000 images out of a csv costs, against 100 000 items of a ten-line plugin.

`python benchmarks/sources.py`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import Costs, Verdict, interleaved, is_any_missed, print_table
from benchmarks.scenario import collecting, trivial_collecting, write_table

LIMIT = 3.0
PEAK_LIMIT_MIB = 1.5e9 / 2**20


def main(arguments: Sequence[str] | None = None) -> list[Verdict]:
    """Print the table."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_table(directory, options.items)
        commands = {
            "csv": collecting(directory, options.items),
            "ten lines": trivial_collecting(directory, options.items),
        }
        found = interleaved(commands, options.rounds)
    ours, trivial = found["csv"], found["ten lines"]
    rows: list[tuple[str, ...]] = [("", "wall s", "cpu s", "peak MiB", "KiB an item")]
    rows += [_row(name, costs, options.items) for name, costs in found.items()]
    ratios = (ours.wall_s / trivial.wall_s, ours.cpu_s / trivial.cpu_s, ours.peak_mib / trivial.peak_mib)
    rows.append(("ratio", *(f"{ratio:.2f}" for ratio in ratios), ""))
    print_table(
        f"{options.items} items collected, medians of {options.rounds}"
        f" (limits: {LIMIT} times the wall time, and {PEAK_LIMIT_MIB:.0f} MiB)",
        rows,
    )
    return [
        Verdict("sources: collected", ours.wall_s / trivial.wall_s, LIMIT),
        Verdict("sources: most memory held", ours.peak_mib, PEAK_LIMIT_MIB, "MiB"),
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="what images out of a csv cost, against a ten-line plugin")
    parser.add_argument("--items", type=int, default=100_000, metavar="N", help="rows in the table")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each command")
    return parser.parse_args(arguments)


def _row(name: str, costs: Costs, items: int) -> tuple[str, ...]:
    numbers = (costs.wall_s, costs.cpu_s, costs.peak_mib, costs.peak_mib * 1024 / items)
    return (name, *(f"{number:.2f}" for number in numbers))


if __name__ == "__main__":
    sys.exit(is_any_missed(main()))

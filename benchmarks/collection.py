"""What 10 000 images cost, collected, run when all are current, and for one of them, against a ten-line plugin.

`python benchmarks/collection.py`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import Costs, Verdict, interleaved, is_any_missed, print_table
from benchmarks.scenario import (
    collecting,
    running,
    selecting,
    trivial_collecting,
    trivial_running,
    trivial_selecting,
    write_images,
    write_job_file,
)

LIMITS = {"collect": 2.2, "run, all current": 2.0}
SELECTED, SELECTED_LIMIT_S = "-k of one", 1.5  # more than the ten lines need for the same


def main(arguments: Sequence[str] | None = None) -> list[Verdict]:
    """Print the table."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as directory:
        found = _measured(Path(directory), options.items, options.rounds)
    rows: list[tuple[str, ...]] = [("", "wall s", "cpu s", "ten lines: wall s", "cpu s", "ratio: wall", "cpu", "limit")]
    rows += [_row(name, ours, trivial) for name, (ours, trivial) in found.items()]
    print_table(f"{options.items} items, medians of {options.rounds} runs in turn, imports included", rows)
    return [_verdict(name, *costs) for name, costs in found.items()]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="what 10 000 images cost, against a ten-line plugin")
    parser.add_argument("--items", type=int, default=10_000, metavar="N", help="images in the job file")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each command")
    return parser.parse_args(arguments)


def _measured(directory: Path, items: int, rounds: int) -> dict[str, tuple[Costs, Costs]]:
    job_file = write_job_file(directory, items)
    write_images(job_file)
    collect = interleaved(
        {"ours": collecting(directory, items), "trivial": trivial_collecting(directory, items)}, rounds
    )
    run = interleaved({"ours": running(directory, items), "trivial": trivial_running(directory, items)}, rounds)
    select = interleaved({"ours": selecting(directory, items), "trivial": trivial_selecting(directory, items)}, rounds)
    named = zip((*LIMITS, SELECTED), (collect, run, select), strict=True)
    return {name: (found["ours"], found["trivial"]) for name, found in named}


def _verdict(name: str, ours: Costs, trivial: Costs) -> Verdict:
    if name == SELECTED:
        return Verdict(f"collection: {name}, more", ours.wall_s - trivial.wall_s, SELECTED_LIMIT_S, "s")
    return Verdict(f"collection: {name}", ours.wall_s / trivial.wall_s, LIMITS[name])


def _row(name: str, ours: Costs, trivial: Costs) -> tuple[str, ...]:
    seconds = (ours.wall_s, ours.cpu_s, trivial.wall_s, trivial.cpu_s)
    ratios = (ours.wall_s / trivial.wall_s, ours.cpu_s / trivial.cpu_s)
    limit = f"{SELECTED_LIMIT_S:g} s more" if name == SELECTED else f"{LIMITS[name]:.2f}"
    return (name, *(f"{value:.2f}" for value in (*seconds, *ratios)), limit)


if __name__ == "__main__":
    sys.exit(is_any_missed(main()))

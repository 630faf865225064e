"""What 10 000 images cost, collected and run when all are current, against 10 000 items of a ten-line plugin.

`python benchmarks/collection.py`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import Costs, interleaved, print_table
from benchmarks.scenario import (
    collecting,
    running,
    trivial_collecting,
    trivial_running,
    write_images,
    write_job_file,
)

LIMITS = {"collect": 2.5, "run, all current": 3.0}


def main() -> int:
    """Print the table; 1 when a limit is passed."""
    options = _options()
    with tempfile.TemporaryDirectory() as directory:
        found = _measured(Path(directory), options.items, options.rounds)
    rows: list[tuple[str, ...]] = [("", "wall s", "cpu s", "ten lines: wall s", "cpu s", "ratio: wall", "cpu", "limit")]
    rows += [_row(name, ours, trivial) for name, (ours, trivial) in found.items()]
    print_table(f"{options.items} items, medians of {options.rounds} runs in turn, imports included", rows)
    return int(any(ours.wall_s > LIMITS[name] * trivial.wall_s for name, (ours, trivial) in found.items()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="what 10 000 images cost, against a ten-line plugin")
    parser.add_argument("--items", type=int, default=10_000, metavar="N", help="images in the job file")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each command")
    return parser.parse_args()


def _measured(directory: Path, items: int, rounds: int) -> dict[str, tuple[Costs, Costs]]:
    job_file = write_job_file(directory, items)
    write_images(job_file)
    collect = interleaved(
        {"ours": collecting(directory, items), "trivial": trivial_collecting(directory, items)}, rounds
    )
    run = interleaved({"ours": running(directory, items), "trivial": trivial_running(directory, items)}, rounds)
    return {name: (found["ours"], found["trivial"]) for name, found in zip(LIMITS, (collect, run), strict=True)}


def _row(name: str, ours: Costs, trivial: Costs) -> tuple[str, ...]:
    seconds = (ours.wall_s, ours.cpu_s, trivial.wall_s, trivial.cpu_s)
    ratios = (ours.wall_s / trivial.wall_s, ours.cpu_s / trivial.cpu_s, LIMITS[name])
    return (name, *(f"{value:.2f}" for value in (*seconds, *ratios)))


if __name__ == "__main__":
    sys.exit(main())

"""Where the time goes when 10 000 images are collected, or run when all are current.

`python benchmarks/profile_run.py collect`
`python benchmarks/profile_run.py current`
"""

from __future__ import annotations

import argparse
import pstats
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import run
from benchmarks.scenario import collecting, running, write_images, write_job_file


def main() -> None:
    """Run the scenario under cProfile and print the functions that take most."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        job_file = write_job_file(directory, options.items)
        if options.scenario == "current":
            write_images(job_file)
        command = (running if options.scenario == "current" else collecting)(directory, options.items)
        python, *arguments = command.arguments
        found = directory / "profile"
        run(command)
        run(replace(command, arguments=(python, "-m", "cProfile", "-o", str(found), *arguments)))
        pstats.Stats(str(found)).strip_dirs().sort_stats(options.sort).print_stats(options.top)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="where the time goes with 10 000 images")
    parser.add_argument("scenario", choices=("collect", "current"), help="collect only, or run images that are current")
    parser.add_argument("--items", type=int, default=10_000, metavar="N", help="images in the job file")
    parser.add_argument("--top", type=int, default=40, metavar="N", help="functions to show")
    parser.add_argument("--sort", choices=("tottime", "cumulative", "ncalls"), default="tottime", help="by what")
    return parser.parse_args()


if __name__ == "__main__":
    main()

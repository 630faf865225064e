"""What `--comfy-check` of 10 000 unchanged images costs, warm and in a fresh clone, against a ten-line plugin.

`python benchmarks/check.py`
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from PIL import Image

from benchmarks.measure import Command, Costs, Verdict, interleaved, is_any_missed, print_table
from benchmarks.scenario import checking, trivial_running, write_images, write_job_file

WARM_LIMIT = 2.2
HASHING_LIMIT = 2.0  # beside what a warm run may cost, a fresh clone may cost so many times `sha256sum`
PEAK_LIMIT_MIB = 400.0
SIZE = (152, 152)  # noise, which cannot be compressed: 68 KiB an image


def main(arguments: Sequence[str] | None = None) -> list[Verdict]:
    """Print the table."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_images(write_job_file(directory, options.items, SIZE), _noise)
        found = interleaved(_commands(directory, options.items), options.rounds)
    limits_s, trivial = _limits_s(found), found["ten lines"]
    rows: list[tuple[str, ...]] = [("", "wall s", "cpu s", "ratio: wall", "cpu", "limit", "peak MiB")]
    rows += [_row(name, costs, trivial, limits_s.get(name)) for name, costs in found.items()]
    kib = len(_noise(0)) / 1024
    print_table(
        f"--comfy-check of {options.items} unchanged images of {kib:.0f} KiB, medians of {options.rounds} runs in turn"
        f" (limits: CPU time, and {PEAK_LIMIT_MIB:.0f} MiB)",
        rows,
    )
    return [
        verdict
        for name, limit_s in limits_s.items()
        for verdict in (
            Verdict(f"check: {name}, CPU time", found[name].cpu_s / trivial.cpu_s, limit_s / trivial.cpu_s),
            Verdict(f"check: {name}, most memory held", found[name].peak_mib, PEAK_LIMIT_MIB, "MiB"),
        )
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="what --comfy-check costs, against a ten-line plugin")
    parser.add_argument("--items", type=int, default=10_000, metavar="N", help="images in the job file")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each command")
    return parser.parse_args(arguments)


def _noise(_number: int) -> bytes:
    """A PNG of noise, another one each time."""
    width, height = SIZE
    file = BytesIO()
    Image.frombytes("RGB", SIZE, os.urandom(3 * width * height)).save(file, "png", compress_level=0)
    return file.getvalue()


def _commands(directory: Path, items: int) -> dict[str, Command]:
    """What is compared. A clone has no `.comfygen/`, where the hashes of files are remembered."""
    warm = checking(directory, items)
    forget = partial(shutil.rmtree, directory / ".comfygen", ignore_errors=True)
    hashing = ("sh", "-c", "cd assets && sha256sum *.png | tail -n 1")
    return {
        "ten lines": trivial_running(directory, items),
        "sha256sum": Command(hashing, directory, ".png"),
        "fresh clone": replace(warm, before=forget),
        "warm": warm,
    }


def _limits_s(found: Mapping[str, Costs]) -> dict[str, float]:
    """The CPU time that checking may take."""
    warm_s = WARM_LIMIT * found["ten lines"].cpu_s
    return {"warm": warm_s, "fresh clone": warm_s + HASHING_LIMIT * found["sha256sum"].cpu_s}


def _row(name: str, costs: Costs, trivial: Costs, limit_s: float | None) -> tuple[str, ...]:
    numbers = (costs.wall_s, costs.cpu_s, costs.wall_s / trivial.wall_s, costs.cpu_s / trivial.cpu_s)
    limits = ("", "") if limit_s is None else (f"{limit_s / trivial.cpu_s:.2f}", f"{costs.peak_mib:.0f}")
    return (name, *(f"{number:.2f}" for number in numbers), *limits)


if __name__ == "__main__":
    sys.exit(is_any_missed(main()))

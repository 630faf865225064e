"""Where the plugin's own time goes for each picture that a ComfyUI makes: CPU time, and time that passes.

`python benchmarks/laps.py --url http://127.0.0.1:8188`
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.histories import Quiet
from benchmarks.measure import Command, print_table, run_shown
from benchmarks.workloads import FILTERED, NOISE, Workload, fresh_seeds, write_scene

# What is timed: the words of the table, and the function. What runs inside another one is indented.
PARTS = (
    ("setting the item up", "pytest_comfygen.plugin.collect:ComfyItem.setup"),
    ("planning", "pytest_comfygen.plugin.work:Work.plan"),
    ("sending the next ones ahead", "pytest_comfygen.plugin.servers:Servers._send_ahead"),
    ("  POST /prompt", "pytest_comfygen.engine.client.transport:Transport.post"),
    ("following", "pytest_comfygen.engine.client:ComfyClient.follow"),
    ("  GET /history", "pytest_comfygen.engine.client:ComfyClient.history"),
    ("fetching: GET /view", "pytest_comfygen.engine.client:ComfyClient.fetch"),
    ("verifying", "pytest_comfygen.verify.image:inspect"),
    ("  decoding", "pytest_comfygen.verify.image:_decode"),
    ("taking metadata out", "pytest_comfygen.verify.encoding:png_without_metadata"),
    ("comparing with other images", "pytest_comfygen.flows.pictures:Pictures._tell"),
    ("staging", "pytest_comfygen.outputs.store:Store.stage"),
    ("publishing", "pytest_comfygen.outputs.store:Store.publish"),
    ("  fsync, staging and publishing", "os:fsync"),
    ("keeping a copy for later", "pytest_comfygen.plugin.keeping:Keeping.note"),
)

WATCH = """\
import functools, importlib, json, os, time
import pytest
spent, depth = {{}}, {{}}
def timed(name, function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if depth.get(name):
            return function(*args, **kwargs)
        depth[name] = True
        cpu, wall = time.thread_time(), time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            depth[name] = False
            one = spent.setdefault(name, [0, 0.0, 0.0])
            one[0] += 1
            one[1] += time.thread_time() - cpu
            one[2] += time.perf_counter() - wall
    return wrapper
for name, place in {parts!r}:
    module, _, path = place.partition(":")
    owner = importlib.import_module(module)
    *above, last = path.split(".")
    for one in above:
        owner = getattr(owner, one)
    setattr(owner, last, timed(name, getattr(owner, last)))
began = []
@pytest.hookimpl(trylast=True)
def pytest_runtest_logfinish():
    if not began:  # the first image pays for the imports and for asking the server what it has
        began.extend((time.thread_time(), time.process_time(), time.perf_counter()))
        spent.clear()
    spent["all"] = [0, time.thread_time() - began[0], time.perf_counter() - began[2]]
    spent["other threads"] = [0, time.process_time() - began[1] - spent["all"][1], 0.0]
def pytest_sessionfinish():
    with open("laps.json", "w") as file:
        json.dump(spent, file)
"""

Laps = Mapping[str, tuple[float, float]]


def main() -> None:
    """Print a table for small pictures and one for larger ones."""
    options = _options()
    url = options.url.rstrip("/")
    quiet = Quiet(url)
    with tempfile.TemporaryDirectory() as name:
        for workload in (NOISE, FILTERED):
            runs = []
            for number in range(options.rounds):
                quiet.keep(5)
                runs.append(_laps(url, workload, options.images, Path(name) / f"{workload.name}-{number}"))
            _show(workload, options.images, runs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="where the plugin's own time goes for each picture")
    parser.add_argument("--url", required=True, help="a running ComfyUI that nobody else uses meanwhile")
    parser.add_argument("--images", type=int, default=40, metavar="N", help="pictures in each run")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each kind of picture")
    return parser.parse_args()


def _laps(url: str, workload: Workload, images: int, directory: Path) -> Laps:
    """CPU and wall time of each part, in milliseconds an image; the first image is not counted."""
    scene = write_scene(directory, workload, fresh_seeds(images + 1))
    (scene.directory / "conftest.py").write_text(WATCH.format(parts=PARTS), encoding="utf-8")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "comfygen", "jobs", "--comfy-url", url)
    run_shown(Command(command, scene.directory, f"{images + 1} passed"))
    found = json.loads((scene.directory / "laps.json").read_text(encoding="utf-8"))
    return {name: (1000 * cpu_s / images, 1000 * wall_s / images) for name, (_, cpu_s, wall_s) in found.items()}


def _show(workload: Workload, images: int, runs: Sequence[Laps]) -> None:
    rows: list[tuple[str, ...]] = [("", "cpu ms", "ms")]
    for name in (*(name for name, _ in PARTS), "all", "other threads"):
        known = [laps[name] for laps in runs if name in laps]
        if known:
            medians = (statistics.median(one[place] for one in known) for place in (0, 1))
            rows.append((name, *(f"{value:.2f}" for value in medians)))
    side = workload.size_px
    print_table(f"one of {images} pictures of {side}x{side}, medians of {len(runs)} runs", rows)


if __name__ == "__main__":
    main()

"""What the plugin adds to ComfyUI's own time for many pictures, beside other clients on the same server and graphs.

`python benchmarks/feeding.py --url http://127.0.0.1:8188`

The server is to have an empty output directory: before ComfyUI saves a picture, it lists the folder, and the other
clients save all of theirs into one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.clients import SIMPLIFIED
from benchmarks.histories import COLLECTING_S, Quiet, Served, served
from benchmarks.measure import ROOT, Command, Cost, Verdict, is_any_missed, print_table, print_verdicts, run_shown
from benchmarks.rivals import COMFY_CLI, SIMPLIFIED_API, installed
from benchmarks.workloads import FILTERED, NOISE, Scene, Workload, fresh_seeds, write_scene

PLUGIN, SERIAL, POSTED = "this plugin", "serial client", "all posted first"
_PLAIN = (sys.executable, str(ROOT / "benchmarks" / "clients.py"))
SERIAL_CLIENT, POSTING_CLIENT = (*_PLAIN, "serial"), (*_PLAIN, "all-posted-first")
LASTS_S = {"noise": 4.5, "filtered": 7.5}  # no run may last longer
TRIES = 3
FEW = 5  # `comfy run` takes half a second for each

WATCH = """\
import json, time
times, ids = [], []
def pytest_comfygen_before_submit(graph):
    times.append(time.time())
    saved = next(node for node in graph.values() if node["class_type"] == "SaveImage")
    ids.append(saved["inputs"]["filename_prefix"].rpartition("/")[2])
def pytest_runtest_logfinish():
    times.append(time.time())
def pytest_sessionfinish():
    with open("times.json", "w") as file:
        json.dump({"began": times[0], "ended": times[-1], "ids": ids}, file)
"""


@dataclass(frozen=True, slots=True)
class Fed:
    """One client's run.

    :param process_s: the whole process, its start included.
    :param span_s: from the first submission to the last result.
    :param server: None for clients that do not tell the ids of their jobs.
    """

    images: int
    process_s: float
    cpu_s: float
    span_s: float
    server: Served | None = None
    ids: tuple[str, ...] = ()


Client = Callable[[Scene], Fed]


def main(arguments: Sequence[str] | None = None) -> list[Verdict]:
    """Print the tables."""
    options = _options(arguments)
    url = options.url.rstrip("/")
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory() as name:
        rivals = {} if options.alone else installed(options.rivals or Path(name) / "rivals")
        for workload, images in ((NOISE, options.images), (FILTERED, options.filtered)):
            clients = _clients(url, rivals if workload is NOISE else {})
            found = _measured(workload, images, options.rounds, clients, url, Path(name))
            _show(workload, images, options.rounds, found)
            verdicts += _verdicts(workload, found)
    print_verdicts("feeding: medians of the rounds' ratios, from the first submission to the last result", verdicts)
    return verdicts


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="what the plugin adds to ComfyUI's own time, beside other clients")
    parser.add_argument("--url", required=True, help="a running ComfyUI that nobody else uses meanwhile")
    parser.add_argument("--images", type=int, default=100, metavar="N", help="pictures of 256x256 in each run")
    parser.add_argument("--filtered", type=int, default=30, metavar="N", help="blurred pictures of 768x768")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each client")
    parser.add_argument("--rivals", type=Path, metavar="DIR", help="keeps comfy-cli and comfy-api-simplified installed")
    parser.add_argument("--alone", action="store_true", help="leave comfy-cli and comfy-api-simplified out")
    return parser.parse_args(arguments)


def _measured(  # noqa: PLR0913, PLR0917  # what is measured, how often, with whom and where
    workload: Workload, images: int, rounds: int, clients: Mapping[str, Client], url: str, directory: Path
) -> dict[str, list[Fed]]:
    """Every client once in each round, in alternating order, with seeds of its own."""
    found: dict[str, list[Fed]] = {name: [] for name in clients}
    quiet = Quiet(url)
    for number in range(rounds):
        for place, name in enumerate(reversed(found) if number % 2 else found):
            count = min(images, FEW) if name == COMFY_CLI else images
            found[name].append(_undisturbed(workload, count, clients[name], quiet, directory / f"{number}-{place}"))
    return found


def _undisturbed(workload: Workload, images: int, client: Client, quiet: Quiet, directory: Path) -> Fed:
    """One run; again when ComfyUI's search for garbage fell into it, because the machine was slower than expected."""
    for attempt in range(TRIES):
        scene = write_scene(directory / f"{workload.name}-{attempt}", workload, fresh_seeds(images))
        quiet.keep(LASTS_S[workload.name])
        fed = client(scene)
        if fed.server is None or fed.server.longest_gap_s < COLLECTING_S:
            break
    return fed


# --- clients ----------------------------------------------------------------------------------------------------------


def _clients(url: str, rivals: Mapping[str, Path]) -> dict[str, Client]:
    clients: dict[str, Client] = {
        PLUGIN: partial(this_plugin, url),
        SERIAL: partial(plain_client, url, SERIAL_CLIENT),
        POSTED: partial(plain_client, url, POSTING_CLIENT),
    }
    if programs := rivals.get(SIMPLIFIED_API):
        clients[SIMPLIFIED_API] = partial(plain_client, url, (str(programs / "python"), "-c", SIMPLIFIED))
    if programs := rivals.get(COMFY_CLI):
        clients[COMFY_CLI] = partial(_comfy_run, url, programs / "comfy")
    return clients


def this_plugin(url: str, scene: Scene) -> Fed:
    """`pytest jobs/`, watched by a hook."""
    (scene.directory / "conftest.py").write_text(WATCH, encoding="utf-8")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "comfygen", "jobs", "--comfy-url", url)
    cost, _ = run_shown(Command(command, scene.directory, f"{len(scene.graphs)} passed"))
    return _fed(url, scene, cost, json.loads((scene.directory / "times.json").read_text(encoding="utf-8")))


def plain_client(url: str, program: Sequence[str], scene: Scene) -> Fed:
    """A client that prints its times."""
    graphs, pictures = scene.directory / "graphs.json", scene.directory / "pictures"
    graphs.write_text(json.dumps(scene.graphs, default=dict), encoding="utf-8")
    pictures.mkdir()
    cost, text = run_shown(Command((*program, url, str(graphs), str(pictures)), scene.directory, '"ids"'))
    if len(list(pictures.iterdir())) != len(scene.graphs):
        raise SystemExit(f"{program} did not write all pictures")
    return _fed(url, scene, cost, json.loads(text.splitlines()[-1]))


def _fed(url: str, scene: Scene, cost: Cost, times: Mapping[str, Any]) -> Fed:
    ids = tuple(times["ids"])
    span_s = times["ended"] - times["began"]
    return Fed(len(scene.graphs), cost.wall_s, cost.cpu_s, span_s, served(url, ids) if ids else None, ids)


def _comfy_run(url: str, program: Path, scene: Scene) -> Fed:
    """`comfy run --wait`, which is one process for each picture."""
    address = urlsplit(url)
    home = scene.directory / "home"
    home.mkdir()
    began_s, cpu_s = time.perf_counter(), 0.0
    for number, graph in enumerate(scene.graphs):
        workflow = scene.directory / f"{number}.json"
        workflow.write_text(json.dumps(graph, default=dict), encoding="utf-8")
        place = ("--host", str(address.hostname), "--port", str(address.port or 80))
        command = ("env", f"HOME={home}", "DO_NOT_TRACK=1", str(program), "--skip-prompt", "run")
        done = Command((*command, "--workflow", str(workflow), "--wait", *place), scene.directory, "")
        cpu_s += run_shown(done)[0].cpu_s
    span_s = time.perf_counter() - began_s
    return Fed(len(scene.graphs), span_s, cpu_s, span_s)


# --- tables -----------------------------------------------------------------------------------------------------------


def _show(workload: Workload, images: int, rounds: int, found: Mapping[str, Sequence[Fed]]) -> None:
    own_ms = 1000 * statistics.median(one.server.own_s / one.images for one in found[PLUGIN] if one.server)
    head = ("", "images", "process s", "cpu s", "span s", "ms an image", "server's own s", "gap ms", "longest gap ms")
    rows = [head, *(_row(name, runs) for name, runs in found.items())]
    side = workload.size_px
    print_table(
        f"{images} pictures of {side}x{side}, {own_ms:.0f} ms of ComfyUI each, medians of {rounds} runs in turn", rows
    )


def _row(name: str, runs: Sequence[Fed]) -> tuple[str, ...]:
    def median(measure: Callable[[Fed], float]) -> str:
        return f"{statistics.median(measure(one) for one in runs):.2f}"

    per_image = statistics.median(1000 * one.span_s / one.images for one in runs)
    known = [one.server for one in runs if one.server]
    own = [statistics.median(one.own_s for one in known)] if known else []
    gaps = [1000 * statistics.median(one.gap_s for one in known)] if known else []
    longest = [1000 * statistics.median(one.longest_gap_s for one in known)] if known else []
    served_columns = (_shown(own, ".2f"), _shown(gaps, ".1f"), _shown(longest, ".0f"))
    times = (median(lambda one: one.process_s), median(lambda one: one.cpu_s), median(lambda one: one.span_s))
    return (name, str(runs[0].images), *times, f"{per_image:.1f}", *served_columns)


def _shown(found: Sequence[float], form: str) -> str:
    return f"{found[0]:{form}}" if found else ""


def _verdicts(workload: Workload, found: Mapping[str, Sequence[Fed]]) -> Iterator[Verdict]:
    ours = [one.span_s / one.images for one in found[PLUGIN]]

    def ratio(other: str) -> float:
        """Of an image's time, round by round."""
        theirs = (one.span_s / one.images for one in found[other])
        return statistics.median(mine / their for mine, their in zip(ours, theirs, strict=True))

    own = statistics.median(one.span_s / one.server.own_s for one in found[PLUGIN] if one.server)
    posted = Verdict(f"{workload.name}: over all posted first", ratio(POSTED), 1.15)
    serial = Verdict(f"{workload.name}: over the serial client", ratio(SERIAL), 1.0)
    if workload is FILTERED:
        yield replace(posted, limit=1.05)
        yield Verdict(f"{workload.name}: over the server's own time", own, 1.05)
        return
    yield posted
    yield serial
    if SIMPLIFIED_API in found:
        yield Verdict(f"{workload.name}: over {SIMPLIFIED_API}", ratio(SIMPLIFIED_API), 1.0)
    if COMFY_CLI in found:
        yield Verdict(f"{workload.name}: times faster than comfy run --wait", 1 / ratio(COMFY_CLI), 25, is_least=True)


if __name__ == "__main__":
    sys.exit(is_any_missed(main()))

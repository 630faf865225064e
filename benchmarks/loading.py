"""How often two checkpoints are loaded when a job file names them in turn, and what that costs.

`python benchmarks/loading.py --url http://127.0.0.1:8188`
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.feeding import POSTING_CLIENT, Fed, plain_client, this_plugin
from benchmarks.histories import Quiet, choices_of, loads_of
from benchmarks.measure import Verdict, is_any_missed, print_table, print_verdicts
from benchmarks.workloads import Scene, fresh_seeds, write_alternating

PLUGIN, FILE_ORDER, SORTED = "this plugin", "posted in file order", "posted by checkpoint"
LOADER, NAME = "CheckpointLoaderSimple", "ckpt_name"


@dataclass(frozen=True, slots=True)
class Batch:
    """One client's run.

    :param loads: how many jobs loaded a checkpoint.
    :param own_s: the server's own time.
    """

    span_s: float
    loads: int
    own_s: float


def main(arguments: Sequence[str] | None = None) -> list[Verdict]:
    """Print the tables."""
    options = _options(arguments)
    url = options.url.rstrip("/")
    checkpoints = options.checkpoint or choices_of(url, LOADER, NAME)[:2]
    if len(checkpoints) < 2:  # noqa: PLR2004  # as the docstring says
        raise SystemExit(f"{url} has fewer than two checkpoints")
    found: dict[str, list[Batch]] = {PLUGIN: [], FILE_ORDER: [], SORTED: []}
    clients: Mapping[str, Callable[[Scene], Batch]] = {
        PLUGIN: lambda scene: _batch(url, this_plugin(url, scene)),
        FILE_ORDER: lambda scene: _batch(url, plain_client(url, POSTING_CLIENT, scene)),
        SORTED: lambda scene: _batch(url, plain_client(url, POSTING_CLIENT, _by_checkpoint(scene))),
    }
    quiet = Quiet(url)
    with tempfile.TemporaryDirectory() as name:
        for number in range(options.rounds):
            for place, client in enumerate(reversed(found) if number % 2 else found):
                directory = Path(name) / f"{number}-{place}"
                scene = write_alternating(directory, checkpoints, fresh_seeds(options.items))
                quiet.keep(0)  # the run is longer than the time between two searches; the job empties the cache
                found[client].append(clients[client](scene))
    _show(options.items, options.rounds, found)
    verdicts = _verdicts(found, len(checkpoints))
    print_verdicts("loading: medians of the rounds, from the first submission to the last result", verdicts)
    return verdicts


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="how often checkpoints are loaded that a job file names in turn")
    parser.add_argument("--url", required=True, help="a running ComfyUI that nobody else uses meanwhile")
    parser.add_argument(
        "--checkpoint", action="append", metavar="NAME", help="two of the server's (default: its first)"
    )
    parser.add_argument("--items", type=int, default=24, metavar="N", help="images in the job file")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each client")
    return parser.parse_args(arguments)


def _batch(url: str, fed: Fed) -> Batch:
    return Batch(fed.span_s, loads_of(url, fed.ids, LOADER), fed.server.own_s if fed.server else 0.0)


def _by_checkpoint(scene: Scene) -> Scene:
    """The same jobs in the order that loads each checkpoint once."""

    def checkpoint(graph: Mapping[str, Mapping[str, Mapping[str, object]]]) -> str:
        return next(str(node["inputs"][NAME]) for node in graph.values() if NAME in node["inputs"])

    return replace(scene, graphs=tuple(sorted(scene.graphs, key=checkpoint)))


def _show(items: int, rounds: int, found: Mapping[str, Sequence[Batch]]) -> None:
    rows: list[tuple[str, ...]] = [("", "loads", "span s", "server's own s")]
    for name, runs in found.items():
        loads = " ".join(sorted({str(one.loads) for one in runs}))
        spans = (statistics.median(one.span_s for one in runs), statistics.median(one.own_s for one in runs))
        rows.append((name, loads, *(f"{span_s:.2f}" for span_s in spans)))
    print_table(f"{items} images of 64x64, two checkpoints in turn, medians of {rounds} runs in turn", rows)


def _verdicts(found: Mapping[str, Sequence[Batch]], checkpoints: int) -> list[Verdict]:
    pairs = zip(found[PLUGIN], found[FILE_ORDER], strict=True)
    ratio = statistics.median(mine.span_s / theirs.span_s for mine, theirs in pairs)
    loads = max(one.loads for one in found[PLUGIN])
    return [
        Verdict("loading: loads of the plugin's order", loads, checkpoints, "loads"),
        Verdict("loading: over file order", ratio, 0.45),
    ]


if __name__ == "__main__":
    sys.exit(is_any_missed(main()))

"""How many images a second several servers make together, and what becomes of a run when one of them is killed.

The servers are stand-ins that take a fixed time for an image and paint nothing.
`python benchmarks/scaling.py`
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import requests

from benchmarks.measure import Command, Verdict, is_any_missed, print_table, print_verdicts, run_shown
from benchmarks.workloads import Scene, fresh_seeds, write_sampled

LEAST_SHARE = 0.85  # of so many times one stand-in's rate
WATCHED = Path(__file__).with_name("watch_run.py")


@dataclass(frozen=True, slots=True)
class StandIn:
    """A server of ours."""

    url: str
    process: subprocess.Popen[str]


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen of one run.

    :param finished_at: seconds of the wall clock at which the controller had each result.
    :param sent: item of each job that was sent, by its id.
    :param published: items whose image was put in its place, each time.
    """

    finished_at: tuple[float, ...]
    sent: Mapping[str, str]
    published: tuple[str, ...]
    cpu_s: float
    passed: int

    @property
    def rate(self) -> float:
        """Images a second, from the first result to the last."""
        return (len(self.finished_at) - 1) / (self.finished_at[-1] - self.finished_at[0])


def main(arguments: Sequence[str] | None = None) -> list[Verdict]:
    """Print the tables."""
    options = _options(arguments)
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory() as name:
        found: dict[int, list[Watched]] = {count: [] for count in options.servers}
        for number in range(options.rounds):
            for count in reversed(found) if number % 2 else found:
                directory = Path(name) / f"{number}-{count}"
                found[count].append(_measured(directory, count, count * options.each, options.seconds))
        if found:
            verdicts += _shown(found, options)
        if options.kill:
            verdicts += _killed(Path(name) / "killed", options.kill, options.kill * options.each, options.seconds)
    print_verdicts("scaling: medians of the rounds, from the first to the last result", verdicts)
    return verdicts


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="how many images a second several servers make together")
    parser.add_argument("--servers", type=int, nargs="*", default=[1, 2, 4, 8], metavar="N", help="how many stand-ins")
    parser.add_argument("--each", type=int, default=200, metavar="N", help="images for each stand-in")
    parser.add_argument("--seconds", type=float, default=0.2, metavar="S", help="what a stand-in takes for an image")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs with each number of stand-ins")
    parser.add_argument("--kill", type=int, default=8, metavar="N", help="kill one of so many in the middle; 0: do not")
    return parser.parse_args(arguments)


def _measured(directory: Path, servers: int, items: int, seconds: float) -> Watched:
    scene = write_sampled(directory, fresh_seeds(items))
    with _fleet(servers, seconds) as fleet:
        watched = _run(scene, fleet)
    if watched.passed != items:
        raise SystemExit(f"{watched.passed} of {items} images were made")
    return watched


@contextmanager
def _fleet(servers: int, seconds: float) -> Iterator[list[StandIn]]:
    """So many stand-ins, which end with this process."""
    options = ("--no-paint", "--any-model", "--seconds-per-step", str(seconds), "--lifeline")
    with ExitStack() as stack:
        fleet = []
        for _ in range(servers):
            process = stack.enter_context(
                subprocess.Popen(
                    (sys.executable, "-m", "pytest_comfygen.sketch", *options),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            stack.callback(process.kill)
            greeting = process.stdout.readline() if process.stdout else ""
            fleet.append(StandIn(greeting.split()[-1], process))
        yield fleet


def _run(scene: Scene, fleet: Sequence[StandIn], victim: StandIn | None = None) -> Watched:
    """`pytest jobs/ -n N`, watched by hooks; the victim is killed when half of the images are there."""
    (scene.directory / "conftest.py").write_text(WATCHED.read_text(encoding="utf-8"), encoding="utf-8")
    seen = scene.directory / "seen"
    seen.mkdir()
    if victim is not None:
        about = {"pid": victim.process.pid, "url": victim.url, "after": len(scene.graphs) // 2}
        (seen / "victim.json").write_text(json.dumps(about), encoding="utf-8")
    urls = [part for one in fleet for part in ("--comfy-url", one.url)]
    plugins = ("-p", "xdist", "-p", "comfygen")
    command = (sys.executable, "-m", "pytest", "-q", *plugins, "-n", str(len(fleet)), "jobs", *urls)
    cost, _ = run_shown(Command(command, scene.directory, "", may_fail=victim is not None))
    events = [
        json.loads(line) for path in sorted(seen.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()
    ]
    return Watched(
        finished_at=tuple(one["at"] for one in events if one["event"] == "finished"),
        sent={one["id"]: one["item"] for one in events if one["event"] == "sent"},
        published=tuple(one["item"] for one in events if one["event"] == "published"),
        cpu_s=cost.cpu_s,
        passed=sum(one["event"] == "passed" for one in events),
    )


def _shown(found: Mapping[int, Sequence[Watched]], options: argparse.Namespace) -> Iterator[Verdict]:
    alone = min(found)
    rates = {count: statistics.median(one.rate for one in runs) for count, runs in found.items()}
    each = rates[alone] / alone
    rows: list[tuple[str, ...]] = [("stand-ins, workers", "images", "images a second", "share", "cpu ms an image")]
    for count, runs in found.items():
        cpu_ms = 1000 * statistics.median(one.cpu_s / len(one.finished_at) for one in runs)
        share = rates[count] / (count * each)
        rows.append(
            (str(count), str(count * options.each), f"{rates[count]:.2f}", f"{share:.0%}", f"{cpu_ms:.1f}"),
        )
    print_table(f"images of 64x64, {1000 * options.seconds:.0f} ms each, medians of {options.rounds} runs", rows)
    most = max(found)
    if most != alone:
        yield Verdict(
            f"scaling: {most} stand-ins, share of {most} times one's rate",
            rates[most] / (most * each),
            LEAST_SHARE,
            is_least=True,
        )


def _killed(directory: Path, servers: int, items: int, seconds: float) -> Iterator[Verdict]:
    """One of the stand-ins is killed when half of the images are there."""
    scene = write_sampled(directory, fresh_seeds(items))
    with _fleet(servers, seconds) as fleet:
        victim = fleet[-1]
        watched = _run(scene, fleet, victim)
        executed = set(json.loads((directory / "seen" / "executed.json").read_text(encoding="utf-8")))
        for one in fleet[:-1]:
            executed |= set(requests.get(f"{one.url}/history", timeout=60).json())
    times = Counter(watched.sent[prompt_id] for prompt_id in executed if prompt_id in watched.sent)
    again = len(watched.sent) - len(set(watched.sent.values()))
    twice = sum(number > 1 for number in times.values())
    doubly = sum(number > 1 for number in Counter(watched.published).values())
    rows: list[tuple[str, ...]] = [
        ("", "images"),
        ("made", str(watched.passed)),
        ("sent again", str(again)),
        ("executed twice", str(twice)),
        ("published twice", str(doubly)),
    ]
    print_table(f"{items} images on {servers} stand-ins, one killed in the middle", rows)
    yield Verdict("killed: not made", items - watched.passed, 0, "images")
    yield Verdict("killed: published twice", doubly, 0, "images")
    yield Verdict("killed: executed twice, of those sent again", twice, again, "images")


if __name__ == "__main__":
    sys.exit(is_any_missed(main()))

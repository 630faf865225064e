"""All benchmarks after one another, and every ratio beside its limit in one table.

`python benchmarks`
`python benchmarks --url http://127.0.0.1:8188`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import check, collection, feeding, gallery, loading, scaling, sources, startup
from benchmarks.measure import Verdict, is_any_missed, print_verdicts

_Main = Callable[[Sequence[str]], list[Verdict]]

LOCAL: dict[str, _Main] = {
    "startup": startup.main,
    "collection": collection.main,
    "sources": sources.main,
    "check": check.main,
    "gallery": gallery.main,
    "scaling": scaling.main,
}
REAL: dict[str, _Main] = {"feeding": feeding.main, "loading": loading.main}
ONCE = {"gallery"}  # it has no rounds


def main() -> int:
    """Print the tables; 1 when a limit is passed."""
    options = _options()
    chosen = LOCAL | (REAL if options.url else {})
    verdicts: list[Verdict] = []
    for name in options.only or chosen:
        if name not in chosen:
            raise SystemExit(f"{name} needs --url, the address of a running ComfyUI")
        place = ["--url", options.url] if name in REAL else []
        rounds = ["--rounds", str(options.rounds)] if options.rounds and name not in ONCE else []
        verdicts += chosen[name]([*place, *rounds])
        print(flush=True)
    print_verdicts("all of it", verdicts)
    return int(is_any_missed(verdicts))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python benchmarks", description="all benchmarks, and their ratios in one")
    parser.add_argument("--url", help="a running ComfyUI that nobody else uses, for those that need a real one")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often everything is run (default: each one's own)")
    parser.add_argument("--only", nargs="+", choices=(*LOCAL, *REAL), help="some of them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

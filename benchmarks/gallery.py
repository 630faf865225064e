"""What a gallery of 2 000 images costs: to write, the first time and again, and to open and search in Chromium.

`python benchmarks/gallery.py`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from PIL import Image

from benchmarks.measure import Command, Verdict, is_any_missed, print_table, run
from benchmarks.scenario import write_images, write_job_file
from tests.browser import CHROMIUM, Tab, open_tab

LIMITS_S = {"opened": 2.0, "searched": 1.0}
SIZE = (416, 608)
_MOST_GRAINS = 40
_PAINTED = "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))"


def main(arguments: Sequence[str] | None = None) -> list[Verdict]:
    """Print the table."""
    items = _options(arguments).items
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        grain = grains()
        write_images(
            write_job_file(root, items, SIZE), lambda number: picture(number, items, grain[number % _MOST_GRAINS])
        )
        page = root / "gallery.html"
        costs = _written(root, items)
        size_bytes = page.stat().st_size
        opened = _opened(root / "profile", page) if CHROMIUM else {}
    rows: list[tuple[str, ...]] = [("", "wall s", "cpu s", "peak MiB"), *costs]
    print_table(f"{items} images of {SIZE[0]}x{SIZE[1]}, all current, --comfy-check", rows)
    title = f"the page, {size_bytes / 1e6:.0f} MB, in Chromium" if CHROMIUM else "there is no Chromium on the PATH"
    print_table(title, [("", "s", "limit"), *((name, f"{s:.2f}", f"{LIMITS_S[name]:g}") for name, s in opened.items())])
    return [Verdict(f"gallery: {name}", seconds, LIMITS_S[name], "s") for name, seconds in opened.items()]


def grains() -> list[Image.Image]:
    """What the pictures have in common, drawn once."""
    return [
        Image.effect_noise((26, 38), 40 + kind).resize(SIZE, Image.Resampling.BICUBIC) for kind in range(_MOST_GRAINS)
    ]


def picture(number: int, of: int, grain: Image.Image) -> bytes:
    """A PNG as large as smaller models draw them, another one for each number."""
    hue, file = Image.new("L", SIZE, 255 * number // of), BytesIO()
    hue.paste(number % 256, (0, 0, SIZE[0] // 2, SIZE[1] // 4))
    Image.merge("HSV", (hue, Image.new("L", SIZE, 140), grain)).convert("RGB").save(file, "png", compress_level=1)
    return file.getvalue()


def _written(root: Path, items: int) -> list[tuple[str, ...]]:
    """What runs cost: without a gallery, with one, and with one once small pictures are kept."""
    check = (sys.executable, "-m", "pytest", "-q", "-p", "comfygen", "jobs", "--comfy-check")
    with_one = ("--comfy-gallery=gallery.html",)
    runs: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("without", ()),
        ("with, the first time", with_one),
        ("with, again", with_one),
    )
    run(Command(check, root, f"{items} passed"))
    found: list[tuple[str, ...]] = []
    for name, options in runs:
        cost = run(Command((*check, *options), root, f"{items} passed"))
        found.append((name, f"{cost.wall_s:.2f}", f"{cost.cpu_s:.2f}", f"{cost.peak_kib / 1024:.0f}"))
    return found


def _opened(profile: Path, page: Path) -> Mapping[str, float]:
    """How long it takes until the first pictures are seen, and until a search shows what it found."""
    with open_tab(profile) as tab:
        tab.dress(width=1280, height=800)
        tab.go("about:blank")
        tab.go(page.as_uri())
        tab.wait("[...document.images].filter(one => one.src).every(one => one.complete)")
        opened_ms = tab.evaluate(_PAINTED)
        return {"opened": opened_ms / 1000, "searched": _searched(tab) / 1000}


def _searched(tab: Tab) -> float:
    """The slowest of some searches, in milliseconds."""
    search = (
        "(async text => {{ const field = document.querySelector('#search'), begun = performance.now();"
        " field.value = text; field.dispatchEvent(new Event('input')); return await {painted} - begun }})('{text}')"
    )
    return max(float(tab.evaluate(search.format(painted=_PAINTED, text=text))) for text in ("7", "77", "nobody", ""))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="what a gallery costs")
    parser.add_argument("--items", type=int, default=2000, metavar="N", help="images in the job file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(is_any_missed(main()))

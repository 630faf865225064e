"""Draws the screenshots of the gallery in this folder: `python docs/images/gallery.py`, with Chromium and git.

A repository is made with the stand-in, some of its images are changed, and its gallery is opened in the browser.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from PIL import Image, ImageDraw

from pytest_comfygen.engine.server import sketch_server
from tests.browser import Tab, open_tab

HERE = Path(__file__).parent
WIDTH, HEIGHT = 1280, 800
HEROES = ("dwarf", "elf", "human", "halfling")

KINS = {
    "dwarf": "a stout dwarf miner",
    "elf": "a moon elf with silver hair",
    "orc": "an old orc shaman",
    "gnome": "a gnome tinker with brass goggles",
    "human": "a weary human ranger",
    "halfling": "a halfling cook, laughing",
    "troll": "a mossy bridge troll",
    "giant": "a frost giant, seen from below",
    "goblin": "a goblin with a stolen crown",
    "dryad": "a dryad of the birch wood",
    "naga": "a naga priestess",
    "fox": "a fox spirit in the snow",
    "raven": "a raven-headed scholar",
    "golem": "a clay golem with golden seams",
    "faun": "a faun with a reed pipe",
    "ghoul": "a ghoul in a bishop's robe",
    "merfolk": "a merfolk diver",
    "sphinx": "a sphinx among ruins",
    "wyvern": "a wyvern rider",
    "lich": "a lich over an open book",
}


def main() -> None:
    """Draw them all."""
    with tempfile.TemporaryDirectory() as folder, open_tab(Path(folder) / "profile") as tab:
        root = Path(folder) / "game"
        make_repository(root)
        with sketch_server(Path(folder) / "log", os.environ, timeout_s=60) as url:
            make_history(root, url)
        photograph(tab, root / "gallery.html")
        with Image.open(root / "gallery.png") as sheet:
            sheet.reduce(2).save(HERE / "contact-sheet.webp", quality=88, method=6)


def make_repository(root: Path) -> None:
    """A game with portraits."""
    (root / "jobs").mkdir(parents=True)
    items = [
        f"  kin_{name}: {{vars: {{subject: {subject!r}}}, tags: [{'hero' if name in HEROES else 'draft'}]}}"
        for name, subject in KINS.items()
    ]
    header = (
        "comfyjob: 1\noutput: {dir: ../assets/portraits}\ndefaults:\n  checkpoint: sd_xl_base_1.0.safetensors\n"
        "  prompt: portrait of ${subject}, ${style}\n  negative: text, watermark\n  size: 416x608\n  steps: 30\n"
        "  cfg: 6.5\n  sampler: dpmpp_2m\n  scheduler: karras\n  vars: {style: 'oil painting, warm light'}\nitems:\n"
    )
    (root / "jobs" / "kins.comfyjob.yaml").write_text(header + "\n".join(items) + "\n", encoding="utf-8")
    for command in (["init", "-q"], ["config", "user.name", "a"], ["config", "user.email", "a@example.org"]):
        git(root, *command)


def make_history(root: Path, url: str) -> None:
    """Make and commit the images, change some, and run again with a gallery."""
    run(root, url)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "portraits")
    jobs, assets = root / "jobs" / "kins.comfyjob.yaml", root / "assets" / "portraits"
    text = jobs.read_text(encoding="utf-8")
    text = text.replace("a stout dwarf miner", "a stout dwarf miner, singing").replace("a naga priestess", "a sea naga")
    jobs.write_text(text + "  kin_owl: {vars: {subject: an owl sage}, verify: {min_stddev: 120}}\n", encoding="utf-8")
    with Image.open(assets / "kin_elf.png") as picture:
        edited = picture.convert("RGB")
    ImageDraw.Draw(edited).ellipse((120, 90, 300, 270), "#f2d16b")
    edited.save(assets / "kin_elf.png")
    (assets / "kin_fox.png").unlink()
    for target in ("gallery.html", "gallery.png"):
        run(root, url, f"--comfy-gallery={target}")


def photograph(tab: Tab, page: Path) -> None:
    """Save what the page looks like."""
    tab.dress(width=WIDTH, height=HEIGHT)
    tab.go(page.as_uri())
    settle(tab)
    save(tab, "gallery.webp")
    tab.evaluate("document.querySelector('.card[title=kin_dwarf]').click()")
    for key, name in (("o", "gallery-image.webp"), ("s", "gallery-slider.webp")):
        tab.press(key)
        settle(tab)
        save(tab, name)
    tab.press("o", "ArrowLeft")
    settle(tab)
    save(tab, "gallery-refused.webp")
    if tab.complaints:
        raise SystemExit("\n".join(tab.complaints))


def settle(tab: Tab) -> None:
    """Wait until all pictures in the window are there."""
    tab.wait("[...document.images].filter(one => one.src).every(one => one.complete)")


def save(tab: Tab, name: str) -> None:
    """Save what is seen."""
    with Image.open(BytesIO(tab.screenshot(width=WIDTH, height=HEIGHT))) as picture:
        picture.convert("RGB").save(HERE / name, quality=88, method=6)


def run(root: Path, url: str, *options: str) -> None:
    """Run the plugin; that some images fail is what is shown."""
    command = [sys.executable, "-m", "pytest", "-q", "jobs", f"--comfy-url={url}", *options]
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment["PYTHONPATH"] = str(HERE.parents[1])
    subprocess.run(command, cwd=root, env=environment, check=False)


def git(root: Path, *arguments: str) -> None:
    """Run git in the repository."""
    subprocess.run(["git", *arguments], cwd=root, check=True)


if __name__ == "__main__":
    main()

"""Draws the terminal in this folder: `python docs/images/terminal.py`, with the extra `dev`.

A repository is made with the stand-in, one of its jobs is changed, and what two commands then write is drawn. Only
where that was is told otherwise: directories and the stand-in's port are those of nobody's machine.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from rich.console import Console
from rich.text import Text

from pytest_comfygen.engine.server import sketch_server

HERE = Path(__file__).parent
COLUMNS = 104
PLAIN = ("-p", "pytest_comfygen.plugin", "-p", "no:cacheprovider", "--color=yes")  # no lines of other plugins
USUAL_URL = "http://127.0.0.1:8188"
FONT = "DejaVu Sans Mono, Menlo, Consolas, monospace"

JOBS = """\
comfyjob: 1
output: {dir: ../assets/portraits/kins}
defaults:
  checkpoint: sd_xl_base_1.0.safetensors
  prompt: portrait of ${subject}, oil painting
  size: 416x608
  steps: 30
items:
  kin_dwarf: {vars: {subject: a stout dwarf miner}}
  kin_elf: {vars: {subject: a moon elf}}
  kin_cat: portrait of a cat in armour
"""


def main() -> None:
    """Draw it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "game").resolve()
        (root / "jobs").mkdir(parents=True)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        with sketch_server(Path(folder, "log"), os.environ, timeout_s=60) as url:
            written = make_history(root, url)
    (HERE / "terminal.svg").write_text(picture_of(written), encoding="utf-8")


def make_history(root: Path, url: str) -> str:
    """Make the images, change one, and tell what a check and a run say.

    :returns: what stands on the terminal, with its colours.
    """
    jobs = root / "jobs" / "kins.comfyjob.yaml"
    jobs.write_text(JOBS, encoding="utf-8")
    run(root, url, "jobs/", f"--comfy-url={url}")
    jobs.write_text(JOBS.replace("a moon elf}}", "a moon elf}, steps: 40}"), encoding="utf-8")
    commands = (("jobs/", "--comfy-check"), ("jobs/", "-v", f"--comfy-url={url}"))
    return "\n".join(run(root, url, *arguments) for arguments in commands)


def run(root: Path, url: str, *arguments: str) -> str:
    """Run the plugin; that a check fails is what is shown.

    :returns: the command, and what it wrote.
    """
    named = {name: value for name, value in os.environ.items() if not name.startswith(("COMFYGEN_", "PYTEST_"))}
    around = {name: value for name, value in named.items() if name not in ("CI", "NO_COLOR", "TERM")}
    around |= {"PYTHONPATH": str(HERE.parents[1]), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": str(COLUMNS)}
    command = [sys.executable, "-m", "pytest", *PLAIN, *arguments]
    done = subprocess.run(command, cwd=root, env=around, stdout=subprocess.PIPE, text=True, check=False)
    written = f"$ pytest {' '.join(arguments)}\n{done.stdout}"
    for here, elsewhere in ((sys.executable, ".venv/bin/python"), (str(root), "/home/ana/game"), (url, USUAL_URL)):
        written = written.replace(here, elsewhere)
    return written


def picture_of(written: str) -> str:
    """A terminal with this text, as SVG that asks nobody for a font."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="standard")
        console.print(Text.from_ansi(written.rstrip()))
        svg = console.export_svg(title="pytest jobs/", unique_id="terminal")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return "".join(f"{line.rstrip()}\n" for line in svg.replace("Fira Code, monospace", FONT).splitlines())


if __name__ == "__main__":
    main()

"""Passes for ComfyUI's main.py, as far as those who install, start and stop it can tell.

What serves is this project's stand-in. It runs in the installed environment, which has only the tiny packages of the
test, so the way to the rest is written into `import_path.json` when the repository is made.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from comfy.cli_args import parse  # type: ignore[import-not-found]  # it lies beside this file, in the checkout


def main() -> None:
    """Read flags first and import second: `--help` works in any environment."""
    arguments = parse()
    __import__("torch")
    __import__("eels")
    sys.path += json.loads(Path(__file__).with_name("import_path.json").read_text(encoding="utf-8"))
    from tests.comfyui.server import run

    run(arguments, Path(__file__).parent)


if __name__ == "__main__":
    main()

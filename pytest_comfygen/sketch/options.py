"""The command line of the stand-in."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LISTED_CHECKPOINTS = (
    "flux1-schnell-fp8.safetensors",
    "sd_xl_base_1.0.safetensors",
    "v1-5-pruned-emaonly-fp16.safetensors",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a stand-in is asked to be.

    :param port: 0 lets the system choose a free one.
    :param directory: holds output/, input/ and temp/; None is a temporary one, removed at the end.
    :param checkpoints: the model names that the server lists.
    :param checkpoint_dirs: the weights files in these directories are listed, too.
    :param any_model: accept every other model name, too, when it ends like a weights file.
    :param paint: False saves plain patterns, which cost next to nothing.
    :param lifeline: end when standard input ends, so that the server cannot outlive its owner.
    """

    listen: str = "127.0.0.1"
    port: int = 0
    directory: Path | None = None
    checkpoints: tuple[str, ...] = LISTED_CHECKPOINTS
    checkpoint_dirs: tuple[Path, ...] = ()
    any_model: bool = False
    seconds_per_step: float = 0.0
    paint: bool = True
    lifeline: bool = False


def parse(argv: Sequence[str]) -> Options:
    """The options that `argv` (without the program's name) asks for.

    :raises SystemExit: 0 after --help; 2 after an argument that cannot be used, with the reason on standard error.
    """
    given = _parser().parse_args(argv)
    return Options(
        listen=given.listen,
        port=given.port,
        directory=given.directory,
        checkpoints=tuple(given.checkpoint or (() if given.checkpoint_dir else LISTED_CHECKPOINTS)),
        checkpoint_dirs=tuple(given.checkpoint_dir or ()),
        any_model=given.any_model,
        seconds_per_step=given.seconds_per_step,
        paint=not given.no_paint,
        lifeline=given.lifeline,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pytest_comfygen.sketch",
        description="A stand-in for ComfyUI: it speaks the same API and paints placeholders.",
        allow_abbrev=False,
    )
    parser.add_argument("--listen", metavar="ADDRESS", default="127.0.0.1", help="address (default: %(default)s)")
    parser.add_argument("--port", metavar="PORT", type=_port, default=0, help="port; 0, the default, is a free one")
    parser.add_argument(
        "--directory",
        metavar="DIR",
        type=Path,
        help="keeps output/, input/ and temp/ (default: a temporary directory, removed at the end)",
    )
    parser.add_argument("--checkpoint", metavar="NAME", action="append", help="a model that is listed (repeatable)")
    parser.add_argument(
        "--checkpoint-dir",
        metavar="DIR",
        type=Path,
        action="append",
        help="a directory whose weights files are listed (repeatable)",
    )
    parser.add_argument("--any-model", action="store_true", help="accept any model name that ends like a weights file")
    parser.add_argument(
        "--seconds-per-step",
        metavar="S",
        type=_seconds,
        default=0.0,
        help="how long a sampling step takes (default: 0)",
    )
    parser.add_argument("--no-paint", action="store_true", help="save plain patterns, quickly, for load tests")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input reaches its end")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004  # the highest port there is
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds

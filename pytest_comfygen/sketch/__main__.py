"""`python -m pytest_comfygen.sketch`: the stand-in as a program."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pytest_comfygen.sketch.options import parse

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Serve until told to end.

    :returns: the exit code: 0 ended as told, 1 the address cannot be used, 2 a package is missing.
    """
    options = parse(argv)
    if find_spec("aiohttp") is None:
        sys.stderr.write("comfygen-sketch: aiohttp is not installed: pip install 'pytest-comfygen[sketch]'\n")
        return 2
    from pytest_comfygen.sketch.server import run  # noqa: PLC0415  # not before aiohttp is known to be there

    return run(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

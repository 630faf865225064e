"""`python -m pytest_comfygen.engine.supervise`: starts a server as told on standard input, and stays as long as it.

It writes one line to standard output, the server as JSON or what went wrong, and closes it.
The first process only starts a second one, so that the supervisor is no child of pytest's: nobody has to wait for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_comfygen.engine.supervise.state import OwnedServer


def main(argv: Sequence[str]) -> int:
    """Be the first process, or with `--stay` the second.

    :returns: the exit code: 0, or 1 when the server cannot be started.
    """
    if "--stay" not in argv:
        subprocess.Popen(  # noqa: S603  # this very program
            [sys.executable, "-P", "-m", str(__package__), "--stay"],
            start_new_session=True,
            creationflags=getattr(subprocess, "DETACHED_PROCESS", 0),
        )
        return 0
    from pytest_comfygen.engine.supervise.watch import Order, watch  # noqa: PLC0415  # the first process is in a hurry

    try:
        watch(Order.from_json(json.load(sys.stdin)), _announce)
    except OSError as error:
        _say({"error": f"{error.strerror}: {error.filename}" if error.filename else str(error)})
        return 1
    return 0


def _announce(server: OwnedServer) -> None:
    _say(server.as_json())
    # The reader waits for the end of the file.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

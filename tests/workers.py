"""Workers of the inner runs of pytest-xdist begin as copies of one process that has loaded what each would load again.

Loading is most of what a worker of a small run does. Where processes cannot be copied, they begin as xdist has it. Runs
in a process of their own are not touched: there, the beginning is the subject.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from unittest import mock

from execnet import gateway_base, gateway_io

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

__all__ = ["copied_workers"]

ROOT = Path(__file__).parents[1]


@contextmanager
def copied_workers() -> Iterator[None]:
    """In this process, xdist's workers begin as copies."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        yield
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.loaded"])

    def begin(args: list[str], execmodel: gateway_base.ExecModel) -> gateway_base.Popen2IO:
        with mock.patch.dict(os.environ, PYTHONPATH=str(ROOT)):
            forkserver.ensure_running()
        return CopiedIO(context, args, execmodel)

    with mock.patch.object(gateway_io, "Popen2IOMaster", begin):
        yield


class CopiedIO(gateway_base.Popen2IO):
    """The master's end of the pipes to a copy, as execnet has it for a new process."""

    def __init__(self, context: ForkServerContext, args: list[str], execmodel: gateway_base.ExecModel) -> None:
        its_input, to_it = os.pipe()
        from_it, its_output = os.pipe()
        ends = [End(one) for one in (its_input, its_output, 2)]
        self.process = context.Process(
            target=_work, args=(ends, args[-1], str(Path.cwd()), dict(os.environ)), daemon=True
        )
        self.process.start()
        os.close(its_input)
        os.close(its_output)
        super().__init__(os.fdopen(to_it, "wb"), os.fdopen(from_it, "rb"), execmodel=execmodel)

    def wait(self) -> int | None:
        """Wait for its end."""
        self.process.join()
        return self.process.exitcode

    def kill(self) -> None:
        """End it now."""
        self.process.kill()


@dataclass(frozen=True)
class End:
    """An open file that goes along to a process: what arrives there is its own number of it."""

    number: int

    def __reduce__(self) -> tuple[Callable[[Any], int], tuple[Any]]:
        return _arrived, (DupFd(self.number),)


def _arrived(end: Any) -> int:
    number: int = end.detach()
    return number


def _work(ends: list[int], program: str, directory: str, environment: dict[str, str]) -> None:
    """Be what `python -u -c program` is, with these ends of pipes."""
    for number, end in enumerate(ends):
        os.dup2(end, number)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin, sys.stdout, sys.stderr = _standard(0, "r"), _standard(1, "w"), _standard(2, "w")
    exec(program, {"__name__": "__main__"})  # noqa: S102  # execnet's own line


def _standard(number: int, mode: str) -> IO[Any]:
    return open(number, mode, encoding="utf-8", closefd=False)

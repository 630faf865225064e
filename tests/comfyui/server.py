"""What passes for ComfyUI, from its imports to its end: the stand-in, with ComfyUI's own habits and a test's tricks.

It runs in the environment that was installed, not in the test's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from aiohttp import web

from pytest_comfygen.sketch import server, shelf
from pytest_comfygen.sketch.actions import Bench, Made
from pytest_comfygen.sketch.catalogue import Catalogue, node_classes
from pytest_comfygen.sketch.execution import Executor, Interrupted
from pytest_comfygen.sketch.files import Folders
from pytest_comfygen.sketch.options import Options
from pytest_comfygen.sketch.routes import Api
from tests.comfyui.tricks import Tricks

PAUSE_S = 0.02
TRICKS = Tricks.of(os.environ)


def run(arguments: argparse.Namespace, checkout: Path) -> None:
    """Do what ComfyUI does after reading its flags, until a signal ends it.

    :raises ModuleNotFoundError: a trick.
    :raises OSError: the port is taken.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    TRICKS.note("start")
    if (module := TRICKS.text("lack-module")) is not None:
        __import__(module)
    load_custom_nodes(arguments, checkout)
    if arguments.quick_test_for_ci:
        return
    while TRICKS.text("hold-start") is not None:
        time.sleep(PAUSE_S)
    output = arguments.output_directory or checkout / "output"
    shutil.rmtree(output.parent / "temp", ignore_errors=True)
    options = Options(checkpoints=(), checkpoint_dirs=tuple(checkpoint_directories(arguments, checkout)), paint=False)
    print("Starting server", file=sys.stderr)  # noqa: T201  # a program of its own
    with socket.create_server((arguments.listen, arguments.port), backlog=128) as listener:
        print(f"To see the GUI go to: http://{arguments.listen}:{arguments.port}", file=sys.stderr)  # noqa: T201  # so
        TRICKS.note("ready")
        try:
            serve(options, listener, Folders.below(output.parent))
        except KeyboardInterrupt:
            print("\nStopped server", file=sys.stderr)  # noqa: T201  # so
            shutil.rmtree(output.parent / "temp", ignore_errors=True)


def serve(options: Options, listener: socket.socket, folders: Folders) -> None:
    """Run the stand-in, which does not say that it is one."""
    parts = mock.patch.multiple(server, Api=ComfyApi, Executor=TrickyExecutor)
    nodes = mock.patch.object(shelf, "node_classes", tricky_nodes)
    with parts, nodes, Path(os.devnull).open("w", encoding="utf-8") as nobody, redirect_stdout(nobody):
        asyncio.run(server.serve(options, listener, folders, asyncio.Event()))


class ComfyApi(Api):
    """The stand-in's API, but for what it says of itself."""

    async def system_stats(self, request: web.Request) -> web.Response:
        """As ComfyUI of the checkout's version answers."""
        answer = json.loads((await super().system_stats(request)).text or "")
        version = __import__("comfyui_version").__version__
        answer["system"] |= {"comfyui_version": version, "pytorch_version": "2.9.1+cpu"}
        del answer["system"]["comfygen_sketch"]
        return web.json_response(answer)


# --- jobs ------------------------------------------------------------------------------------------------------------

interrupted = threading.Event()


class TrickyExecutor(Executor):
    """An executor that also reaches a sampler which is being held."""

    def interrupt(self) -> None:
        """End the running prompt."""
        super().interrupt()
        interrupted.set()


def tricky_nodes(*arguments: Any, **options: Any) -> Catalogue:
    """The stand-in's nodes, with a sampler that a test can play tricks on."""
    nodes = node_classes(*arguments, **options)
    return {**nodes, "KSampler": replace(nodes["KSampler"], run=TrickySampler(nodes["KSampler"].run))}


class TrickySampler:
    """The stand-in's sampler, after what the test wants to happen in the middle of a job; in the worker's thread."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def __call__(self, bench: Bench, **inputs: Any) -> Made:
        """Sample.

        :raises Interrupted: somebody asked for it while the job was held.
        """
        about = inputs["positive"].text
        interrupted.clear()
        TRICKS.note("job", about)
        if TRICKS.takes("die-once", about) or TRICKS.concerns("die", about):
            os.kill(os.getpid(), signal.SIGKILL)
        if TRICKS.takes("wedge-once", about):
            threading.Event().wait()
        while TRICKS.concerns("hold", about):
            if interrupted.wait(PAUSE_S):
                raise Interrupted
        made: Made = self._run(bench, **inputs)
        return made


# --- nodes and models -------------------------------------------------------------------------------------------------


def load_custom_nodes(arguments: argparse.Namespace, checkout: Path) -> None:
    """Run the custom nodes that the flags allow; one that fails is logged, as ComfyUI logs it."""
    for directory in sorted((checkout / "custom_nodes").glob("*/")):
        if arguments.disable_all_custom_nodes and directory.name not in arguments.whitelist_custom_nodes:
            continue
        try:
            exec((directory / "__init__.py").read_text(encoding="utf-8"), {})  # noqa: S102  # as ComfyUI does
        except Exception:  # noqa: BLE001  # as ComfyUI does: whatever a node does wrong
            traceback.print_exc()
            print(f"   0.0 seconds (IMPORT FAILED): {directory}", file=sys.stderr)  # noqa: T201  # a program of its own


def checkpoint_directories(arguments: argparse.Namespace, checkout: Path) -> Iterator[Path]:
    """Where checkpoints lie. Source: ComfyUI 0.3.64 utils/extra_config.py."""
    yield checkout / "models" / "checkpoints"
    named = (path for paths in arguments.extra_model_paths_config for path in paths)
    files = [checkout / "extra_model_paths.yaml", *named]
    for file in files:
        if file.is_file():
            sections: Mapping[str, Mapping[str, str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
            for section in sections.values():
                base = file.parent / section.get("base_path", "")
                yield from (base / line for line in section.get("checkpoints", "").splitlines())

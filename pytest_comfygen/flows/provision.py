"""Which server makes the pictures of this run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from pytest_comfygen.engine.client import ComfyClient, Patience
from pytest_comfygen.engine.journal import discard, leftovers
from pytest_comfygen.engine.server import sketch_server
from pytest_comfygen.errors import MachineError, NoServer
from pytest_comfygen.records import ServerInfo
from pytest_comfygen.settings import Settings

__all__ = ["DEFAULT_URL", "clean_up_leftovers", "connect", "serving"]

DEFAULT_URL = "http://127.0.0.1:8188"

_HOW_TO_GET_ONE = (
    "start ComfyUI (python main.py), name a running one with --comfy-url, or draw placeholders with --comfy-sketch"
)


@contextmanager
def serving(
    settings: Settings, logs: Path, environment: Mapping[str, str], *, default_url: str = DEFAULT_URL
) -> Iterator[ServerInfo]:
    """A server that answers: the stand-in when sketching, the one that settings name, or what runs at the default.

    :param logs: directory for the log of a server that we start; made when needed.
    :raises MachineError: there is none, or what answers is not ComfyUI.
    """
    if settings.sketch:
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"sketch-{os.getpid()}.log"
        with sketch_server(log, environment, timeout_s=settings.start_timeout) as url:
            yield replace(connect(url, settings), owned=True)
    elif settings.url:
        yield _first_that_answers(settings)
    else:
        yield _already_running(default_url, settings)


def connect(url: str, settings: Settings, patience: Patience | None = None) -> ServerInfo:
    """Ask the server at `url` who it is.

    :raises MachineError: nothing answers there, or it is not ComfyUI.
    """
    with ComfyClient(url, silence_s=settings.timeout, patience=patience) as client:
        return client.server_info()


def clean_up_leftovers(journals: Path, client: ComfyClient) -> None:
    """Take out of the server's queue what processes that died had put there."""
    open_ids = leftovers(journals).get(client.url, ())
    if open_ids:
        client.forget(open_ids)
        discard(journals, open_ids)


def _first_that_answers(settings: Settings) -> ServerInfo:
    """The first of the named servers; the error of the last when none answers."""
    *others, last = settings.url
    for url in others:
        with suppress(MachineError):
            return connect(url, settings, Patience(attempts=1))
    return connect(last, settings)


def _already_running(url: str, settings: Settings) -> ServerInfo:
    try:
        return connect(url, settings, Patience(attempts=1))
    except MachineError as error:
        raise NoServer(
            f"no ComfyUI server: none was named, and {url} does not answer as one",
            details=(error.message,),
            hint=_HOW_TO_GET_ONE,
        ) from None

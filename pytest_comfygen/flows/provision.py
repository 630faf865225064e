"""Which server makes the pictures of this run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from pytest_comfygen.engine.client import ComfyClient, Patience
from pytest_comfygen.engine.client.address import normal_url
from pytest_comfygen.engine.journal import discard, leftovers
from pytest_comfygen.engine.server import sketch_server
from pytest_comfygen.errors import MachineError, NoServer
from pytest_comfygen.records import ServerInfo
from pytest_comfygen.settings import Settings

__all__ = ["DEFAULT_URL", "authorization_for", "clean_up_leftovers", "open_client", "serving"]

DEFAULT_URL = "http://127.0.0.1:8188"

_HOW_TO_GET_ONE = (
    "start ComfyUI (python main.py), name a running one with --comfy-url, or draw placeholders with --comfy-sketch"
)


@contextmanager
def serving(
    settings: Settings, logs: Callable[[], Path], environment: Mapping[str, str], *, default_url: str = DEFAULT_URL
) -> Iterator[ServerInfo]:
    """A server that answers: the stand-in when sketching, the one that settings name, or what runs at the default.

    :param logs: gives the directory for the log of a server that we start, which is made only then.
    :raises MachineError: there is none, or what answers is not ComfyUI.
    """
    if settings.sketch:
        log = logs() / f"sketch-{os.getpid()}.log"
        with sketch_server(log, environment, timeout_s=settings.start_timeout) as url:
            yield replace(_ask(open_client(url, settings, {})), owned=True)
        log.unlink(missing_ok=True)  # it ended well, so nobody will ask
    elif settings.url:
        yield _first_that_answers(settings, environment)
    else:
        yield _already_running(default_url, settings)


def open_client(
    url: str, settings: Settings, environment: Mapping[str, str], patience: Patience | None = None
) -> ComfyClient:
    """A client of the server at `url`."""
    authorization = authorization_for(url, settings, environment)
    return ComfyClient(url, silence_s=settings.timeout, authorization=authorization, patience=patience)


def authorization_for(url: str, settings: Settings, environment: Mapping[str, str]) -> str | None:
    """`COMFYGEN_AUTH`, for the one server that the settings name and for no other."""
    named = [normal_url(one) for one in settings.url] == [normal_url(url)]
    return environment.get("COMFYGEN_AUTH") or None if named else None


def _ask(client: ComfyClient) -> ServerInfo:
    """Who answers there, if anybody does."""
    with client:
        return client.server_info()


def clean_up_leftovers(journals: Path, client: ComfyClient) -> None:
    """Take out of the server's queue what processes that died had put there."""
    open_ids = leftovers(journals).get(client.url, ())
    if open_ids:
        client.forget(open_ids)
        discard(journals, open_ids)


def _first_that_answers(settings: Settings, environment: Mapping[str, str]) -> ServerInfo:
    """The first of the named servers; the error of the last when none answers."""
    *others, last = settings.url
    for url in others:
        with suppress(MachineError):
            return _ask(open_client(url, settings, environment, Patience(attempts=1)))
    return _ask(open_client(last, settings, environment))


def _already_running(url: str, settings: Settings) -> ServerInfo:
    try:
        return _ask(open_client(url, settings, {}, Patience(attempts=1)))
    except MachineError as error:
        raise NoServer(
            f"no ComfyUI server: none was named, and {url} does not answer as one",
            details=(error.message,),
            hint=_HOW_TO_GET_ONE,
        ) from None

"""Clients for servers, and the first thing that is asked of a server that dead runs have used."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path

from pytest_comfygen.engine.client import ComfyClient, Patience
from pytest_comfygen.engine.client.address import normal_url, origin_of
from pytest_comfygen.engine.journal import discard, leftovers
from pytest_comfygen.engine.server import is_gone
from pytest_comfygen.errors import MachineError
from pytest_comfygen.records import ServerInfo
from pytest_comfygen.settings import Settings

__all__ = ["authorization_for", "clean_up_leftovers", "first_that_answers", "open_client", "server_at"]


def open_client(
    url: str, settings: Settings, environment: Mapping[str, str], patience: Patience | None = None
) -> ComfyClient:
    """A client of the server at `url`."""
    authorization = authorization_for(url, settings, environment)
    return ComfyClient(url, silence_s=settings.timeout, authorization=authorization, patience=patience)


def authorization_for(url: str, settings: Settings, environment: Mapping[str, str]) -> str | None:
    """What `COMFYGEN_AUTH` says for the server at `url`, if the settings name it.

    That is all of it for the only one, and of several what follows the server's own address.
    """
    given = environment.get("COMFYGEN_AUTH")
    named = [normal_url(one) for one in settings.url]
    if not given or normal_url(url) not in named:
        return None
    entries = _by_origin(given)
    if entries is not None:
        return entries.get(origin_of(url))
    return given if len({origin_of(one) for one in named}) == 1 else None


def _by_origin(given: str) -> dict[str, str] | None:
    """The values by server, when each stands in a line after its server's address."""
    lines = [line.strip() for line in given.splitlines() if line.strip()]
    if not all(line.startswith(("http://", "https://")) for line in lines):
        return None
    parts = (line.partition(" ") for line in lines)
    return {origin_of(url): value.strip() for url, _, value in parts}


def server_at(
    url: str, settings: Settings, environment: Mapping[str, str], patience: Patience | None = None
) -> ServerInfo:
    """Who answers at `url`.

    :raises MachineError: nobody does, or it is not ComfyUI.
    """
    with open_client(url, settings, environment, patience) as client:
        return client.server_info()


def first_that_answers(settings: Settings, environment: Mapping[str, str], worker: int = 0) -> ServerInfo:
    """One of the servers that the settings name.

    :param worker: the number of this process among those of the run; each prefers another server.
    :raises MachineError: none answers; the error is that of the last one.
    """
    urls = settings.url
    preferred = worker % len(urls)
    *others, last = (*urls[preferred:], *urls[:preferred])
    for url in others:
        with suppress(MachineError):
            return server_at(url, settings, environment, Patience(attempts=1))
    return server_at(last, settings, environment)


def clean_up_leftovers(journals: Path, client: ComfyClient) -> None:
    """Take out of the server's queue what processes that died had put there.

    What they had put into the queues of servers that are gone, such as those of ours that ended with them, is over.
    """
    found = leftovers(journals)
    if open_ids := found.get(client.url, ()):
        client.forget(open_ids)
    over = (open_ids for url, open_ids in found.items() if url == client.url or is_gone(url))
    discard(journals, tuple(chain.from_iterable(over)))  # also the journals with nothing left in them

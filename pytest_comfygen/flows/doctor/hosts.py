"""What the hosts of models say to those that are missing, each host asked beside the others and for a few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Thread
from urllib.parse import urlsplit

from pytest_comfygen.engine.download import Access, Offer, Patience, ask_host
from pytest_comfygen.errors import DownloadFailed
from pytest_comfygen.records import Model

__all__ = ["ask_hosts", "host_of"]

_BRIEF = Patience(tries=1, connect_s=2.0, silence_s=4.0)


def ask_hosts(
    models: Iterable[Model], access: Access, *, limit_s: float, clock: Callable[[], float] = time.monotonic
) -> Mapping[Model, Offer]:
    """What each model's host offers.

    A host that does not answer is not asked for its other models; they get the same answer.

    :param models: each with its url.
    :param limit_s: for all of them together.
    """
    by_host: dict[str, list[Model]] = {}
    for model in models:
        by_host.setdefault(host_of(model), []).append(model)
    offers: dict[Model, Offer] = {}
    # Daemons, because looking up a name cannot be broken off, and the end of the process would wait for it.
    threads = [Thread(target=_ask, args=(group, access, offers), daemon=True) for group in by_host.values()]
    ends_at = clock() + limit_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(ends_at - clock(), 0))
    told = dict(offers)
    silent = {host: DownloadFailed(f"{host} does not answer within {limit_s:g} s") for host in by_host}
    return {model: told.get(model, Offer(refusal=silent[host])) for host, group in by_host.items() for model in group}


def host_of(model: Model) -> str:
    """The host that has a model."""
    return urlsplit(model.url or "").hostname or "its host"


def _ask(models: list[Model], access: Access, offers: dict[Model, Offer]) -> None:
    for number, model in enumerate(models):
        offers[model] = offer = ask_host(model, access, patience=_BRIEF)
        if isinstance(offer.refusal, DownloadFailed):
            offers.update(dict.fromkeys(models[number:], offer))
            return

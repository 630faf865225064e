"""Several servers share the images of a run: which of them makes what, as one process of the run sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pytest_comfygen.engine.client.address import normal_url
from pytest_comfygen.errors import MachineError
from pytest_comfygen.flows.loading import loads_of
from pytest_comfygen.flows.premises import Premises
from pytest_comfygen.records import Job

__all__ = ["Pool", "pool_of"]

SWITCH = 0.5  # what other models cost, in jobs that wait: a server that is idle is better than one that is at work


class Pool:
    """The servers, each fed by one process where there are as many of those, so that no two wait for the same one.

    A process keeps to its own share of them. It asks others only for what its own cannot make, or when they are gone.

    :param urls: in the order of the settings.
    :param worker: the number of this process, from 0.
    :param workers: how many processes there are.
    """

    def __init__(self, urls: Sequence[str], worker: int = 0, workers: int = 1) -> None:
        first = worker % len(urls)
        self._share = tuple(urls[worker::workers]) or (urls[first],)
        self._others = tuple(url for url in (*urls[first:], *urls[:first]) if url not in self._share)
        self._loaded: dict[str, object] = {}
        self._lost: dict[str, MachineError] = {}

    @property
    def share(self) -> list[str]:
        """The servers that this process feeds."""
        return list(self._left(self._share))

    def __len__(self) -> int:
        return len(self._share) + len(self._others)

    def __contains__(self, url: str) -> bool:
        return url in self._share or url in self._others

    def for_job(self, job: Job, waiting: Callable[[str], int]) -> Iterator[str]:
        """The servers to try for a job, the best first: with its models loaded, and little to do.

        :param waiting: how many jobs of this process a server has.
        """
        yield from self.own(job, waiting)
        yield from self._left(self._others)

    def own(self, job: Job, waiting: Callable[[str], int]) -> list[str]:
        """The servers of this process' share, the best for a job first."""
        return sorted(self._left(self._share), key=lambda url: self._cost(url, job, waiting))

    def note(self, url: str, job: Job) -> None:
        """A server was given a job."""
        self._loaded[url] = loads_of(job)[0]

    def leave_out(self, url: str, why: MachineError) -> None:
        """A server failed; its jobs go elsewhere from now on."""
        self._lost[url] = why

    @property
    def last_failure(self) -> MachineError:
        """Why the last server was left out."""
        return [*self._lost.values()][-1]

    def _left(self, urls: Sequence[str]) -> Iterator[str]:
        return (url for url in urls if url not in self._lost)

    def _cost(self, url: str, job: Job, waiting: Callable[[str], int]) -> float:
        return waiting(url) + (SWITCH if self._loaded.get(url) != loads_of(job)[0] else 0)


def pool_of(premises: Premises) -> Pool | None:
    """The servers that the settings name, when they are several."""
    urls = tuple(dict.fromkeys(map(normal_url, premises.settings.url)))
    if len(urls) < 2 or premises.settings.sketch:  # noqa: PLR2004  # one is no pool
        return None
    return Pool(urls, premises.worker, premises.workers)

"""Where a process of the run makes pictures: premises, machine, models and servers, for one set of settings.

The settings are nearly always those of the session; a `conftest.py` that overrides `comfy_settings` has a desk of its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_comfygen.records import Job, ServerInfo

if TYPE_CHECKING:
    import pytest

    from pytest_comfygen.engine.client import ComfyClient
    from pytest_comfygen.engine.install import Install
    from pytest_comfygen.flows.models import Models
    from pytest_comfygen.flows.pictures import Pictures
    from pytest_comfygen.flows.plan import Judge, Plan
    from pytest_comfygen.flows.premises import Premises
    from pytest_comfygen.flows.provision import Machine
    from pytest_comfygen.outputs.store import Store
    from pytest_comfygen.plugin.servers import Servers

__all__ = ["Desk", "Judges"]


class Judges(NamedTuple):
    """Who judges a new picture besides its own checks: what other items show, and the external scorer."""

    pictures: Pictures
    score: Judge


class Desk:
    """What making pictures needs, each part loaded when it is first used: a run in which all is current must not pay.

    :param plan: what has to be done for a job.
    :param store: the outputs of one repository.
    :param judges: who judges a new picture besides its own checks.
    """

    def __init__(
        self,
        premises: Premises,
        plan: Callable[[Job], Plan],
        store: Callable[[Path], Store],
        judges: Callable[[], Judges],
    ) -> None:
        self.premises = premises
        self._judges = judges
        self._plan = plan
        self._store = store
        self._machine: Machine | None = None
        self._models: Models | None = None
        self._servers: Servers | None = None

    @property
    def machine(self) -> Machine:
        """The ComfyUI of this process."""
        if self._machine is None:
            from pytest_comfygen.flows.provision import Machine  # noqa: PLC0415  # as the class says

            self._machine = Machine(self.premises)
        return self._machine

    @property
    def models(self) -> Models:
        """The weights files of this machine."""
        if self._models is None:
            from pytest_comfygen.flows.models import Models  # noqa: PLC0415  # as the class says

            self._models = Models(self.premises)
        return self._models

    @property
    def servers(self) -> Servers:
        """The part that talks to servers."""
        if self._servers is None:
            from pytest_comfygen.plugin.servers import Servers  # noqa: PLC0415  # as the class says

            judges = self._judges()
            self._servers = Servers(self.premises, self.machine, self.models, self._plan, self._store, judges=judges)
        return self._servers

    @contextmanager
    def serving(self, request: pytest.FixtureRequest) -> Iterator[ServerInfo]:
        """The run's server, with the models of all selected images."""
        from pytest_comfygen.plugin.collect import is_wanted_by_tests, jobs_of  # noqa: PLC0415  # as the class says

        def install() -> Install:
            found: Install = request.getfixturevalue("comfy_install")
            return found

        self.servers.clients.equip(jobs_of(request.session), install, for_tests=is_wanted_by_tests(request.session))
        with self.machine.serving(install) as server:
            yield server

    def client_of(self, server: ServerInfo) -> ComfyClient:
        """A client of the run's server."""
        from pytest_comfygen.flows.contact import open_client  # noqa: PLC0415  # as the class says

        return open_client(server.url, self.premises.settings, self.premises.environment)

    def withdraw(self) -> None:
        """Take back what was sent to servers and nobody asks for any more."""
        if self._servers is not None:
            self._servers.withdraw()

    def close(self) -> None:
        """Close clients, servers and the journal."""
        if self._servers is not None:
            self._servers.close()

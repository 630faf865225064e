"""`--comfy-plan`: in place of the run, what it would do and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen.plugin.commands import write
from pytest_comfygen.plugin.reporting import work_alone
from pytest_comfygen.plugin.session import Session

if TYPE_CHECKING:
    from pytest_comfygen.records import RunPlan

__all__ = ["Planning"]


class Planning:
    """Takes the place of the loop that runs the items."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self._config = config
        self._session = session
        self._unusable: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Look at everything in this process, and with `--comfy-json` say nothing else than that."""
        work_alone(config)
        if self._session.settings.json:
            config.option.verbose, config.option.no_summary = -2, True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self._unusable[report.nodeid] = report.longreprtext

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Tell, and run nothing."""
        write(self._lines(self._plan(session)))
        return True

    def _plan(self, session: pytest.Session) -> RunPlan:
        from pytest_comfygen.plugin.collect import jobs_of  # noqa: PLC0415  # loaded already, or there are no images

        return self._session.work.look_ahead(jobs_of(session))

    def _lines(self, plan: RunPlan) -> Iterator[str]:
        from pytest_comfygen.outputs.runplan import plan_json, plan_lines  # noqa: PLC0415  # as the plan itself

        if self._session.settings.json:
            yield plan_json(plan, self._unusable)
        else:
            yield ""
            settings = self._session.settings
            asks_itself = any(settings.was_typed(one) for one in ("update", "adopt", "reroll", "resume"))
            instead = "" if asks_itself else "--comfy-update stale"
            yield from plan_lines(plan, everything=self._config.option.verbose > 0, instead=instead)

"""The front door: pytest's hooks, each a guard and one call. Light, because every pytest run imports it."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen import hookspecs
from pytest_comfygen.plugin.asked import is_job_file
from pytest_comfygen.plugin.fixtures import comfy_client, comfy_generate, comfy_install, comfy_server, comfy_settings
from pytest_comfygen.plugin.options import add_options, keep_bytecode_to_ourselves
from pytest_comfygen.plugin.reporting import watch
from pytest_comfygen.plugin.session import close_session, open_session, session_of

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScheduling
    from xdist.workermanage import WorkerController

    from pytest_comfygen.plugin.collect import ComfyFile

__all__ = ["comfy_client", "comfy_generate", "comfy_install", "comfy_server", "comfy_settings"]


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Tell pytest of our hooks."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the table of options."""
    add_options(parser)


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """The doctor changes nothing, not even by importing a `conftest.py`."""
    if early_config.known_args_namespace.comfy_doctor:
        keep_bytecode_to_ourselves(early_config)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Do what is done instead of a test run, when that is asked for."""
    option = config.option
    if not (option.comfy_doctor or option.comfy_stop or option.comfy_schema or option.comfy_json):
        return None
    from pytest_comfygen.plugin.commands import run_command  # noqa: PLC0415  # a test run must not pay

    return run_command(config)


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run."""
    config.addinivalue_line("markers", "comfygen: an image of a comfyjob file")
    watch(config, open_session(config))


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run."""
    close_session(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Send the session to an xdist worker."""
    session_of(node.config).send(node.workerinput)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Say how many workers a run of images is worth."""
    from pytest_comfygen.plugin.sharing import workers_for  # noqa: PLC0415  # nobody need have xdist loaded

    return workers_for(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer | None) -> LoadScheduling | None:
    """Have images handed out one by one."""
    from pytest_comfygen.plugin.sharing import scheduler  # noqa: PLC0415  # as above

    return scheduler(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave ComfyUI's own checkout and environment alone."""
    return True if collection_path in session_of(config).comfy_dirs else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ComfyFile | None:
    """Open a job file when this run asks for it."""
    if not is_job_file(file_path):
        return None
    from pytest_comfygen.plugin.selection import opened  # noqa: PLC0415  # a run without job files must not pay

    return opened(file_path, parent)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Leave out the images that this run does not ask for, and see to those that no job names."""
    if session_of(session.config).asked.nothing:
        return
    from pytest_comfygen.plugin.selection import select  # noqa: PLC0415  # a run without job files must not pay

    select(session, items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show an error that we mean as its text, and a skipped image at its place."""
    report = yield
    if call.excinfo is not None:
        from pytest_comfygen.plugin.terminal import retell  # noqa: PLC0415  # tests that pass must not pay

        retell(report, call.excinfo.value, item)
    return report


def pytest_report_teststatus(
    report: pytest.TestReport | pytest.CollectReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Show our word for an image that passed."""
    if not getattr(report, "user_properties", None):
        return None
    from pytest_comfygen.plugin.terminal import word_of  # noqa: PLC0415  # a run without images must not pay

    return word_of(report)

"""What is done instead of a test run: the doctor is asked, kept servers are stopped, or the schema is written.

No Python test is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from pytest_comfygen.errors import SettingsConflict, SettingsError
from pytest_comfygen.flows.doctor import Commands, Selection, Visit, diagnose, diagnose_without_settings
from pytest_comfygen.flows.doctor.words import as_json, as_lines
from pytest_comfygen.flows.stop import stop_servers, stopping_lines
from pytest_comfygen.plugin.asked import is_job_file
from pytest_comfygen.plugin.jobfiles import job_files
from pytest_comfygen.plugin.mistaken import refuse_strange_root, settle_json
from pytest_comfygen.plugin.options import read_settings, usage_error
from pytest_comfygen.plugin.schema import write_schema
from pytest_comfygen.plugin.session import comfy_dirs, repository_of
from pytest_comfygen.records import Environment
from pytest_comfygen.settings import Settings, resolve

__all__ = ["run_command", "write"]


def run_command(config: pytest.Config) -> int | None:
    """Do what was asked for.

    :returns: the exit code; None when pytest goes on, with a run or to show its help.
    :raises pytest.UsageError: two commands at once, or a path that is not there.
    """
    option = config.option
    if option.help or option.version:
        return None
    if option.comfy_json:
        settle_json(config)
    if not (option.comfy_doctor or option.comfy_stop or option.comfy_schema):
        return None
    _drop_what_others_printed(config)
    commands = {"--comfy-doctor": _examine, "--comfy-stop": _stop, "--comfy-schema": write_schema}
    asked = (option.comfy_doctor, option.comfy_stop, option.comfy_schema)
    typed = [name for name, is_asked in zip(commands, asked, strict=True) if is_asked]
    if len(typed) > 1:
        raise usage_error(SettingsConflict(f"{' and '.join(typed)}: one after the other"))
    if option.comfy_json and not option.comfy_doctor:
        raise usage_error(SettingsConflict(f"--comfy-json does not go with {typed[0]}"))
    return commands[typed[0]](config)


def _drop_what_others_printed(config: pytest.Config) -> None:
    """What `conftest.py` files printed while they were imported, pytest would write in the end."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.read_global_capture()


def _stop(config: pytest.Config) -> int:
    refuse_strange_root(config, read_settings(config))  # a command line with a mistake does nothing
    servers = stop_servers(repository_of(config))
    write(stopping_lines(servers))
    return int(any(server.problem for server in servers))


def _examine(config: pytest.Config) -> int:
    try:
        settings = resolve(config.getoption, os.environ, config.getini)
    except SettingsError as error:
        diagnosis = diagnose_without_settings(error, Environment(os.environ))
    else:
        diagnosis = diagnose(_visit(config, settings))
    write([as_json(diagnosis)] if config.option.comfy_json else as_lines(diagnosis))
    return int(pytest.ExitCode.OK if diagnosis.is_ready else pytest.ExitCode.TESTS_FAILED)


def _visit(config: pytest.Config, settings: Settings) -> Visit:
    refuse_strange_root(config, settings)
    root = repository_of(config)
    typed = tuple(config.args) if config.args_source is config.ArgsSource.ARGS else ()
    return Visit(
        settings=settings,
        root=root,
        otherwise=config.rootpath,
        selection=_selection(config, typed, comfy_dirs(config, root, settings)),
        commands=Commands.of(settings, typed),
        environment=Environment(os.environ),
    )


def _selection(config: pytest.Config, typed: tuple[str, ...], ours: tuple[Path, ...]) -> Selection:
    """The job files that were named by themselves, by node ids or by directories; with none named, all there are."""
    selection: dict[Path, frozenset[str] | None] = {}
    for argument in typed or (str(config.rootpath),):
        name, _, item = argument.partition("::")
        path = Path(os.path.normpath(config.invocation_params.dir / name))
        if not path.exists():
            raise pytest.UsageError(f"file or directory not found: {argument}")
        if path.is_dir():
            selection |= dict.fromkeys(sorted(job_files(path, config, ours, at_most=sys.maxsize)))
        elif is_job_file(path):
            before = selection.get(path, frozenset())
            selection[path] = None if before is None or not item else before | {item}
    return selection


def write(lines: Iterable[str]) -> None:
    """Write lines to standard output, which may not have all characters."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    for line in lines:
        sys.stdout.write(f"{line}\n".encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()

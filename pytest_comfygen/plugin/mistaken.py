"""Settings that fit by themselves, and not this run: slips of the pen are told before anything is made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_comfygen.errors import SettingsConflict, SettingsError
from pytest_comfygen.plugin.options import usage_error
from pytest_comfygen.plugin.session import remade, start_of
from pytest_comfygen.settings import Settings

__all__ = ["refuse_mistaken", "refuse_strange_root", "settle_json"]


def refuse_mistaken(config: pytest.Config, root: Path, settings: Settings) -> None:
    """Refuse what cannot be meant, before anything is made.

    :raises pytest.UsageError: there is such a thing.
    """
    refuse_strange_root(config, settings)
    _refuse_paths(root, settings)
    if settings.resume and remade(root, "").is_empty:
        hint = "--comfy-update all begins anew; without either, only what is not current is made"
        raise usage_error(SettingsError("--comfy-resume: no --comfy-update all was interrupted here", hint=hint))


def refuse_strange_root(config: pytest.Config, settings: Settings) -> None:
    """Refuse to run when pytest took the value of an option of ours for the place of the tests.

    :raises pytest.UsageError: so it is; pytest's configuration and the ids of items would be another project's.
    """
    if start_of(config).is_relative_to(config.rootpath):
        return
    single = ("dir", "repo", "constraints", "schema", "json", "summary")
    named = [(name, getattr(settings, name)) for name in single]
    named += [("models-dir", one) for one in settings.models_dir]
    for name, value in named:
        path = config.invocation_params.dir / (value or "")
        if value and path.exists() and path.resolve().is_relative_to(config.rootpath.resolve()):
            told = f"pytest took {value}, the value of --comfy-{name}, for the tests' directory"
            raise usage_error(SettingsError(told, hint=f"write it with an equals sign: --comfy-{name}={value}"))


def _refuse_paths(root: Path, settings: Settings) -> None:
    """Refuse paths that cannot be meant, before anything is made: a slip of the pen would be a directory of downloads.

    :raises pytest.UsageError: there is one.
    """
    wrong = [("models_dir", f"{name} is no directory") for name in settings.models_dir if not (root / name).is_dir()]
    if settings.constraints and not (root / settings.constraints).is_file():
        wrong.append(("constraints", f"{settings.constraints} is no file"))
    if root.is_relative_to((root / settings.dir).resolve()):
        wrong.append(("dir", f"{settings.dir} holds the repository itself"))
    for name, what in wrong:
        hint = "correct the path, which is relative to the repository"
        raise usage_error(SettingsError(f"{settings.sources[name]}: {what}", hint=hint))


def settle_json(config: pytest.Config) -> None:
    """Leave `--comfy-json` the file that was written to it with `=`; any other word after it is a place of tests.

    A doctor or a plan tells standard output, and was asked for by the bare word before a run could be.

    :raises pytest.UsageError: a file is missing, or there is one too many.
    """
    option = config.option
    if option.comfy_json != "-" and not _is_attached("--comfy-json", config):
        given = config.args if config.args_source is config.ArgsSource.ARGS else []
        config.args[:], option.comfy_json = [*given, option.comfy_json], "-"
        config.args_source = config.ArgsSource.ARGS
    tells_at_once = option.comfy_doctor or option.comfy_plan
    if tells_at_once and option.comfy_json != "-":
        told = "--comfy-json writes to standard output with --comfy-doctor or --comfy-plan"
        raise usage_error(SettingsConflict(told, hint="leave out its file"))
    if not (tells_at_once or option.comfy_stop or option.comfy_schema) and option.comfy_json == "-":
        told = "--comfy-json goes with --comfy-doctor or --comfy-plan, or in a run with a file"
        raise usage_error(SettingsConflict(told, hint="write it with an equals sign: --comfy-json=FILE"))


def _is_attached(flag: str, config: pytest.Config) -> bool:
    """Whether an option's value was written to it with `=`, which `argparse` does not tell."""
    words = (*config.invocation_params.args, *config.getini("addopts"), *os.environ.get("PYTEST_ADDOPTS", "").split())
    return any(word.startswith(f"{flag}=") for word in words)

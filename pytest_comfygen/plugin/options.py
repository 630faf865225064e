"""The table of options as pytest's command line and ini options, and back."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from pytest_comfygen import errors
from pytest_comfygen.plugin.asked import typed_words
from pytest_comfygen.settings import OPTIONS, Option, Settings, resolve

__all__ = ["add_options", "keep_bytecode_to_ourselves", "read_settings", "settle_json", "usage_error"]


def add_options(parser: pytest.Parser) -> None:
    """Add each row to `--help` and to the ini options."""
    group = parser.getgroup("comfygen", "images made with ComfyUI (pytest-comfygen)")
    for option in OPTIONS:
        group.addoption(option.flag, dest=option.ini, default=None, help=option.help, **_argparse_kind(option))
        if option.kind == "flag":
            for choice in option.choices:  # spelled out, or `--comfy-download jobs/` would take the path for its value
                spelling, told = f"{option.flag}={choice}", f"as {option.flag}, and {choice} ones too"
                group.addoption(spelling, dest=option.ini, action="store_const", const=choice, help=told)
        if not option.is_command:
            ini_kind: Any = "linelist" if option.kind in ("lines", "urls", "commands") else "string"
            parser.addini(option.ini, f"{option.help} ({option.flag}, {option.env})", type=ini_kind, default=None)


def _argparse_kind(option: Option) -> dict[str, Any]:
    match option.kind:
        case "flag":
            return {"action": "store_true"}
        case "lines" | "urls" | "commands":
            return {"action": "append", "metavar": option.metavar}
        case "choice":
            return {"choices": option.choices}
        case "file":
            return {"nargs": "?", "const": option.alone, "metavar": option.metavar}
        case _:
            return {"metavar": option.metavar}


def read_settings(config: pytest.Config) -> Settings:
    """The settings of this run.

    :raises pytest.UsageError: a value cannot be used, wherever it was set.
    """
    typed = {word.partition("=")[0] for word in typed_words(config)}
    unasked = {option.ini for option in OPTIONS if option.asks and option.is_command and option.flag not in typed}

    def typed_only(name: str) -> Any:  # noqa: ANN401  # pytest's own
        """What takes the place of a run, or gives it a direction, counts when it was typed, and not in `addopts`."""
        return None if name in unasked else config.getoption(name)

    try:
        return resolve(typed_only, os.environ, config.getini)
    except errors.SettingsError as error:
        raise usage_error(error) from None


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
        raise usage_error(errors.SettingsConflict(told, hint="leave out its file"))
    if not (tells_at_once or option.comfy_stop or option.comfy_schema) and option.comfy_json == "-":
        told = "--comfy-json goes with --comfy-doctor or --comfy-plan, or in a run with a file"
        raise usage_error(errors.SettingsConflict(told, hint="write it with an equals sign: --comfy-json=FILE"))


def _is_attached(flag: str, config: pytest.Config) -> bool:
    """Whether an option's value was written to it with `=`, which `argparse` does not tell."""
    words = (*config.invocation_params.args, *config.getini("addopts"), *os.environ.get("PYTEST_ADDOPTS", "").split())
    return any(word.startswith(f"{flag}=") for word in words)


def usage_error(error: errors.ComfygenError) -> pytest.UsageError:
    """What we mean, as what ends a run before it begins."""
    hint = f"\nhint: {error.hint}" if error.hint else ""
    return pytest.UsageError(f"[{error.code}] {error}{hint}")


def keep_bytecode_to_ourselves(config: pytest.Config) -> None:
    """Have Python write no `__pycache__` for as long as this run lasts."""
    before = sys.dont_write_bytecode

    def restore() -> None:
        sys.dont_write_bytecode = before

    sys.dont_write_bytecode = True
    config.add_cleanup(restore)

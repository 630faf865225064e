"""The table of options as pytest's command line and ini options, and back."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_comfygen.plugin.asked import typed_words
from pytest_comfygen.settings import OPTIONS, Option, Settings, is_set, resolve

if TYPE_CHECKING:
    from pytest_comfygen.errors import ComfygenError

__all__ = ["add_options", "keep_bytecode_to_ourselves", "read_settings", "usage_error"]


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

    if not is_set(typed_only, os.environ, config.getini):
        return Settings()
    from pytest_comfygen import errors  # noqa: PLC0415  # a run without settings must not pay

    try:
        return resolve(typed_only, os.environ, config.getini)
    except errors.SettingsError as error:
        raise usage_error(error) from None


def usage_error(error: ComfygenError) -> pytest.UsageError:
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

"""Every row of the table answered from its four spellings, and what contradicts each other refused.

Loaded only when something is set, since every run of pytest would pay for it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pytest_comfygen.errors import SettingsConflict, SettingsError
from pytest_comfygen.settings import COMMAND_LINE, OPTIONS, Settings, is_ci
from pytest_comfygen.settings.option import Kind, Option

__all__ = ["answered"]

_MOST = 10_000


class _Found(NamedTuple):
    """A value and where it was found; a lower rank wins."""

    value: Any
    source: str
    rank: int


def answered(
    command_line: Callable[[str], object], environment: Mapping[str, str], ini: Callable[[str], object]
) -> Settings:
    """The settings; the arguments and the errors are those of `resolve`."""
    ci = is_ci(environment)
    found = {option.name: _find(option, command_line, environment, ini, ci=ci) for option in OPTIONS}
    _settle_contradictions(found)
    found["update"] = _update(found["update"], found["check"])
    if found["prompt"].value:
        found |= _for_prompts(found)
    for name in _ALONE:
        if found[name].value:
            found |= _on_its_own(name, found)
    return Settings(
        **{name: one.value for name, one in found.items()},
        ci=ci,
        sources={name: one.source for name, one in found.items() if one.source != "default"},
    )


def _find(
    option: Option,
    command_line: Callable[[str], object],
    environment: Mapping[str, str],
    ini: Callable[[str], object],
    *,
    ci: bool,
) -> _Found:
    found = [
        _Found(_READERS[option.kind](option, value, source), source, rank)
        for rank, (value, source) in enumerate(_places(option, command_line, environment, ini))
        if value is not None and value != []
    ]
    if found and option.adds_up:
        return found[0]._replace(value=tuple(line for one in reversed(found) for line in one.value))
    if found:
        return found[0]
    if ci and option.in_ci:
        return _Found(option.in_ci, "environment CI", 3)
    return _Found(option.default, "default", 3)


def _places(
    option: Option, command_line: Callable[[str], object], environment: Mapping[str, str], ini: Callable[[str], object]
) -> Iterator[tuple[object, str]]:
    yield command_line(option.ini), f"{COMMAND_LINE} {option.flag}"
    if not option.is_command:
        yield environment.get(option.env) or None, f"environment {option.env}"
        yield ini(option.ini), f"ini {option.ini}"


def _update(update: _Found, check: _Found) -> _Found:
    """`--comfy-check` is `--comfy-update none`: the one given nearer to the user counts."""
    if check.value and check.rank == update.rank and update.value != "none":
        raise SettingsConflict(
            f"{check.source} verifies only, and {update.source} asks to make images ({update.value})",
            hint="leave one of them out",
        )
    if check.value and check.rank < update.rank:
        return _Found("none", check.source, check.rank)
    return update


def _for_prompts(found: Mapping[str, _Found]) -> dict[str, _Found]:
    """Whoever types a prompt wants a picture, also where `CI` or a setting says otherwise."""
    for name in ("check", "adopt", "update"):
        one = found[name]
        if one.rank == 0 and one.value in (True, "none"):
            raise SettingsConflict(
                f"{one.source} makes no picture, and {found['prompt'].source} asks for one",
                hint="leave one of them out",
            )
    values: dict[str, Any] = {"check": False, "adopt": False, "update": "stale"}
    return {name: _Found(value, "default", 3) for name, value in values.items()}


# What asks for one thing, and with which others it makes no sense.
_ALONE = {
    "plan": ("check", "prune", "sketch", "prompt", "save_job"),
    "pick": ("check", "plan", "prune", "sketch", "prompt", "save_job", "adopt", "update", "reroll", "resume"),
    "prune": ("check", "plan", "sketch", "prompt", "save_job", "adopt", "update", "reroll", "resume"),
    "reroll": ("check", "prune", "sketch", "prompt", "adopt", "resume"),
    "resume": ("check", "prune", "sketch", "prompt", "adopt", "reroll"),
}


def _on_its_own(name: str, found: Mapping[str, _Found]) -> dict[str, _Found]:
    """Whoever types it wants that and no other thing, also where `CI` or a setting asks for one."""
    update = found["update"]
    others = [found[other] for other in _ALONE[name] if found[other].rank == 0 and found[other].value]
    if name in ("reroll", "resume") and update.rank == 0 and update.value in ("none", "missing"):
        others.append(update)
    if others:
        raise SettingsConflict(
            f"{found[name].source} and {others[0].source} ask for different things", hint="leave one of them out"
        )
    quiet = {other: _Found(False, "default", 3) for other in ("check", "sketch")}  # noqa: FBT003  # a value among others
    if name == "resume":
        return quiet | {"update": _Found("all", found[name].source, 0)}
    return quiet if update.rank == 0 else quiet | {"update": _Found("stale", "default", 3)}


def _settle_contradictions(found: dict[str, _Found]) -> None:
    """To draw, to verify only and to adopt exclude each other: the one given nearer to the user counts."""
    wanted = sorted((found[name].rank, name) for name in ("sketch", "check", "adopt") if found[name].value)
    for (rank, name), (other_rank, other) in itertools.pairwise(wanted):
        if rank == other_rank:
            raise SettingsConflict(
                f"{found[name].source} and {found[other].source} exclude each other", hint="leave one of them out"
            )
    for _, name in wanted[1:]:
        found[name] = _Found(False, "default", 3)  # noqa: FBT003  # a value among others


# --- reading one value ----------------------------------------------------------------------------------------------


def _read_flag(option: Option, value: object, source: str) -> bool | str:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text in option.choices:
        return text
    if text not in words:
        others = "".join(f" nor {one}" for one in option.choices)
        raise SettingsError(
            f"{source}: {value!r} is neither true nor false{others}", hint=f"set {option.ini} to true or false"
        )
    return words[text]


def _read_choice(option: Option, value: object, source: str) -> str:
    text = str(value).strip()
    if text not in option.choices:
        raise SettingsError(f"{source}: {text!r} is not one of {', '.join(option.choices)}")
    return text


def _read_text(option: Option, value: object, source: str) -> str:
    text = str(value).strip()
    if not text:
        raise SettingsError(f"{source}: the value is empty")
    if option.pattern and not re.fullmatch(option.pattern, text):
        raise SettingsError(f"{source}: {text!r} cannot be used", hint=f"wanted: {option.wanted}")
    return text


def _read_lines(option: Option, value: object, source: str) -> tuple[str, ...]:
    lines = value if isinstance(value, list | tuple) else str(value).split()
    return tuple(_read_text(option, line, source) for line in lines)


def _read_commands(option: Option, value: object, source: str) -> tuple[str, ...]:
    """Commands hold spaces, so in the environment each has a line of its own."""
    lines = value if isinstance(value, list | tuple) else str(value).splitlines()
    return tuple(_read_text(option, line, source) for line in lines if str(line).strip())


def _read_urls(_option: Option, value: object, source: str) -> tuple[str, ...]:
    lines = value if isinstance(value, list | tuple) else str(value).split()
    urls = tuple(text for line in lines for text in str(line).split())
    for url in urls:
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query or parts.fragment:
            hint = "credentials go into COMFYGEN_AUTH"
            raise SettingsError(f"{source}: an address holds no user name, password or query", hint=hint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"{source}: {url!r} is no http address", hint="write it as http://127.0.0.1:8188")
    return urls


def _read_count(_option: Option, value: object, source: str) -> int:
    text = str(value).strip()
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= _MOST):
        raise SettingsError(f"{source}: {value!r} is not a number from 1 to {_MOST}")
    return int(text)


def _read_seconds(option: Option, value: object, source: str) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    is_enough = seconds > 0 if option.at_least is None else seconds >= option.at_least
    if not is_enough or seconds == float("inf"):
        least = "above 0" if option.at_least is None else f"of at least {option.at_least:g}"
        raise SettingsError(f"{source}: {value!r} is not a number of seconds {least}")
    return seconds


_READERS: Mapping[Kind, Callable[[Option, object, str], object]] = {
    "flag": _read_flag,
    "choice": _read_choice,
    "text": _read_text,
    "file": _read_text,
    "lines": _read_lines,
    "urls": _read_urls,
    "seconds": _read_seconds,
    "count": _read_count,
    "commands": _read_commands,
}

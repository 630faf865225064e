"""What can be set, in one table, and what it is set to, in one frozen answer that knows its sources.

Each row of `OPTIONS` gives four spellings: `--comfy-url`, ini `comfy_url`, environment `COMFYGEN_URL`, `Settings.url`.
Command line beats environment beats ini beats default; unset is None everywhere, never something falsy.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pytest_comfygen.errors import SettingsConflict, SettingsError

__all__ = ["OPTIONS", "Option", "Settings", "is_ci", "resolve"]

_COMMAND_LINE = "command line"

Kind = Literal["flag", "choice", "text", "urls", "seconds"]
Update = Literal["stale", "missing", "all", "none"]


class Option(NamedTuple):
    """One row of the table; a named tuple, because every pytest run pays for this module.

    :param asks: on the command line, the option by itself asks for images to be made or checked.
    """

    name: str
    kind: Kind
    default: Any
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    asks: bool = False

    @property
    def flag(self) -> str:
        """The spelling on the command line."""
        return f"--comfy-{self.name.replace('_', '-')}"

    @property
    def ini(self) -> str:
        """The spelling in pytest's configuration file, and argparse's destination."""
        return f"comfy_{self.name}"

    @property
    def env(self) -> str:
        """The spelling in the environment."""
        return f"COMFYGEN_{self.name.upper()}"


OPTIONS = (
    Option(
        name="update",
        kind="choice",
        choices=("stale", "missing", "all", "none"),
        default="stale",
        asks=True,
        help="which images to make: stale (missing, changed or failing), missing, all, none. "
        "Default: stale, and none when CI is set",
    ),
    Option(
        name="check",
        kind="flag",
        default=False,
        asks=True,
        help="verify only, the same as --comfy-update none: no server, no GPU, no network",
    ),
    Option(
        name="url",
        kind="urls",
        metavar="URL",
        default=(),
        help="use this running ComfyUI and start none (repeatable)",
    ),
    Option(
        name="sketch",
        kind="flag",
        default=False,
        asks=True,
        help="draw a placeholder for every selected item with the embedded stand-in, into .comfygen/sketch/",
    ),
    Option(
        name="dir",
        kind="text",
        metavar="DIR",
        default="tools/ComfyUI",
        help="where ComfyUI lives, relative to the repository",
    ),
    Option(
        name="overwrite_edited",
        kind="flag",
        default=False,
        help="overwrite images that were edited by hand or have no record",
    ),
    Option(
        name="adopt",
        kind="flag",
        default=False,
        asks=True,
        help="record the images that stand there as what their jobs made, without making them",
    ),
    Option(
        name="timeout",
        kind="seconds",
        metavar="S",
        default=600.0,
        help="silence allowed while a job waits or runs, in seconds",
    ),
    Option(
        name="start_timeout",
        kind="seconds",
        metavar="S",
        default=120.0,
        help="time allowed for a server to start, in seconds",
    ),
)


class Settings(NamedTuple):
    """The settings of one run.

    :param sources: where each value that is not a default came from (`command line`, `environment COMFYGEN_URL`, …).
    :param ci: the environment variable `CI` counts as set.
    """

    update: Update
    check: bool
    url: tuple[str, ...]
    sketch: bool
    dir: str
    overwrite_edited: bool
    adopt: bool
    timeout: float
    start_timeout: float
    ci: bool = False
    sources: Mapping[str, str] = MappingProxyType({})

    @property
    def makes_nothing(self) -> bool:
        """Whether this run only verifies."""
        return (self.update == "none" or self.adopt) and not self.sketch

    def was_typed(self, name: str) -> bool:
        """Whether this value came from the command line."""
        return self.sources.get(name, "").startswith(_COMMAND_LINE)

    def described(self) -> list[str]:
        """Each value that is not a default, with its source, as the run's header shows it."""
        return [
            f"{name}={_shown(getattr(self, name))} ({source})"
            for name, source in self.sources.items()
            if name != "check"  # it acts through `update`, which is shown with the same source
        ]


class _Found(NamedTuple):
    """A value and where it was found; a lower rank wins."""

    value: Any
    source: str
    rank: int


def resolve(
    command_line: Callable[[str], object], environment: Mapping[str, str], ini: Callable[[str], object]
) -> Settings:
    """Answer every row of the table from its four spellings.

    :param command_line: from a destination such as `comfy_url` to its value, None when it was not given.
    :param ini: from an ini name to its value, None when it is not set.
    :raises SettingsError: a value cannot be used; the message names its spelling.
    :raises SettingsConflict: two of them contradict each other.
    """
    found = {option.name: _find(option, command_line, environment, ini) for option in OPTIONS}
    ci = is_ci(environment)
    _settle_contradictions(found)
    found["update"] = _update(found["update"], found["check"], ci=ci)
    return Settings(
        **{name: one.value for name, one in found.items()},
        ci=ci,
        sources={name: one.source for name, one in found.items() if one.source != "default"},
    )


def is_ci(environment: Mapping[str, str]) -> bool:
    """Whether `CI` is set to anything but nothing, `0` or `false`."""
    return environment.get("CI", "").strip().lower() not in ("", "0", "false")


def _find(
    option: Option, command_line: Callable[[str], object], environment: Mapping[str, str], ini: Callable[[str], object]
) -> _Found:
    places: Iterator[tuple[object, str]] = iter(
        (
            (command_line(option.ini), f"{_COMMAND_LINE} {option.flag}"),
            (environment.get(option.env) or None, f"environment {option.env}"),
            (ini(option.ini), f"ini {option.ini}"),
        )
    )
    for rank, (value, source) in enumerate(places):
        if value is not None and value != []:
            return _Found(_READERS[option.kind](option, value, source), source, rank)
    return _Found(option.default, "default", 3)


def _update(update: _Found, check: _Found, *, ci: bool) -> _Found:
    """`--comfy-check` is `--comfy-update none`: the one given nearer to the user counts."""
    if check.value and check.rank == update.rank and update.value != "none":
        raise SettingsConflict(
            f"{check.source} verifies only, and {update.source} asks to make images ({update.value})",
            hint="leave one of them out",
        )
    if check.value and check.rank < update.rank:
        return _Found("none", check.source, check.rank)
    if ci and update.source == "default":
        return _Found("none", "environment CI", update.rank)
    return update


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


def _read_flag(option: Option, value: object, source: str) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return words[str(value).strip().lower()]
    except KeyError:
        raise SettingsError(
            f"{source}: {value!r} is neither true nor false", hint=f"set {option.ini} to true or false"
        ) from None


def _read_choice(option: Option, value: object, source: str) -> str:
    text = str(value).strip()
    if text not in option.choices:
        raise SettingsError(f"{source}: {text!r} is not one of {', '.join(option.choices)}")
    return text


def _read_text(_option: Option, value: object, source: str) -> str:
    text = str(value).strip()
    if not text:
        raise SettingsError(f"{source}: the value is empty")
    return text


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


def _read_seconds(_option: Option, value: object, source: str) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(f"{source}: {value!r} is not a number of seconds above 0")
    return seconds


_READERS: Mapping[Kind, Callable[[Option, object, str], object]] = {
    "flag": _read_flag,
    "choice": _read_choice,
    "text": _read_text,
    "urls": _read_urls,
    "seconds": _read_seconds,
}


def _shown(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)

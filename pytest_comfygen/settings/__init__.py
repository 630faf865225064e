"""What can be set, in one table, and what it is set to, in one frozen answer that knows its sources.

Each row of `OPTIONS` gives four spellings: `--comfy-url`, ini `comfy_url`, environment `COMFYGEN_URL`, `Settings.url`.
Command line beats environment beats ini beats default; unset is None everywhere, never something falsy.
"""

import itertools
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pytest_comfygen.errors import SettingsConflict, SettingsError
from pytest_comfygen.settings.option import Kind, Option
from pytest_comfygen.settings.options import COMFYUI_REPO, OPTIONS

__all__ = ["COMFYUI_REPO", "LOCAL", "OPTIONS", "Option", "Settings", "is_ci", "resolve", "shell_word", "spelled"]

# The directory of a repository that stays on this machine; nothing sets it, and every room means the same.
LOCAL = ".comfygen"

_COMMAND_LINE = "command line"
_MOST = 10_000

Update = Literal["stale", "missing", "all", "none"]
When = Literal["auto", "update", "never"]


class Settings(NamedTuple):
    """The settings of one run.

    :param sources: where each value that is not a default came from (`command line`, `environment COMFYGEN_URL`, …).
    :param ci: the environment variable `CI` counts as set.
    """

    update: Update
    check: bool
    plan: bool
    sketch: bool
    overwrite_edited: bool
    adopt: bool
    pick: tuple[str, ...]
    gallery: str | None
    preview: bool
    scorer: tuple[str, ...]
    reroll: bool
    resume: bool
    prune: bool | Literal["delete"]
    cache: str
    timeout: float
    prompt: tuple[str, ...]
    count: int  # type: ignore[assignment]  # a tuple has a method of that name, which nobody asks settings for
    set: tuple[str, ...]
    output: str
    save_job: str | None
    url: tuple[str, ...]
    start_timeout: float
    keep_server: float
    gpus: str
    stop: bool
    dir: str
    repo: str
    revision: str | None
    install: When
    torch: str
    torch_index: str | None
    constraints: str | None
    extra_requirements: tuple[str, ...]
    as_of: str | None
    custom_node: tuple[str, ...]
    models_dir: tuple[str, ...]
    download: bool | Literal["unverified"]
    allow_pickles: bool
    doctor: bool
    json: str | None
    summary: str | None
    schema: str | None
    ci: bool = False
    sources: Mapping[str, str] = MappingProxyType({})

    @property
    def makes_nothing(self) -> bool:
        """Whether this run only verifies."""
        return (self.update == "none" or self.adopt) and not self.sketch

    @property
    def cache_bytes(self) -> int:
        """How much of the images that were made is kept; decimal units."""
        number, unit = re.fullmatch(r"([\d.]+)\s*([kMGT]?)B?", self.cache).groups()  # type: ignore[union-attr]  # its pattern
        return int(float(number) * 1000 ** " kMGT".index(unit or " "))

    @property
    def only_looks(self) -> bool:
        """Whether this run verifies what is committed, and writes nothing."""
        return self.update == "none" and not (self.adopt or self.sketch)

    def was_typed(self, name: str) -> bool:
        """Whether this value came from the command line."""
        return self.sources.get(name, "").startswith(_COMMAND_LINE)

    def as_typed(self, besides: tuple[str, ...] = ()) -> list[str]:
        """The options of the command line, spelled so that they can be typed again.

        :param besides: those that are left out.
        """
        typed = {row: f"{_COMMAND_LINE} {row.flag}" for row in OPTIONS if row.name not in besides}
        rows = (row for row, source in typed.items() if self.sources.get(row.name) == source)
        return [shlex.quote(word) for row in rows for word in spelled(row, getattr(self, row.name))]

    def described(self) -> list[str]:
        """Each value that is not a default, with its source, as the run's header shows it."""
        return [
            f"{name}={_shown(getattr(self, name))} ({source})"
            for name, source in self.sources.items()
            if name != "check"  # it acts through `update`, which is shown with the same source
        ]


def shell_word(text: str) -> str:
    """A node id or a path as it is typed in a shell, in double quotes where they are enough."""
    return f'"{text}"' if re.fullmatch(r"[\w./:@+=-]+", text) else shlex.quote(text)


def spelled(option: Option, value: object) -> list[str]:
    """An option as it is typed; passwords in addresses are left out.

    With `=`, because pytest takes a path that stands by itself for one of its own before it knows our options.
    """
    if option.kind == "flag":
        return [option.flag if value is True else f"{option.flag}={value}"]
    values = value if isinstance(value, tuple) else (value,)
    texts = (f"{one:g}" if isinstance(one, float) else str(one) for one in values)
    return [f"{option.flag}={_shown(text)}" for text in texts]


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


def is_ci(environment: Mapping[str, str]) -> bool:
    """Whether `CI` is set to anything but nothing, `0` or `false`."""
    return environment.get("CI", "").strip().lower() not in ("", "0", "false")


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
    yield command_line(option.ini), f"{_COMMAND_LINE} {option.flag}"
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


def _shown(value: object) -> str:
    """A value as people may see it: an address of an index or a repository can hold a password."""
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return re.sub(r"://[^/@\s]+@", "://", text)

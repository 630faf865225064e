"""What can be set, in one table, and what it is set to, in one frozen answer that knows its sources.

Each row of `OPTIONS` gives four spellings: `--comfy-url`, ini `comfy_url`, environment `COMFYGEN_URL`, `Settings.url`.
Command line beats environment beats ini beats default; unset is None everywhere, never something falsy.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any, Literal, NoReturn, Self

from pytest_comfygen.settings.option import Option
from pytest_comfygen.settings.options import COMFYUI_REPO, OPTIONS

__all__ = [
    "COMFYUI_REPO",
    "LOCAL",
    "OPTIONS",
    "Option",
    "Settings",
    "is_ci",
    "is_set",
    "resolve",
    "shell_word",
    "spelled",
]

# The directory of a repository that stays on this machine; nothing sets it, and every room means the same.
LOCAL = ".comfygen"

COMMAND_LINE = "command line"

_UNSET: Mapping[str, object] = {option.name: option.default for option in OPTIONS} | {"ci": False, "sources": {}}

Update = Literal["stale", "missing", "all", "none"]
When = Literal["auto", "update", "never"]


class Settings:
    """The settings of one run; what is not given has its default.

    A plain class, because every pytest run pays for this module, and one that makes classes takes a millisecond.

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
    count: int
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
    ci: bool
    sources: Mapping[str, str]

    def __init__(self, **values: object) -> None:
        vars(self).update(_UNSET, **values)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        msg = "settings are not changed; `_replace` gives others"
        raise AttributeError(msg)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # the sources are a mapping

    def _replace(self, **values: object) -> Self:
        """The same with other values, as named tuples have it."""
        return type(self)(**{**vars(self), **values})

    def _asdict(self) -> dict[str, Any]:
        """Each value by its name, as named tuples have it."""
        return dict(vars(self))

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
        return self.sources.get(name, "").startswith(COMMAND_LINE)

    def as_typed(self, besides: tuple[str, ...] = ()) -> list[str]:
        """The options of the command line, spelled so that they can be typed again.

        :param besides: those that are left out.
        """
        typed = {row: f"{COMMAND_LINE} {row.flag}" for row in OPTIONS if row.name not in besides}
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


def resolve(
    command_line: Callable[[str], object], environment: Mapping[str, str], ini: Callable[[str], object]
) -> Settings:
    """Answer every row of the table from its four spellings.

    :param command_line: from a destination such as `comfy_url` to its value, None when it was not given.
    :param ini: from an ini name to its value, None when it is not set.
    :raises SettingsError: a value cannot be used; the message names its spelling.
    :raises SettingsConflict: two of them contradict each other.
    """
    if not is_set(command_line, environment, ini):
        return Settings()
    from pytest_comfygen.settings.answering import answered  # noqa: PLC0415  # a run without settings must not pay

    return answered(command_line, environment, ini)


def is_set(command_line: Callable[[str], object], environment: Mapping[str, str], ini: Callable[[str], object]) -> bool:
    """Whether anything is set at all; the arguments are those of `resolve`."""
    return is_ci(environment) or any(
        command_line(option.ini) is not None
        or (not option.is_command and (option.env in environment or ini(option.ini) not in (None, [])))
        for option in OPTIONS
    )


def is_ci(environment: Mapping[str, str]) -> bool:
    """Whether `CI` is set to anything but nothing, `0` or `false`."""
    return environment.get("CI", "").strip().lower() not in ("", "0", "false")


def _shown(value: object) -> str:
    """A value as people may see it: an address of an index or a repository can hold a password."""
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return re.sub(r"://[^/@\s]+@", "://", text)

"""The commands that mend what the doctor finds, as they have to be typed here."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_comfygen.settings import OPTIONS, Option, Settings, spelled

__all__ = ["Commands"]

# What says which images are made is said anew: the command that mends has to ask for them.
_SAID_ANEW = frozenset({"update", "check", "sketch", "adopt", "overwrite_edited"})

STOP = "pytest --comfy-stop"


@dataclass(frozen=True, slots=True)
class Commands:
    """Writes commands that repeat what was typed.

    :param paths: the job files, directories and node ids that were typed.
    :param typed: names of options to the words that repeat them.
    """

    paths: tuple[str, ...]
    typed: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, settings: Settings, paths: tuple[str, ...]) -> Commands:
        """What a command line said."""
        rows = [one for one in OPTIONS if settings.was_typed(one.name) and _is_repeated(one)]
        return cls(paths, {one.name: tuple(spelled(one, getattr(settings, one.name))) for one in rows})

    def run(self, **changes: str | bool) -> str:
        """The command that makes the images, with other options.

        :param changes: names of options to their values.
        """
        rows = {option.name: option for option in OPTIONS}
        changed = {name: tuple(spelled(rows[name], value)) for name, value in {"update": "stale", **changes}.items()}
        words = [word for option in ({**self.typed, **changed}).values() for word in option]
        return shlex.join(["pytest", *self.paths, *words])


def _is_repeated(option: Option) -> bool:
    return not option.is_command and option.name not in _SAID_ANEW

"""What a row of the table of options says."""

from __future__ import annotations

from typing import Any, Literal

__all__ = ["Kind", "Option"]

Kind = Literal["flag", "choice", "text", "file", "lines", "urls", "seconds", "count", "commands"]


class Option:
    """One row of the table; a plain class, because every pytest run pays for this module.

    :param kind: a `file` may be left out, and then is `alone`.
    :param choices: the values of a `choice`; for a `flag` what may follow it after `=`.
    :param pattern: what a text has to match in full, a regular expression; `wanted` says it to people.
    :param in_ci: the default when `CI` is set, where it is another one.
    :param at_least: the least number of seconds; above 0 when it is None.
    :param asks: on the command line, the option by itself asks for images to be made or checked.
    :param adds_up: the lines of all places count together, those nearer to the user last.
    :param alone: the `file` that is meant when the option stands by itself; `-` is standard output.
    :param is_command: it is done instead of a test run, so it counts on the command line only.
    :ivar flag: the spelling on the command line.
    :ivar ini: the spelling in pytest's configuration file, and argparse's destination.
    :ivar env: the spelling in the environment.
    """

    def __init__(  # noqa: PLR0913  # what can be said of an option
        self,
        *,
        name: str,
        kind: Kind,
        default: Any,  # noqa: ANN401  # each kind has another type
        help: str,  # noqa: A002  # as argparse calls it
        metavar: str | None = None,
        choices: tuple[str, ...] = (),
        pattern: str = "",
        wanted: str = "",
        in_ci: str | None = None,
        at_least: float | None = None,
        asks: bool = False,
        adds_up: bool = False,
        alone: str = "-",
        is_command: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.help = help
        self.metavar = metavar
        self.choices = choices
        self.pattern = pattern
        self.wanted = wanted
        self.in_ci = in_ci
        self.at_least = at_least
        self.asks = asks
        self.adds_up = adds_up
        self.alone = alone
        self.is_command = is_command
        self.flag = f"--comfy-{name.replace('_', '-')}"
        self.ini = f"comfy_{name}"
        self.env = f"COMFYGEN_{name.upper()}"

"""What a row of the table of options says."""

from typing import Any, Literal, NamedTuple

__all__ = ["Kind", "Option"]

Kind = Literal["flag", "choice", "text", "file", "lines", "urls", "seconds", "count", "commands"]


class Option(NamedTuple):
    """One row of the table; a named tuple, because every pytest run pays for this module.

    :param kind: a `file` may be left out, and then is `alone`.
    :param choices: the values of a `choice`; for a `flag` what may follow it after `=`.
    :param pattern: what a text has to match in full, a regular expression; `wanted` says it to people.
    :param in_ci: the default when `CI` is set, where it is another one.
    :param at_least: the least number of seconds; above 0 when it is None.
    :param asks: on the command line, the option by itself asks for images to be made or checked.
    :param adds_up: the lines of all places count together, those nearer to the user last.
    :param alone: the `file` that is meant when the option stands by itself; `-` is standard output.
    :param is_command: it is done instead of a test run, so it counts on the command line only.
    """

    name: str
    kind: Kind
    default: Any
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    wanted: str = ""
    in_ci: str | None = None
    at_least: float | None = None
    asks: bool = False
    adds_up: bool = False
    alone: str = "-"
    is_command: bool = False

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

"""Pictures in a terminal's text: whether the terminal can show them, and what is written for one.

Told by the environment alone: a question to the terminal would be answered into what the user types.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from pytest_comfygen.outputs.report import harmless

__all__ = ["Canvas", "Protocol", "canvas_of", "drawn"]

Protocol: TypeAlias = Literal["kitty", "iterm2"]

_CHUNK = 4096
_KNOWN = "kitty, Ghostty, WezTerm, iTerm2 and VS Code are"

# Each terminal by what it sets, and what it speaks; WezTerm speaks both and lets its users switch kitty's off.
# Sources: sw.kovidgoyal.net/kitty/graphics-protocol, ghostty.org/docs/help/terminfo, wezterm.org/imgcat.html,
# iterm2.com/documentation-images.html, code.visualstudio.com/docs/terminal/advanced#_image-support
_TERMS: Mapping[str, Protocol] = {"xterm-kitty": "kitty", "xterm-ghostty": "kitty"}
_PROGRAMS: Mapping[str, Protocol] = {
    "ghostty": "kitty",
    "WezTerm": "iterm2",
    "iTerm.app": "iterm2",
    "vscode": "iterm2",
}


class Canvas(NamedTuple):
    """Where pictures are drawn, or why they are not.

    :param protocol: None when they cannot be.
    """

    protocol: Protocol | None
    why_not: str = ""


def canvas_of(environment: Mapping[str, str], *, is_terminal: bool, ci: bool) -> Canvas:
    """Whether somebody looks at a terminal that shows pictures.

    :param is_terminal: standard output is one, as POSIX has it.
    """
    if ci:
        return Canvas(None, "CI is set")
    if not is_terminal:
        return Canvas(None, "standard output is no terminal")
    if between := _multiplexer(environment):
        return Canvas(None, f"{between} does not pass them on to the terminal")
    protocol = _protocol_of(environment)
    term = harmless(environment.get("TERM", ""))
    return Canvas(protocol) if protocol else Canvas(None, f"this terminal ({term}) is not known to show any; {_KNOWN}")


def _multiplexer(environment: Mapping[str, str]) -> str:
    """The program that stands between us and the terminal; tmux passes pictures on only when it is told to."""
    term = environment.get("TERM", "")
    for name, variable in (("tmux", "TMUX"), ("screen", "STY"), ("zellij", "ZELLIJ")):
        if environment.get(variable) or term.partition("-")[0] == name:
            return name
    return ""


def _protocol_of(environment: Mapping[str, str]) -> Protocol | None:
    """What the terminal speaks. The nearest counts: a terminal that was started from another inherits its variables."""
    if protocol := _TERMS.get(environment.get("TERM", "")):
        return protocol
    if program := environment.get("TERM_PROGRAM"):
        return _PROGRAMS.get(program)
    if environment.get("KITTY_WINDOW_ID"):
        return "kitty"
    return "iterm2" if environment.get("LC_TERMINAL") == "iTerm2" else None  # which SSH passes on


def drawn(png: bytes, protocol: Protocol) -> str:
    """What is written for a picture; the cursor is left in its last line, so that a new line belongs after it."""
    return "".join(_kitty(png)) if protocol == "kitty" else _iterm2(png)


def _kitty(png: bytes) -> Iterator[str]:
    """Transmitted and shown, in pieces as long as is allowed; `q=2`: the terminal does not answer."""
    text = b64encode(png).decode("ascii")
    for start in range(0, len(text), _CHUNK):
        keys = "a=T,f=100,q=2," if start == 0 else ""
        goes_on = int(start + _CHUNK < len(text))
        yield f"\x1b_G{keys}m={goes_on};{text[start : start + _CHUNK]}\x1b\\"


def _iterm2(png: bytes) -> str:
    return f"\x1b]1337;File=size={len(png)};inline=1:{b64encode(png).decode('ascii')}\x07"

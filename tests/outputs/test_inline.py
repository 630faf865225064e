"""Pictures are drawn where they can be seen, in the language of the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pytest_comfygen.outputs.inline import canvas_of, drawn
from tests.screen import pictures_in

KITTY = {"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}
PLAIN = {"TERM": "xterm-256color"}


def can(environment: Mapping[str, str]) -> str | None:
    return canvas_of(environment, is_terminal=True, ci=False).protocol


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        (KITTY, "kitty"),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, "kitty"),
        (PLAIN | {"TERM_PROGRAM": "ghostty"}, "kitty"),
        (PLAIN | {"KITTY_WINDOW_ID": "1"}, "kitty"),
        (PLAIN | {"TERM_PROGRAM": "WezTerm"}, "iterm2"),
        (PLAIN | {"TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        (PLAIN | {"TERM_PROGRAM": "vscode"}, "iterm2"),
        (PLAIN | {"LC_TERMINAL": "iTerm2"}, "iterm2"),
    ],
)
def test_a_terminal_that_shows_pictures_is_known(environment: dict[str, str], protocol: str) -> None:
    assert can(environment) == protocol


@pytest.mark.parametrize(
    "environment",
    [
        {},
        PLAIN,
        {"TERM": "dumb"},
        PLAIN | {"TERM_PROGRAM": "Apple_Terminal"},
        PLAIN | {"TERM_PROGRAM": "Apple_Terminal", "KITTY_WINDOW_ID": "1", "LC_TERMINAL": "iTerm2"},
    ],
    ids=["nothing set", "any", "dumb", "another", "another, started from kitty"],
)
def test_no_other_terminal_gets_any(environment: dict[str, str]) -> None:
    assert can(environment) is None


def test_the_nearer_terminal_counts() -> None:
    assert can(PLAIN | {"TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1"}) == "iterm2"
    assert can(KITTY | {"TERM_PROGRAM": "iTerm.app"}) == "kitty"


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        (KITTY | {"TMUX": "/a,1,0"}, "tmux"),
        (PLAIN | {"TERM": "tmux-256color"}, "tmux"),
        (KITTY | {"STY": "1.a"}, "screen"),
        (PLAIN | {"TERM": "screen.xterm-256color", "STY": "1"}, "screen"),
        (KITTY | {"ZELLIJ": "0"}, "zellij"),
    ],
)
def test_what_stands_between_is_named(environment: dict[str, str], name: str) -> None:
    canvas = canvas_of(environment, is_terminal=True, ci=False)

    assert canvas == (None, f"{name} does not pass them on to the terminal")


def test_where_nobody_looks_there_are_none() -> None:
    assert canvas_of(KITTY, is_terminal=True, ci=True) == (None, "CI is set")
    assert canvas_of(KITTY, is_terminal=False, ci=False) == (None, "standard output is no terminal")


def test_the_name_of_an_unknown_terminal_is_harmless() -> None:
    canvas = canvas_of({"TERM": "x\x1b]0;harm\x07"}, is_terminal=True, ci=False)

    assert canvas.why_not == (
        "this terminal (x\\x1b]0;harm\\x07) is not known to show any; kitty, Ghostty, WezTerm, iTerm2 and VS Code are"
    )


@pytest.mark.parametrize("length", [1, 3071, 3072, 3073, 6144, 10_000])
def test_every_byte_arrives_by_either_protocol(length: int) -> None:
    picture = bytes(number % 256 for number in range(length))

    assert pictures_in(drawn(picture, "kitty")) == [picture]
    assert pictures_in(drawn(picture, "iterm2")) == [picture]

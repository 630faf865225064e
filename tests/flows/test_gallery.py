"""What was noted, what stands on disk and what git has become one page, within its limit."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_comfygen.flows.gallery import Curator
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records.gallery import Ending, Entry
from tests.engine.install.world import git
from tests.outputs.gallery.exhibits import data_of, picture

COLOURS = ("red", "lime", "blue", "yellow")
Write = Callable[..., str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with four pictures."""
    for colour in COLOURS:
        path = tmp_path / "assets" / f"{colour}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture(colour, (400, 500)))
    return tmp_path


@pytest.fixture
def write(root: Path) -> Write:
    """Writes the gallery of the four pictures, with these outcomes."""

    def write(outcomes: dict[str, str], **changes: Any) -> str:
        entries = [
            Entry(id=colour, name=colour, root=str(root), output=f"assets/{colour}.png", where="") for colour in COLOURS
        ]
        endings = {colour: Ending(id=colour, outcome=outcome) for colour, outcome in outcomes.items()}
        options: dict[str, Any] = {
            "target": root / "out" / "gallery.html",
            "root": root,
            "local_directory": Store(root).local_directory,
            "environment": os.environ,
            "began_at": 0,
            "now": 1_700_000_000,
            "commands_of": lambda entry, ending: (("again", f"{entry.id} {ending.outcome}"),),
        }
        curator = Curator(**{**options, **changes})
        curator.write(entries, endings)
        return curator.target.read_text("utf-8")

    return write


def names(page: str) -> list[str]:
    return [item["name"] for item in data_of(page)["items"]]


def test_what_wants_attention_comes_first_then_what_was_made(write: Write) -> None:
    page = write({"red": "current", "lime": "generated", "blue": "failed", "yellow": "current"})

    assert names(page) == ["blue", "lime", "red", "yellow"]


def test_an_image_without_an_ending_did_not_run(write: Write) -> None:
    page = write({"red": "failed"})

    assert data_of(page)["outcomes"] == [["failed", 1], ["not run", 3]]
    assert data_of(page)["items"][1]["commands"] == [["again", "lime not run"]]


def test_only_what_was_made_or_is_wrong_is_held_whole(write: Write) -> None:
    page = write({"red": "generated", "lime": "failed", "blue": "current", "yellow": "identical"})

    whole = {item["name"]: "full" in item["plates"][0] for item in data_of(page)["items"]}
    assert whole == {"lime": True, "red": True, "blue": False, "yellow": False}
    assert {item["plates"][0]["link"] for item in data_of(page)["items"]} == {
        f"../assets/{colour}.png" for colour in COLOURS
    }


def test_beyond_its_limit_a_page_says_what_it_does_not_hold(write: Write, root: Path) -> None:
    size_bytes = (root / "assets" / "red.png").stat().st_size

    page = write(dict.fromkeys(COLOURS, "generated"), limit_bytes=5 * size_bytes // 2)

    assert ["full" in item["plates"][0] for item in data_of(page)["items"]] == [True, True, False, False]
    assert re.search(r"holds \S+ \S+ of whole pictures at most, and 2 more would", page)


def test_pictures_of_several_repositories_are_found_in_their_own_git(root: Path, tmp_path: Path) -> None:
    inner = root / "module"
    (inner / "assets").mkdir(parents=True)
    (inner / "assets" / "red.png").write_bytes(picture("red"))
    for top in (inner, root):
        git(top, "init", "-q")
        git(top, "add", "assets")
        git(top, "commit", "-q", "-m", "kins")
        (top / "assets" / "red.png").write_bytes(picture("navy"))
    entries = [
        Entry(id=str(top), name=top.name, root=str(top), output="assets/red.png", where="") for top in (root, inner)
    ]

    Curator(
        target=tmp_path / "gallery.html",
        root=root,
        local_directory=Store(root).local_directory,
        environment=os.environ,
        began_at=0,
        now=0,
        commands_of=lambda _entry, _ending: (),
    ).write(entries, {})

    items = data_of((tmp_path / "gallery.html").read_text("utf-8"))["items"]
    assert [[plate["role"] for plate in item["plates"]] for item in items] == [["head", "now"]] * 2

"""The Markdown of a run's images: counts, what is wrong with what to type next, and nothing of it is markup unasked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pytest_comfygen.errors import WriteFailed
from pytest_comfygen.outputs.summary import append, check_place, summary_markdown
from pytest_comfygen.records.ended import Ended

ITEM = "jobs/kins.comfyjob.yaml::kin_elf"
STALE = Ended(item=ITEM, outcome="stale", message="[stale] a:1:1: steps 2 → 3", command=f'pytest "{ITEM}"')
HEAD = ["| image | outcome | why | next |", "|---|---|---|---|"]


@pytest.mark.parametrize(
    ("ended", "files", "lines"),
    [
        ([], {}, ["No image ran."]),
        ([Ended(item=ITEM, outcome="current")], {}, ["1 current."]),
        (
            [STALE, Ended(item=ITEM, outcome="planned")],
            {},
            [
                "1 planned, 1 stale.",
                "",
                *HEAD,
                f'| `{ITEM}` | stale | &#91;stale&#93; a&#58;1&#58;1&#58; steps 2 → 3 | `pytest "{ITEM}"` |',
            ],
        ),
        (
            [],
            {"jobs/a.comfyjob.yaml": "no"},
            [*["", *HEAD], "| `jobs/a.comfyjob.yaml` | unusable | no | |"],
        ),
        (
            [Ended(item=ITEM, outcome="generated", reason="steps 2 → 3")],
            {},
            [
                "1 generated.",
                "",
                "<details><summary>1 generated</summary>",
                "",
                "| image | why |",
                "|---|---|",
                f"| `{ITEM}` | steps 2 → 3 |",
                "",
                "</details>",
            ],
        ),
    ],
    ids=["nothing", "all is well", "stale", "a wrong file", "made"],
)
def test_what_ended_how(ended: Sequence[Ended], files: Mapping[str, str], lines: list[str]) -> None:
    assert summary_markdown(ended, files).splitlines() == ["### Images", "", *lines]


@pytest.mark.parametrize(
    ("message", "cell"),
    [
        ("a | b", "a &#124; b"),
        ("<img src=x>", "&#60;img src=x&#62;"),
        ("[a](b)", "&#91;a&#93;&#40;b&#41;"),
        ("`a` **b** _c_ ~d~", "&#96;a&#96; &#42;&#42;b&#42;&#42; &#95;c&#95; &#126;d&#126;"),
        ("@someone #12", "&#64;someone &#35;12"),
        ("two\nlines", "two lines"),
        ("\x1b[31mred", "&#92;x1b&#91;31mred"),
        ("a" * 400, "a" * 299 + "…"),
    ],
)
def test_what_anybody_wrote_is_text(message: str, cell: str) -> None:
    row = summary_markdown([Ended(item=ITEM, outcome="failed", message=message)], {}).splitlines()[-1]

    assert row == f"| `{ITEM}` | failed | {cell} |  |"


def test_a_command_stays_in_its_cell() -> None:
    ended = Ended(item="a`b|c", outcome="failed", command="pytest `x` | y")

    assert summary_markdown([ended], {}).splitlines()[-1] == "| `a'b\\|c` | failed |  | `pytest 'x' \\| y` |"


def test_a_table_has_an_end() -> None:
    lines = summary_markdown([STALE] * 501, {}).splitlines()

    assert len([line for line in lines if "| stale |" in line]) == 500
    assert lines[-1] == "and 1 more."


def test_it_is_added_to_what_stands_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "images.md"
    append(path, "images.md", "one\n")
    append(path, "images.md", "two\n")

    assert path.read_text(encoding="utf-8") == "one\ntwo\n"


@pytest.mark.parametrize("name", ["jobs/kins.comfyjob.yaml", "jobs", "a.png", "folder.md"])
def test_only_markdown_is_added_to(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.md").mkdir()

    with pytest.raises(WriteFailed, match="is no Markdown file"):
        check_place(tmp_path / name, name)


def test_what_the_system_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(WriteFailed, match=r"x.md cannot be written: "):
        append(tmp_path / "file" / "x.md", "x.md", "text")

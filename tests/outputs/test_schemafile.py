"""A schema replaces a schema, and nothing else."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from pytest_comfygen.errors import WriteFailed
from pytest_comfygen.outputs import schemafile

OURS = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "properties": {"comfyjob": {"const": 1}},
    "definitions": {"Item": {"type": "object"}},
}
NEW = {**OURS, "title": "größer"}


def write(path: Path) -> None:
    schemafile.write(path, path.name, NEW, lambda _: None)


def test_a_schema_is_written_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "a.json"

    write(path)

    assert json.loads(path.read_text(encoding="utf-8")) == NEW
    assert "größer" in path.read_text(encoding="utf-8")
    assert list(path.parent.iterdir()) == [path]


def test_a_schema_of_ours_is_replaced_also_through_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "a.json", tmp_path / "link.json"
    path.write_text(json.dumps(OURS), encoding="utf-8")
    link.symlink_to(path)

    write(link)

    assert link.is_symlink()
    assert json.loads(path.read_text(encoding="utf-8")) == NEW


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "\x00\xff", json.dumps({**OURS, "properties": {"name": {}}}), "[" * 100_000],
    ids=["empty", "half", "list", "mapping", "bytes", "another schema", "deep"],
)
def test_whatever_else_stands_there_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="latin-1")

    with pytest.raises(WriteFailed, match=r"a.json is no schema of job files, so it is left alone") as caught:
        write(path)

    assert path.read_text(encoding="latin-1") == text
    assert caught.value.hint


def test_a_directory_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match="is a directory"):
        write(tmp_path)


def test_a_schema_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(OURS), encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(schemafile, "write_atomically", fail)
    with pytest.raises(WriteFailed, match=r"a.json cannot be written: No space left"):
        write(path)

    assert json.loads(path.read_text(encoding="utf-8")) == OURS


def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "docs").write_text("", encoding="utf-8")

    with pytest.raises(WriteFailed, match="cannot be written"):
        write(tmp_path / "docs" / "a.json")


def test_a_text_in_ascii_says_the_same() -> None:
    text = schemafile.as_text(NEW, plain=True)

    assert text.isascii()
    assert json.loads(text) == NEW

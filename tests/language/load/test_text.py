from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_comfygen.errors import FileUnreadable, NotUtf8, SecretFound, TooLarge, Where
from pytest_comfygen.language.load import document_of, text
from pytest_comfygen.language.load.text import check_text, read_text


def test_line_ends_and_byte_order_mark_are_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")

    assert read_text(path, "a") == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("data", "line", "column", "offset"),
    [
        (b"\xff", 1, 1, 0),
        (b"ab\ncd\x80", 2, 3, 5),
        ("é\n".encode() + b"\xc3", 2, 1, 3),
        (b"\xef\xbb\xbfa\xff", 1, 2, 4),
    ],
)
def test_the_place_of_a_wrong_byte_is_counted_in_characters(
    tmp_path: Path, data: bytes, line: int, column: int, offset: int
) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)

    with pytest.raises(NotUtf8) as caught:
        read_text(path, "a")

    assert Where("a", line, column) == caught.value.where
    assert f"at offset {offset} is not UTF-8" in caught.value.message


def test_a_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MAX_BYTES", 2**20)
    path = tmp_path / "a"
    path.write_bytes(b" " * 2**20 + b" ")

    with pytest.raises(TooLarge, match="larger than 1 MiB"):
        read_text(path, "a")


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(FileUnreadable, match="not a regular file"):
        read_text(tmp_path / "pipe", "pipe")
    with pytest.raises(FileUnreadable, match="not a regular file"):
        read_text(tmp_path, "directory")
    with pytest.raises(FileUnreadable, match="does not exist"):
        read_text(tmp_path / "none", "none")


@pytest.mark.parametrize(
    "token", ["hf_" + "aB3" * 10, "see hf_" + "x" * 20, "https://civitai.com/api/download/models/1?type=a&token=0a1b2c"]
)
def test_tokens_are_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(SecretFound) as caught:
        check_text(f"before {token} after", None)

    assert token[-8:] not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("word", ["hf_short", "shelf_" + "a" * 30, "civitai.com/models/1", "deadbeef" * 8])
def test_words_that_only_look_like_tokens_are_let_through(word: str) -> None:
    check_text(word, None)


def test_python_values_are_checked_like_a_files() -> None:
    with pytest.raises(SecretFound):
        document_of({"vars": {"x": ["hf_" + "a" * 20]}}, "test_a.py")

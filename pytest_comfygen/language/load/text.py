"""Bytes become text: size, encoding, characters that no job file needs, and tokens that must not be in one."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_comfygen.errors import FileUnreadable, JobFileError, NotUtf8, SecretFound, SyntaxInvalid, TooLarge, Where

__all__ = ["check_text", "checked", "read_text", "spot_of", "without_separators"]

MAX_BYTES = 32 * 1024 * 1024

# Control characters but tab and line feed, and separators that YAML 1.1, YAML 1.2 and editors read differently.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_CONFLICT = re.compile(r"^(?:<{7} |={7}$|>{7} )", re.MULTILINE)
_SECRETS = re.compile(r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{20,}|civitai\.[a-z]+/[^\s\"']*[?&]token=\w+")
# What each of them holds: to look for it in a long text takes a twentieth of the time.
_CONFLICT_MARKS = ("<<<<<<< ", "=======", ">>>>>>> ")
_SECRET_WORDS = ("hf_", "civitai.")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path, shown: str) -> str:
    """The text of a file, with line feeds only and without a byte order mark.

    :param shown: the path as errors name it.
    :raises JobFileError: unreadable, too-large, not-utf8, syntax (control characters), secret.
    """
    data = _read_bytes(path, shown)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(data, error, shown) from None
    return checked(text, shown)


def checked(text: str, shown: str) -> str:
    """A text that came from a file, with line feeds only.

    :raises JobFileError: syntax (control characters, conflict markers), secret.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if offence := _offence(without_separators(text) if shown.endswith(".json") else text):
        offset, found = offence
        raise found.at(Where(shown, *spot_of(text, offset)))
    if _holds_any(text, _CONFLICT_MARKS) and (conflict := _CONFLICT.search(text)):
        raise SyntaxInvalid(
            "a merge left its conflict markers here",
            where=Where(shown, *spot_of(text, conflict.start())),
            hint="keep the lines of both sides that you want, and delete the markers",
        )
    return text


def check_text(text: str, where: Where | None) -> None:
    """Refuse a value that holds control characters or an access token.

    :raises JobFileError: syntax, secret.
    """
    if offence := _offence(text):
        raise offence[1].at(where)


def without_separators(text: str) -> str:
    """A text of a JSON file for these checks: what a line is, JSON and its editors agree on, and people paste line
    separators into ComfyUI's notes.
    """
    return text.replace("\u2028", " ").replace("\u2029", " ")


def spot_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column, 1-based, of a character of `text`."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _read_bytes(path: Path, shown: str) -> bytes:
    where = Where(shown)
    try:
        if not path.is_file():
            found = "is not a regular file" if path.exists() else "does not exist"
            raise FileUnreadable(f"{path.name} {found}", where=where)
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileUnreadable(f"{path.name} cannot be read: {error.strerror or error}", where=where) from None
    if len(data) > MAX_BYTES:
        raise TooLarge(f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB", where=where, hint="split the file")
    return data


def _not_utf8(data: bytes, error: UnicodeDecodeError, shown: str) -> NotUtf8:
    # The offset in the error counts from behind a byte order mark, if there was one.
    start = error.start + len(data) - len(error.object)
    line_start = data.rfind(b"\n", 0, start) + 1
    column = len(data[line_start:start].decode("utf-8-sig")) + 1
    hint = "the file looks like UTF-16: save it as UTF-8" if data.startswith(_UTF16) else None
    return NotUtf8(
        f"byte 0x{data[start]:02x} at offset {start} is not UTF-8",
        where=Where(shown, data.count(b"\n", 0, start) + 1, column),
        hint=hint,
    )


def _holds_any(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)


def _offence(text: str) -> tuple[int, JobFileError] | None:
    """The first thing in a text that must not be in it, and its offset. A token is named, never shown."""
    if match := _UNWANTED.search(text):
        message = f"the control character U+{ord(match[0]):04X} has no place in a job file"
        return match.start(), SyntaxInvalid(message, hint="remove the character")
    if _holds_any(text, _SECRET_WORDS) and (match := _SECRETS.search(text)):
        return match.start(), SecretFound("this text holds what looks like an access token")
    return None

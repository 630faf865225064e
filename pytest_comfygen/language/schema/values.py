"""The values of the language: strict types that refuse with one of our codes, and say what they want.

A validator that refuses gives a code of `errors.py`; the sentence is made from the key, the value and `Wants`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from pytest_comfygen.language.schema.flags import FLAGS, VALUE_PATTERN, as_separate_entries, refused_flags
from pytest_comfygen.records import Size

MAX_PROMPT_CHARACTERS = 100_000
MAX_SIDE_PX = 16_384
MIN_SIDE_PX = 16
MAX_SEED = 2**64 - 1

_SIZE = re.compile(r"([0-9]{1,9})x([0-9]{1,9})")
_BYTES = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?(B|[kKMGT]B|[KMGT]iB)")
_UNITS = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_LOOPBACK = r"(?:127\.0\.0\.1|localhost|\[::1\])"
_SERVER_URL = re.compile(rf"(https?://{_LOOPBACK}:[0-9]{{1,5}})/?")
_ANY_URL = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?")
_MODEL_URL = re.compile(rf"https://[^\s/?#@]+/\S+|http://{_LOOPBACK}(?::[0-9]{{1,5}})?/\S+")
_USERINFO = re.compile(r"[a-zA-Z]+://[^/?#\s]*@")
_PASSWORD = re.compile(r"https?://[^/?#\s]*@|[a-zA-Z][\w+.-]*://[^/?#\s@]*:[^/?#\s]*@", re.IGNORECASE)
# An address that is neither an option nor a command to git, and a revision that is no expression.
_CUSTOM_NODE = re.compile(r"(?!-)(?![\w+.-]*::).+@(?!.*\.\.)[A-Za-z0-9_][\w.+-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wants:
    """What a key wants, in words that follow "must be"."""

    words: str


# --- values that are more than a pydantic type: each refuses with one of our codes ----------------------------------


def _refuse(code: str, problem: str = "", hint: str = "") -> PydanticCustomError:
    """A refusal, for `mistakes` to word.

    :param problem: replaces the sentence made from the key's `Wants`; it must not quote a secret.
    :param hint: replaces the hint of the code.
    """
    return PydanticCustomError("comfygen", "{problem}", {"code": code, "problem": problem, "hint": hint})


def _size(value: object) -> object:
    if isinstance(value, Size):
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise _refuse("wrong-type")
    size = Size(int(match[1]), int(match[2]))
    if not all(MIN_SIDE_PX <= side <= MAX_SIDE_PX for side in (size.width, size.height)):
        raise _refuse("out-of-range")
    return size


def _seed(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= MAX_SEED:
            raise _refuse("out-of-range")
    elif not isinstance(value, str):
        raise _refuse("wrong-type")
    elif value not in {"from-name", "from-prompt", "random"}:
        raise _refuse("wrong-type" if value.lstrip("-").isdigit() else "out-of-range")
    return value


def _scalar(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise _refuse("out-of-range")
    if not isinstance(value, (str, int, float)) and value is not None:
        raise _refuse("wrong-type")
    if isinstance(value, str) and len(value) > MAX_PROMPT_CHARACTERS:
        raise _refuse("out-of-range")
    return value


def _bytes(value: object) -> object:
    if isinstance(value, str):
        match = _BYTES.fullmatch(value)
        if not match:
            raise _refuse("wrong-type")
        value = int(Decimal(match[1]) * _UNITS[match[2]])
    if not isinstance(value, int) or isinstance(value, bool):
        raise _refuse("wrong-type")
    if not 0 < value < 2**63:
        raise _refuse("out-of-range")
    return value


def _server_urls(value: object) -> object:
    urls = value if isinstance(value, list) else [value]
    return tuple(_server_url(url) for url in urls)


def _server_url(url: object) -> str:
    match = _SERVER_URL.fullmatch(url) if isinstance(url, str) else None
    if match:
        return match[1]
    if not isinstance(url, str):
        raise _refuse("wrong-type")
    if _USERINFO.match(url):
        raise _refuse("secret", "the URL holds a user name or password")
    if _ANY_URL.fullmatch(url) and not re.match(rf"https?://{_LOOPBACK}(?:[:/?#]|$)", url):
        raise _refuse(
            "not-loopback", f"{url[:60]} is not on this machine, and a job file may only name servers that are"
        )
    raise _refuse("wrong-type")


def _model_url(url: object) -> object:
    if not isinstance(url, str):
        raise _refuse("wrong-type")
    if _USERINFO.match(url):
        raise _refuse("secret", "the URL holds a user name or password")
    if not _MODEL_URL.fullmatch(url):
        raise _refuse("wrong-type")
    return url


def _server_args(entries: list[str]) -> list[str]:
    refused = [
        InitErrorDetails(type=_refuse(wrong.code, wrong.problem, wrong.hint), loc=(wrong.at,), input=entries[wrong.at])
        for wrong in refused_flags(entries)
    ]
    if refused:
        raise ValidationError.from_exception_data("server.args", refused)
    return as_separate_entries(entries)


def _custom_node(text: str) -> str:
    if _PASSWORD.match(text):
        raise _refuse("secret", "the address holds a user name or password")
    if not text.isprintable() or not _CUSTOM_NODE.fullmatch(text):
        raise _refuse("wrong-type")
    return text


def _sha256(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise _refuse("wrong-type")
    return value.lower()


Text = Annotated[
    str, StringConstraints(max_length=MAX_PROMPT_CHARACTERS), Wants("a text of at most 100 000 characters")
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200), Wants("a text of 1 to 200 characters")]
Path = Annotated[str, StringConstraints(min_length=1, max_length=1000), Wants("a path of 1 to 1000 characters")]
Flag = Annotated[bool, Wants("true or false")]
SizePx = Annotated[
    Size,
    BeforeValidator(_size),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{2,5}x[0-9]{2,5}$"}),
    Wants("a text such as 832x1216, each side from 16 to 16384 pixels"),
]
SeedValue = Annotated[
    int | str,
    BeforeValidator(_seed),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["from-name", "from-prompt", "random"]},
                {"type": "integer", "minimum": 0, "maximum": MAX_SEED},
            ]
        }
    ),
    Wants("from-name, from-prompt, random, or an integer from 0 to 2**64-1"),
]
ScalarValue = Annotated[
    str | int | float | bool | None,
    BeforeValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"]}),
    Wants("a text of at most 100 000 characters, a finite number, true or false"),
]
SizeBytes = Annotated[
    int,
    BeforeValidator(_bytes),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": f"^{_BYTES.pattern}$"}, {"type": "integer", "minimum": 1}]}
    ),
    Wants("a number of bytes, or a text such as 6.94 GB or 335 MiB"),
]
ServerUrls = Annotated[
    tuple[str, ...],
    BeforeValidator(_server_urls),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
    Wants("http://127.0.0.1:PORT (or localhost, or [::1]), or a list of such addresses"),
]
ServerArgs = Annotated[
    list[
        Annotated[
            str,
            StringConstraints(max_length=100),
            WithJsonSchema({"anyOf": [{"enum": list(FLAGS)}, {"type": "string", "pattern": f"^(?:{VALUE_PATTERN})$"}]}),
            Wants("a text such as --lowvram"),
        ]
    ],
    Field(max_length=50),
    AfterValidator(_server_args),
    Wants("a list of flags such as --lowvram"),
]
CustomNodes = Annotated[
    list[
        Annotated[
            str,
            StringConstraints(max_length=1000),
            AfterValidator(_custom_node),
            WithJsonSchema({"type": "string", "pattern": "^.+@[A-Za-z0-9_][A-Za-z0-9_.+-]*$"}),
            Wants("an address and a pinned revision, such as https://github.com/someone/nodes@v1.2"),
        ]
    ],
    Field(max_length=50),
    Wants("a list of custom nodes such as https://github.com/someone/nodes@v1.2"),
]
ModelUrl = Annotated[
    str, BeforeValidator(_model_url), WithJsonSchema({"type": "string", "format": "uri"}), Wants("an https:// address")
]
Sha256 = Annotated[
    str,
    BeforeValidator(_sha256),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}),
    Wants("64 hexadecimal digits"),
]

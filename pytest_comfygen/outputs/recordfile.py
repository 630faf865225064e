"""A record as text: what made an image, one field a line, so that a change reads well in a diff and branches merge."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pytest_comfygen.errors import RecordDamaged, Where
from pytest_comfygen.records import Fingerprint, ImageRecord, ImageStatistics, MediaStatistics, Scalar, Size, Verified

__all__ = ["RECORDS", "dump", "dump_on_one_line", "parse", "read", "record_path"]

RECORDS = ".comfyrecords"  # the directory beside images that holds their records

_T = TypeVar("_T")

FORMAT_VERSION = 1

_PROMPT_KEYS = ("prompt", "negative")
_MEDIA_KEYS = ("frames", "duration_s", "rate", "sample_rate_hz", "channels", "peak")
_LARGEST_BYTES = 4 << 20
_PIECE_BYTES = 1 << 16
_CONFLICT = re.compile(r"^(<{7}|\|{7}|={7}|>{7})( |$)", re.MULTILINE)
_SCALARS = frozenset({str, int, float, bool, type(None)})
# Not through a link: a record that a stranger's branch brings may not make us read what lies elsewhere.
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def record_path(output: Path) -> Path:
    """Where the record of an image lies: beside it, in git like it, and out of the way."""
    return Path(_record_name(output))


def _record_name(output: Path) -> str:
    directory, name = os.path.split(output)
    return os.path.join(directory, RECORDS, f"{name}.json")  # noqa: PTH118  # for every image of a run


def dump(record: ImageRecord) -> str:
    """The text of a record; equal records have equal texts.

    The seed stands on its own line and not among the parameters, where it is put back when the text is read.
    """
    fields = _fields(record)
    text = json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair in a prompt: JSON can escape it, UTF-8 cannot hold it
        text = json.dumps(fields, indent=2, sort_keys=True, allow_nan=False)
    return f"{text}\n"


def dump_on_one_line(record: ImageRecord) -> str:
    """The text of a record that nobody reads but `parse`: Python's encoder is five times as fast without indents."""
    return json.dumps(_fields(record), allow_nan=False)


def read(output: Path, name_of: Callable[[Path], str] = str) -> ImageRecord | None:
    """The record of an image; None when there is none.

    :param name_of: how to call the record's path in an error.
    :raises RecordDamaged: it is there and cannot be used.
    """
    try:
        text = _read_text(_record_name(output))
        return None if text is None else parse(text)
    except RecordDamaged as damaged:
        place = damaged.where or Where("")
        where = Where(name_of(record_path(output)), place.line, place.column)
        raise RecordDamaged(damaged.message, where=where, hint=damaged.hint) from damaged.__cause__


def parse(text: str) -> ImageRecord:
    """The record that `text` holds; fields of later versions are passed over.

    :raises RecordDamaged: the text is not a record, whatever it is instead.
    """
    try:
        fields = json.loads(text)
    except RecursionError as error:
        raise RecordDamaged("the record is nested too deep") from error
    except ValueError as error:
        raise _not_json(text, error) from error
    try:
        return _record(fields)
    except _Wrong as wrong:
        raise RecordDamaged(f"the record {wrong}") from None


# --- writing --------------------------------------------------------------------------------------------------------


def _fields(record: ImageRecord) -> dict[str, object]:
    fingerprint, statistics = record.fingerprint, record.verified.statistics
    return {
        "record": FORMAT_VERSION,
        "job": record.job,
        "item": record.item,
        **{key: fingerprint.prompt[key] for key in _PROMPT_KEYS if key in fingerprint.prompt},
        "seed": record.seed,
        **({"rerolled": True} if record.rerolled else {}),
        "family": record.family,
        "recipe": record.recipe,
        "parameters": {key: value for key, value in fingerprint.params.items() if key != "seed"},
        "models": dict(fingerprint.models),
        "inputs": dict(fingerprint.inputs),
        "workflow": dict(fingerprint.workflow),
        "graph_sha256": record.graph_sha256,
        "comfyui": dict(record.comfyui),
        "encoding": record.encoding,
        "file_sha256": record.file_sha256,
        "pixels_sha256": record.pixels_sha256,
        "source_sha256": record.source_sha256,
        "size": str(statistics.size) if statistics else None,
        "verified": {
            "settings": record.verified.settings,
            **(_picture_fields(statistics) if statistics else {}),
            **(_media_fields(record.verified.media) if record.verified.media else {}),
        },
    }


def _picture_fields(statistics: ImageStatistics) -> dict[str, object]:
    return {
        "mode": statistics.mode,
        "stddev": statistics.stddev,
        "extrema": " ".join(f"{low}-{high}" for low, high in statistics.extrema),
        "dhash": statistics.dhash,
        "transparency": statistics.transparency,
        **({} if statistics.brightness is None else {"brightness": statistics.brightness}),
    }


def _media_fields(media: MediaStatistics) -> dict[str, object]:
    """What there is to say; a still says nothing here, and sound nothing of pictures."""
    return {key: value for key in _MEDIA_KEYS if (value := getattr(media, key)) is not None}


# --- reading --------------------------------------------------------------------------------------------------------


class _Wrong(Exception):
    """What is wrong with a record, worded to follow "the record"."""


def _record(fields: object) -> ImageRecord:
    if not isinstance(fields, dict):
        raise _Wrong("is not a JSON object")
    if fields.get("record") != FORMAT_VERSION:
        raise _Wrong(f"has format {fields.get('record')!r}, and this plugin reads {FORMAT_VERSION}")
    seed = _optional(fields, "seed", int)
    params = _scalars(fields, "parameters")
    return ImageRecord(
        job=_get(fields, "job", str),
        item=_get(fields, "item", str),
        fingerprint=Fingerprint(
            prompt={key: _get(fields, key, str) for key in _PROMPT_KEYS if key in fields},
            params=params if seed is None else {**params, "seed": seed},
            workflow=_scalars(fields, "workflow"),
            models=_scalars(fields, "models"),
            inputs=_scalars(fields, "inputs"),
        ),
        seed=seed,
        family=_get(fields, "family", str),
        recipe=_get(fields, "recipe", int),
        graph_sha256=_optional(fields, "graph_sha256", str),
        comfyui=_scalars(fields, "comfyui"),
        file_sha256=_get(fields, "file_sha256", str),
        pixels_sha256=_get(fields, "pixels_sha256", str),
        source_sha256=_optional(fields, "source_sha256", str),
        encoding=_get(fields, "encoding", str),
        verified=_verified(_get(fields, "verified", dict), _optional(fields, "size", str)),
        rerolled=bool(_optional(fields, "rerolled", bool)),
    )


def _verified(fields: Mapping[str, Any], size: str | None) -> Verified:
    settings = _get(fields, "settings", str)
    media = _media(fields) if "duration_s" in fields else None
    if size is None and media is None:
        raise _Wrong("has no 'size'")
    return Verified(settings, None if size is None else _statistics(fields, _size(size)), media)


def _statistics(fields: Mapping[str, Any], size: Size) -> ImageStatistics:
    transparency = fields.get("transparency")
    return ImageStatistics(
        size=size,
        mode=_get(fields, "mode", str),
        stddev=_number(fields, "stddev"),
        extrema=_extrema(_get(fields, "extrema", str)),
        dhash=_get(fields, "dhash", str),
        transparency=None if transparency is None else _number(fields, "transparency"),
        brightness=None if fields.get("brightness") is None else _number(fields, "brightness"),
    )


def _media(fields: Mapping[str, Any]) -> MediaStatistics:
    return MediaStatistics(
        frames=_optional(fields, "frames", int),
        duration_s=_number(fields, "duration_s"),
        rate=_number(fields, "rate") if "rate" in fields else None,
        sample_rate_hz=_optional(fields, "sample_rate_hz", int),
        channels=_optional(fields, "channels", int),
        peak=_number(fields, "peak") if "peak" in fields else None,
    )


def _get(fields: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    """The field, of exactly this type: to Python `true` is a number too."""
    value = fields.get(key)
    if type(value) is not kind:
        raise _Wrong(f"has no {key!r}" if key not in fields else f"has {value!r:.60} as {key!r}")
    return value


def _optional(fields: Mapping[str, Any], key: str, kind: type[_T]) -> _T | None:
    return None if fields.get(key) is None else _get(fields, key, kind)


def _number(fields: Mapping[str, Any], key: str) -> float:
    value = fields.get(key)
    return float(value) if type(value) is int else _get(fields, key, float)


def _scalars(fields: Mapping[str, Any], key: str) -> dict[str, Scalar]:
    values: dict[str, Scalar] = _get(fields, key, dict)
    for name, value in values.items():
        if value.__class__ not in _SCALARS:
            raise _Wrong(f"has {value!r:.60} as {name!r} of {key!r}")
    return values


def _size(text: str) -> Size:
    try:
        width, height = text.split("x")
        return Size(int(width), int(height))
    except ValueError:
        raise _Wrong(f"has {text!r:.60} as 'size'") from None


def _extrema(text: str) -> tuple[tuple[int, int], ...]:
    try:
        pairs = [pair.split("-") for pair in text.split(" ")]
        return tuple((int(low), int(high)) for low, high in pairs)
    except ValueError:
        raise _Wrong(f"has {text!r:.60} as 'extrema'") from None


# --- reading a file that may be damaged -------------------------------------------------------------------------------


def _read_text(path: str) -> str | None:
    try:
        data = _read_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RecordDamaged(f"the record cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST_BYTES:
        raise RecordDamaged(f"the record is larger than {_LARGEST_BYTES >> 20} MiB")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise RecordDamaged(f"the record is not UTF-8 at byte {error.start}") from error


def _read_bytes(path: str) -> bytes:
    """The file's bytes, cut when they are too many; without a buffer, for every image of a run."""
    handle = os.open(path, _READ)
    try:
        data = os.read(handle, _PIECE_BYTES)
        while len(data) <= _LARGEST_BYTES and (more := os.read(handle, _PIECE_BYTES)):
            data += more
        return data
    finally:
        os.close(handle)


def _not_json(text: str, error: ValueError) -> RecordDamaged:
    if conflict := _CONFLICT.search(text):
        return RecordDamaged(
            "the record holds git's merge conflict markers",
            where=Where("", text.count("\n", 0, conflict.start()) + 1),
            hint="take the side whose image you keep: `git checkout --ours` or `--theirs`, for image and record alike",
        )
    if not text.strip():
        return RecordDamaged("the record is empty")
    if isinstance(error, json.JSONDecodeError):
        return RecordDamaged(f"the record is not JSON: {error.msg}", where=Where("", error.lineno, error.colno))
    return RecordDamaged(f"the record is not JSON: {error}")

"""The flags of ComfyUI that a job file may give, what they take, and which of them exclude each other.

A job file may be a stranger's. So only those flags are here that say how memory, precision, caches and attention are
used; none of them reads, writes, listens, loads or reaches anything.
Source: ComfyUI comfy/cli_args.py, v0.3.64, and what `main.py --help` of later versions says of `--cache-ram`,
`--vram-headroom`, and of async offload, dynamic VRAM and pinned memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import NamedTuple

__all__ = ["FLAGS", "VALUE_PATTERN", "RefusedFlag", "as_separate_entries", "refused_flags"]

# ComfyUI's command line refuses two of one row, and the last two rows are two answers to one question.
_EXCLUSIVE = (
    ("--gpu-only", "--highvram", "--normalvram", "--lowvram", "--novram", "--cpu"),
    ("--cache-classic", "--cache-lru", "--cache-none", "--cache-ram"),
    (
        "--use-split-cross-attention",
        "--use-quad-cross-attention",
        "--use-pytorch-cross-attention",
        "--use-sage-attention",
        "--use-flash-attention",
    ),
    ("--force-upcast-attention", "--dont-upcast-attention"),
    ("--force-fp32", "--force-fp16"),
    (
        "--fp32-unet",
        "--fp64-unet",
        "--bf16-unet",
        "--fp16-unet",
        "--fp8_e4m3fn-unet",
        "--fp8_e5m2-unet",
        "--fp8_e8m0fnu-unet",
    ),
    ("--fp16-vae", "--fp32-vae", "--bf16-vae"),
    ("--fp8_e4m3fn-text-enc", "--fp8_e5m2-text-enc", "--fp16-text-enc", "--fp32-text-enc", "--bf16-text-enc"),
    ("--cuda-malloc", "--disable-cuda-malloc"),
    ("--async-offload", "--disable-async-offload"),
    ("--enable-dynamic-vram", "--disable-dynamic-vram"),
)
_OTHERS = (
    "--reserve-vram",
    "--vram-headroom",
    "--disable-smart-memory",
    "--disable-pinned-memory",
    "--disable-mmap",
    "--cpu-vae",
    "--force-channels-last",
    "--force-non-blocking",
    "--supports-fp8-compute",
    "--disable-ipex-optimize",
    "--disable-xformers",
    "--fast",
    "--deterministic",
)
FLAGS = (*chain.from_iterable(_EXCLUSIVE), *_OTHERS)

_ROW_OF = {flag: row for row in _EXCLUSIVE for flag in row}


class _Takes(NamedTuple):
    """The values of a flag.

    :param pattern: what each has to match in full.
    :param words: what each must be, in words that follow "must be".
    """

    least: int
    most: int
    pattern: str
    words: str


_NUMBER = r"[0-9]{1,6}(?:\.[0-9]{1,6})?"
_GIGABYTES = "a number of gigabytes such as 1.5"
_SPEED_UPS = ("fp16_accumulation", "fp8_matrix_mult", "cublas_ops", "autotune")
_TAKES = {
    "--reserve-vram": _Takes(1, 1, _NUMBER, _GIGABYTES),
    "--vram-headroom": _Takes(1, 1, _NUMBER, _GIGABYTES),
    "--cache-ram": _Takes(0, 1, _NUMBER, _GIGABYTES),
    "--cache-lru": _Takes(1, 1, "[0-9]{1,6}", "a number of results such as 10"),
    "--async-offload": _Takes(0, 1, "[0-9]{1,2}", "a number of streams such as 2"),
    "--fast": _Takes(0, len(_SPEED_UPS), "|".join(_SPEED_UPS), f"one of {', '.join(_SPEED_UPS)}"),
}
_NOTHING = _Takes(0, 0, "", "")

# What else an entry of the list can be: a value, by itself or after its flag and `=`.
VALUE_PATTERN = "|".join(f"(?:{flag}=)?(?:{takes.pattern})" for flag, takes in _TAKES.items())


@dataclass(frozen=True, slots=True)
class RefusedFlag:
    """What is wrong with one entry.

    :param at: its index.
    :param code: of the error.
    """

    at: int
    code: str
    problem: str
    hint: str


class _Given(NamedTuple):
    """A flag as it was given, with its values; each with the index of its entry."""

    at: int
    flag: str
    values: list[tuple[int, str]]


def as_separate_entries(entries: Sequence[str]) -> list[str]:
    """The entries with each value after its flag: `--reserve-vram=2` is two, as most command lines have it."""
    return [text for given in _given(entries) for text in (given.flag, *(value for _, value in given.values))]


def refused_flags(entries: Sequence[str]) -> Iterator[RefusedFlag]:
    """What a job file may not give, or not in this way."""
    seen: list[str] = []
    for given in _given(entries):
        if given.flag not in FLAGS:
            yield _unknown(given)
            continue
        yield from _wrong_values(given)
        twin = next((flag for flag in seen if flag in _ROW_OF.get(given.flag, (given.flag,))), None)
        if twin:
            problem = "stands there twice" if twin == given.flag else f"and {twin} exclude each other"
            yield RefusedFlag(given.at, "conflicting-keys", f"{given.flag} {problem}", "remove one of them")
        seen.append(given.flag)


def _given(entries: Sequence[str]) -> list[_Given]:
    """What belongs together; a value that follows no flag stands for a flag, and no such flag is known."""
    found: list[_Given] = []
    for at, entry in enumerate(entries):
        if entry.startswith("--") or not found:
            flag, equals, value = entry.partition("=")
            found.append(_Given(at, flag, [(at, value)] if equals else []))
        else:
            found[-1].values.append((at, entry))
    return found


def _unknown(given: _Given) -> RefusedFlag:
    near = get_close_matches(given.flag, FLAGS, n=1)
    about = "flags about memory, precision, caches and attention are, such as --lowvram"
    hint = f"did you mean `{near[0]}`?" if near else about
    return RefusedFlag(given.at, "out-of-range", f"{given.flag[:60]!r} is no flag for a job file to give", hint)


def _wrong_values(given: _Given) -> Iterator[RefusedFlag]:
    takes = _TAKES.get(given.flag, _NOTHING)
    if len(given.values) < takes.least:
        hint = f"write {given.flag}=VALUE, or the value as the next entry"
        yield RefusedFlag(given.at, "out-of-range", f"{given.flag} has no value: it must be {takes.words}", hint)
    for at, value in given.values[: takes.most]:
        if not re.fullmatch(takes.pattern, value):
            problem = f"the value of {given.flag} must be {takes.words}, not {value[:60]!r}"
            yield RefusedFlag(at, "out-of-range", problem, "")
    for at, value in given.values[takes.most :]:
        most = "no value" if not takes.most else "no second value" if takes.most == 1 else "no more values"
        near = get_close_matches(value, FLAGS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "remove it"
        yield RefusedFlag(at, "out-of-range", f"{given.flag} takes {most}, and there is {value[:60]!r}", hint)

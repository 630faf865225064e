"""The words that users read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_comfygen.errors import ServerUnreachable, UnknownKey, Where
from pytest_comfygen.outputs.report import (
    finding_rows,
    images_line,
    one_line,
    progress_line,
    reason_lines,
    render,
    slowest_lines,
)
from pytest_comfygen.records import Event, Finding, Reason, Timing


def test_an_error_is_code_place_and_message_on_one_line() -> None:
    error = UnknownKey("unknown key 'promt'", where=Where("jobs/kins.comfyjob.yaml", 7, 3))

    assert one_line(error) == "[unknown-key] jobs/kins.comfyjob.yaml:7:3: unknown key 'promt'"


def test_an_error_is_rendered_with_its_details_its_hint_and_the_way_to_repeat_it() -> None:
    also = UnknownKey("unknown key 'stepz'", where=Where("a.comfyjob.yaml", 2, 1), hint="did you mean `steps`?")
    error = ServerUnreachable("nobody answers", hint="start ComfyUI", details=("tried 4 times",), also=(also,))

    expected = [
        "[server-unreachable] nobody answers",
        "    tried 4 times",
        "  hint: start ComfyUI",
        "[unknown-key] a.comfyjob.yaml:2:1: unknown key 'stepz'",
        "  hint: did you mean `steps`?",
        '  rerun: pytest "a::b"',
    ]
    assert render(error, rerun='pytest "a::b"').splitlines() == expected


def test_the_summary_counts_what_occurred_in_a_fixed_order() -> None:
    counts = {"failed": 1, "generated": 2, "identical": 1, "current": 3, "stale": 0}

    assert images_line(counts) == "images: 2 generated, 3 current, 1 identical, 1 failed"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason("changed", "params", "steps", 20, 28), "steps 20 → 28"),
        (Reason("changed", "prompt", "prompt", "a dwarf", "an elf"), "prompt 'a dwarf' → 'an elf'"),
        (Reason("changed", "prompt", "negative", "", "text"), "negative '' → text"),
        (Reason("changed", "workflow", "set 3.seed", None, 7), "set 3.seed (none) → 7"),
        (
            Reason("changed", "models", "checkpoint_sha256", "07f1" * 16, "be31" * 16),
            "checkpoint_sha256 07f107f1 → be31be31",
        ),
        (Reason("changed", "prompt", "prompt", "a" * 99, "b"), f"prompt {'a' * 59}… → b"),
        (
            Reason("changed", "prompt", "prompt", f"{'x' * 50} oil {'y' * 50}", f"{'x' * 50} ink {'y' * 50}"),
            f"prompt '…{'x' * 11} oil {'y' * 11}…' → '…{'x' * 11} ink {'y' * 11}…'",
        ),
        (
            Reason("changed", "workflow", "workflow_sha", "ab" * 32, "cd" * 32),
            "the workflow file changed (abababab → cdcdcdcd)",
        ),
        (Reason("missing"), "the image is missing"),
        (Reason("damaged", new="it ends too early"), "the image is damaged: it ends too early"),
        (
            Reason("check", key="blank", old="stddev 0.1", new="1 or more"),
            "check blank: found stddev 0.1, wanted 1 or more",
        ),
        (Reason("asked"), "asked for"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_reason_names_the_old_value_and_the_new(reason: Reason, words: str) -> None:
    assert list(reason_lines([reason])) == [words]


def test_findings_are_an_aligned_table() -> None:
    findings = [
        Finding("wrong-size", "error", "32x64", "64x64"),
        Finding("black", "error", "every pixel is black", "a picture"),
    ]

    expected = [
        "check       found                 wanted",
        "wrong-size  32x64                 64x64",
        "black       every pixel is black  a picture",
    ]
    assert finding_rows(findings) == expected


def test_progress_is_told_with_amount_rate_and_time_left() -> None:
    event = Event(
        kind="progress", subject="base.safetensors", text="downloading", value=1.2e9, maximum=6.9e9, per_s=45e6
    )

    assert progress_line(event) == "base.safetensors: downloading 1.2 of 6.9 GB, 45.0 MB/s, 2 min left"


def test_progress_without_a_rate_tells_the_part() -> None:
    event = Event(kind="progress", subject="ComfyUI", text="receiving objects", value=30, maximum=120)

    assert progress_line(event) == "ComfyUI: receiving objects 25%"
    assert progress_line(replace(event, value=0, maximum=0, text="Collecting numpy")) == "ComfyUI: Collecting numpy"


def test_progress_without_an_end_tells_the_amount() -> None:
    event = Event(kind="progress", subject="x", text="hashing", value=2500, per_s=500)

    assert progress_line(event) == "x: hashing 2.5 kB, 500 B/s"


@pytest.mark.parametrize(("per_s", "left"), [(1e9, "6 s left"), (1e6, "95 min left"), (1e5, "15.8 h left")])
def test_the_time_left_is_told_in_a_unit_that_fits(per_s: float, left: str) -> None:
    event = Event(kind="progress", subject="x", text="downloading", value=1.2e9, maximum=6.9e9, per_s=per_s)

    assert progress_line(event).endswith(left)


@pytest.mark.parametrize(
    ("took", "number", "lines"),
    [
        ({"a": 4.0}, None, []),
        ({"a": 400.0, "b": 1.0}, None, []),
        ({}, 0, []),
        ({"a": None}, 0, []),
        ({"a": 1.0, "b": 3.25, "c": 2.0}, 2, ["slowest images:", "    3.2 s: b", "    2.0 s: c"]),
        ({"a": 1.0, "b": 2.0}, 0, ["slowest images:", "    2.0 s: b", "    1.0 s: a"]),
        (
            dict(zip("abcdef", (60.0, 61.0, 62.0, 63.0, 64.0, 65.0), strict=True)),
            None,
            ["slowest images:", *(f"    {65 - index}.0 s: {name}" for index, name in enumerate("fedcb"))],
        ),
    ],
    ids=["short", "few", "nothing made", "no time known", "two", "all", "long"],
)
def test_the_slowest_images_are_told_when_asked_or_when_it_took_long(
    took: dict[str, float | None], number: int | None, lines: list[str]
) -> None:
    assert list(slowest_lines({item: Timing(run_s=run_s) for item, run_s in took.items()}, number)) == lines


def test_loading_is_told_of_slow_images() -> None:
    took = {"jobs/a.comfyjob.yaml::a": Timing(run_s=48.2, load_s=31.0)}

    assert list(slowest_lines(took, 1))[1] == "    48.2 s, 31.0 s of it for loading: jobs/a.comfyjob.yaml::a"

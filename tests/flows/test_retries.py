"""Which seeds are tried, and which one is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_comfygen.errors import JobSilent, PictureRefused, ScorerFailed
from pytest_comfygen.flows.fingerprint import fingerprint_of
from pytest_comfygen.flows.retries import kept_seed, persevere
from pytest_comfygen.language.expand import make_job
from pytest_comfygen.records import Event, ImageRecord, ImageStatistics, Job, Size, Verified

LAST = 2**64 - 1


def job(tmp_path: Path, retries: int, **keys: object) -> Job:
    values = {"prompt": "a dwarf", "checkpoint": "a.safetensors", "verify": {"retries": retries}, **keys}
    return make_job(values, name="kin", root=tmp_path, file=tmp_path / "test_kins.py")


def record(job: Job, seed: int | None) -> ImageRecord:
    statistics = ImageStatistics(
        size=Size(8, 8), mode="RGB", stddev=9.0, extrema=((0, 9),) * 3, dhash="0" * 64, transparency=None
    )
    return ImageRecord(
        job="jobs/kins.comfyjob.yaml",
        item="kin",
        fingerprint=fingerprint_of(job, seed or 0),
        seed=seed,
        family="checkpoint",
        recipe=1,
        graph_sha256=None,
        comfyui={},
        file_sha256="",
        pixels_sha256="",
        source_sha256=None,
        encoding="png",
        verified=Verified("", statistics),
    )


@pytest.mark.parametrize(
    ("retries", "first", "recorded", "kept"),
    [
        (3, 10, 10, 10),
        (3, 10, 12, 12),
        (3, 10, 13, 13),
        (3, 10, 14, 10),
        (3, 10, 9, 10),
        (0, 10, 11, 10),
        (3, 10, None, 10),
        (3, LAST, 1, 1),
        (3, LAST, 3, LAST),
    ],
)
def test_a_seed_within_the_retries_is_kept(
    tmp_path: Path, retries: int, first: int, recorded: int | None, kept: int
) -> None:
    made = job(tmp_path, retries)

    assert kept_seed(made, record(made, recorded), first) == kept
    assert kept_seed(made, None, first) == first


def attempts(job: Job, seed: int, refused: int) -> tuple[list[int], list[str], int | PictureRefused]:
    """The seeds that are tried when so many pictures are refused, what is told, and how it ends."""
    tried: list[int] = []
    told: list[str] = []

    def attempt(seed: int) -> int:
        tried.append(seed)
        if len(tried) <= refused:
            raise PictureRefused("the new picture of kin failed: blank", details=("a row",), hint="another prompt")
        return seed

    def notify(event: Event) -> None:
        told.append(event.text)

    try:
        return tried, told, persevere(job, seed, attempt, notify)
    except PictureRefused as refusal:
        return tried, told, refusal


@pytest.mark.parametrize(
    ("retries", "seed", "refused", "expected"),
    [(0, 5, 0, [5]), (2, 5, 0, [5]), (2, 5, 1, [5, 6]), (2, 5, 2, [5, 6, 7]), (2, LAST, 2, [LAST, 0, 1])],
)
def test_the_next_seeds_are_tried_until_a_picture_passes(
    tmp_path: Path, retries: int, seed: int, refused: int, expected: list[int]
) -> None:
    tried, told, end = attempts(job(tmp_path, retries), seed, refused)

    assert (tried, end) == (expected, expected[-1])
    assert told == [f"the new picture of kin failed: blank; it is made again with seed {one}" for one in expected[1:]]


def test_when_none_passes_the_last_refusal_names_the_seeds(tmp_path: Path) -> None:
    tried, _, end = attempts(job(tmp_path, 2), 5, 9)

    assert tried == [5, 6, 7]
    assert isinstance(end, PictureRefused)
    assert (end.message, end.hint) == ("the new picture of kin failed: blank", "another prompt")
    assert end.details == ("a row", "so did 2 before it: seeds 5 to 7 were tried")


def test_without_retries_a_refusal_is_as_it_was(tmp_path: Path) -> None:
    tried, _, end = attempts(job(tmp_path, 0), 5, 9)

    assert tried == [5]
    assert isinstance(end, PictureRefused)
    assert end.details == ("a row",)


def test_a_seed_that_is_written_as_a_number_has_no_retries(tmp_path: Path) -> None:
    assert [job(tmp_path, 3, seed=seed).retries for seed in (5, "random", "from-name", "from-prompt")] == [0, 3, 3, 3]


def test_a_workflow_that_does_not_use_the_seed_is_not_made_again(tmp_path: Path) -> None:
    graph = '{"1": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}}, "2": {"class_type": "X", "inputs": {}}}'
    (tmp_path / "draw.json").write_text(graph, encoding="utf-8")
    values = {"workflow": "draw.json", "verify": {"retries": 3}}
    made = make_job(values, name="kin", root=tmp_path.resolve(), file=tmp_path.resolve() / "test_kins.py")

    assert attempts(made, 5, 9)[0] == [5]


@pytest.mark.parametrize("failure", [JobSilent("silent"), ScorerFailed("the scorer ended")])
def test_what_is_no_verdict_on_the_picture_ends_it(tmp_path: Path, failure: Exception) -> None:
    def attempt(_seed: int) -> int:
        raise failure

    with pytest.raises(type(failure)):
        persevere(job(tmp_path, 3), 5, attempt, lambda _: None)


def test_retries_are_no_check_setting(tmp_path: Path) -> None:
    assert job(tmp_path, 3).checks == replace(job(tmp_path, 3), retries=0).checks == job(tmp_path, 0).checks

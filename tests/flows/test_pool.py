"""Which of several servers makes what."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.errors import ServerUnreachable
from pytest_comfygen.flows.pool import Pool
from pytest_comfygen.language.expand import make_job
from pytest_comfygen.records import Job

A, B, C = "http://a:1", "http://b:1", "http://c:1"


def job(checkpoint: str = "one.safetensors") -> Job:
    values = {"prompt": "a dwarf", "checkpoint": checkpoint}
    return make_job(values, name="kin", root=Path("/r"), file=Path("/r/kins.comfyjob.yaml"))


@pytest.mark.parametrize(
    ("worker", "workers", "expected"),
    [
        (0, 1, [A, B, C]),
        (0, 2, [A, C]),
        (1, 2, [B]),
        (0, 3, [A]),
        (2, 3, [C]),
        (3, 4, [A]),
        (7, 8, [B]),
    ],
)
def test_each_process_feeds_a_share(worker: int, workers: int, expected: list[str]) -> None:
    assert expected == Pool([A, B, C], worker, workers).share


@pytest.mark.parametrize("workers", range(1, 9))
def test_no_server_is_without_a_process(workers: int) -> None:
    shares = [Pool([A, B, C], worker, workers).share for worker in range(workers)]

    assert {A, B, C} == set().union(*shares)


def test_the_others_are_asked_when_the_own_cannot() -> None:
    assert list(Pool([A, B, C], 1, 3).for_job(job(), lambda _: 0)) == [B, C, A]


@pytest.mark.parametrize(
    ("waiting", "checkpoint", "expected"),
    [
        ({A: 0, B: 0}, "one.safetensors", A),
        ({A: 0, B: 0}, "two.safetensors", B),
        ({A: 1, B: 0}, "one.safetensors", B),
        ({A: 1, B: 1}, "one.safetensors", A),
        ({A: 2, B: 1}, "one.safetensors", B),
        ({A: 0, B: 1}, "two.safetensors", A),
    ],
    ids=["loaded", "the other loaded", "idle", "loaded and as long a line", "a shorter line", "idle without the model"],
)
def test_loaded_models_count_less_than_a_line(waiting: dict[str, int], checkpoint: str, expected: str) -> None:
    pool = Pool([A, B])
    pool.note(A, job("one.safetensors"))
    pool.note(B, job("two.safetensors"))

    assert expected == next(pool.for_job(job(checkpoint), waiting.__getitem__))


def test_what_failed_is_left_out() -> None:
    pool, failure = Pool([A, B], 0, 2), ServerUnreachable("gone")
    pool.leave_out(A, failure)

    assert list(pool.for_job(job(), lambda _: 0)) == [B]
    assert pool.share == []
    assert pool.last_failure is failure
    assert A in pool

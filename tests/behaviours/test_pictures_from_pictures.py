"""A picture may be made from another one: a file of the repository, or what another item makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.repository import Repository

JOB = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 2, prompt: "portrait of ${name}"}
items:
  old: {init_image: {item: young}, denoise: 0.5}
  young: {}
  drawn: {init_image: ../sketches/start.png, mask: ../sketches/mask.png}
"""
FILE = "jobs/kins.comfyjob.yaml"


@pytest.fixture
def chain(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with an item that starts from another one, and one that starts from files."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.write(FILE, JOB)
    paint(repository.path / "sketches" / "start.png", "red")
    paint(repository.path / "sketches" / "mask.png", "white")
    return repository


@pytest.fixture
def chained(chain: Repository) -> Repository:
    """The same with all images made."""
    assert chain.images_line(chain.run("jobs")) == "images: 3 generated"
    return chain


def paint(path: Path, colour: str) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (80, 64), colour).save(path)


def test_an_item_comes_after_the_one_that_it_is_made_from(chain: Repository) -> None:
    result = chain.run("jobs", "--collect-only", "-q")

    names = [line.partition("::")[2] for line in result.outlines if "::" in line]
    assert names == ["young", "old", "drawn"]


def test_the_second_run_finds_all_of_it_current(chained: Repository) -> None:
    assert chained.images_line(chained.run("jobs")) == "images: 3 current"
    assert chained.images_line(chained.run("jobs", "--comfy-check")) == "images: 3 current"


def test_everything_made_again_is_identical(chained: Repository) -> None:
    assert chained.images_line(chained.run("jobs", "--comfy-update", "all")) == "images: 3 identical"


def test_another_file_makes_the_picture_stale_in_words(chained: Repository) -> None:
    paint(chained.path / "sketches" / "start.png", "blue")

    checked = chained.run("jobs", "--comfy-check")

    checked.stdout.fnmatch_lines(["*drawn.png is stale: the picture of init_image changed (* → *)"])
    assert chained.images_line(checked) == "images: 2 current, 1 stale"
    assert chained.images_line(chained.run("jobs")) == "images: 1 generated, 2 current"


def test_a_stale_item_makes_the_second_stale(chained: Repository) -> None:
    chained.edit_job("young: {}", "young: {steps: 3}")

    checked = chained.run("jobs", "--comfy-check")

    checked.stdout.fnmatch_lines(["*old.png is stale: young, which it is made from, is not current"])
    assert chained.images_line(checked) == "images: 1 current, 2 stale"
    assert chained.images_line(chained.run("jobs")) == "images: 2 generated, 1 current"


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_when_the_first_fails_the_second_says_so(chain: Repository, workers: list[str]) -> None:
    chain.edit_job("young: {}", "young: {sampler: no_such_sampler}")

    result = chain.run("jobs", *workers)

    result.stdout.fnmatch_lines(
        [f"[[]input-not-ready[]] {FILE}:5:28: old is made from young, which this run did not make"]
    )
    assert chain.images_line(result) == "images: 1 generated, 2 failed"
    assert not list((chain.path / ".comfygen" / "chains").glob("*"))


def test_workers_wait_for_what_another_one_makes(chain: Repository) -> None:
    result = chain.run("jobs", "-n3")

    assert chain.images_line(result) == "images: 3 generated"
    assert chain.images_line(chain.run("jobs")) == "images: 3 current"


def test_the_second_alone_needs_the_first_to_be_current(chain: Repository) -> None:
    alone = chain.run(f"{FILE}::old")

    alone.stdout.fnmatch_lines(
        ["*old is made from young, which is not current", f'*make both: pytest "{FILE}::young" "{FILE}::old"']
    )
    assert chain.images_line(chain.run(f"{FILE}::young")) == "images: 1 generated"
    assert chain.images_line(chain.run(f"{FILE}::old")) == "images: 1 generated"


def test_an_edited_beginning_is_told_with_its_own_reason(chained: Repository) -> None:
    paint(chained.image("young"), "green")

    result = chained.run("jobs", "-k", "old")

    result.stdout.fnmatch_lines(["*old is made from young: assets/young.png was changed since it was made*"])


def test_a_file_that_is_not_there_fails_its_item_alone(chain: Repository) -> None:
    (chain.path / "sketches" / "start.png").rename(chain.path / "sketches" / "stard.png")

    result = chain.run("jobs")

    result.stdout.fnmatch_lines(
        [f"[[]input-missing[]] {FILE}:7:*: sketches/start.png does not exist", "*did you mean stard.png?"]
    )
    assert chain.images_line(result) == "images: 2 generated, 1 failed"


def test_a_sketch_needs_nothing_to_start_from(chain: Repository) -> None:
    (chain.path / "sketches" / "start.png").unlink()

    assert chain.images_line(chain.run("jobs", "--comfy-sketch")) == "images: 3 generated"


def test_a_record_holds_what_the_picture_was_made_from(chained: Repository) -> None:
    fields = chained.record("old")["inputs"]

    assert fields == {"init_image": chained.record("young")["pixels_sha256"]}

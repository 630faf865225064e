"""An image that a person touched is never overwritten unasked, and every way on is one option away."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.repository import Repository


def retouch(path: Path) -> bytes:
    """Paint over a part of an image, as a person would."""
    with Image.open(path) as image:
        image.load()
        ImageDraw.Draw(image).rectangle((8, 8, 24, 24), fill="lime")
        image.save(path)
    return path.read_bytes()


def optimise(path: Path) -> bytes:
    """Pack the same pixels into other bytes, as an optimiser would."""
    with Image.open(path) as image:
        image.load()
        image.save(path, optimize=True, compress_level=9)
    return path.read_bytes()


@pytest.mark.parametrize("options", [[], ["--comfy-update", "all"], ["--comfy-check"]], ids=["run", "all", "check"])
def test_an_edited_image_is_left_alone_and_said_so(made: Repository, options: list[str]) -> None:
    edited = retouch(made.image("kin_elf"))
    made.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {tags: [draft], steps: 3}")

    result = made.run("jobs", *options)

    assert made.image("kin_elf").read_bytes() == edited
    assert "1 edited" in made.images_line(result)
    result.stdout.fnmatch_lines(
        [
            "*[[]edited[]] jobs/kins.comfyjob.yaml:6:3: assets/kin_elf.png was changed since it was made,*",
            "*hint: --comfy-adopt keeps it as it stands, --comfy-overwrite-edited makes it anew*",
        ]
    )


def test_overwrite_edited_makes_it_anew(made: Repository) -> None:
    original = made.image("kin_elf").read_bytes()
    retouch(made.image("kin_elf"))

    result = made.run("jobs", "--comfy-overwrite-edited")

    assert made.images_line(result) == "images: 1 generated, 1 current"
    assert made.image("kin_elf").read_bytes() == original


def test_adopt_keeps_it_and_records_it(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = retouch(made.image("kin_elf"))
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")

    adopted = made.run("jobs", "--comfy-adopt", "-v")
    after = made.run("jobs")

    assert made.images_line(adopted) == "images: 1 current, 1 adopted"
    adopted.stdout.fnmatch_lines(["*::kin_elf ADOPTED*"])
    assert made.images_line(after) == "images: 2 current"
    assert made.image("kin_elf").read_bytes() == edited


def test_an_image_without_a_record_is_left_alone(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.image("kin_elf").parent.mkdir()
    Image.effect_noise((64, 64), 80).convert("RGB").save(repository.image("kin_elf"))
    found = repository.image("kin_elf").read_bytes()

    result = repository.run("jobs")

    assert repository.image("kin_elf").read_bytes() == found
    assert repository.images_line(result) == "images: 1 generated, 1 unrecorded"
    result.stdout.fnmatch_lines(["*[[]unrecorded[]]*assets/kin_elf.png has no record of what made it*"])


def test_an_image_that_fails_its_checks_is_not_adopted(repository: Repository) -> None:
    repository.image("kin_elf").parent.mkdir()
    Image.new("RGB", (64, 32), "red").save(repository.image("kin_elf"))

    result = repository.run("jobs/kins.comfyjob.yaml::kin_elf", "--comfy-adopt")

    result.stdout.fnmatch_lines(["*[[]picture-refused[]]*cannot be adopted: wrong-size, one-colour*"])
    assert not (repository.path / "assets" / ".comfyrecords").exists()


def test_an_optimised_image_is_accepted_and_its_record_refreshed(made: Repository) -> None:
    optimised = optimise(made.image("kin_elf"))

    checked = made.run("jobs", "--comfy-check")
    refreshed = made.run("jobs")
    again = made.run("jobs", "--comfy-update", "all")

    assert made.images_line(checked) == "images: 2 current"
    assert made.images_line(refreshed) == "images: 2 current"
    assert made.images_line(again) == "images: 2 identical"
    assert made.image("kin_elf").read_bytes() == optimised


def test_a_damaged_image_is_made_again_and_kept_in_the_trash(made: Repository) -> None:
    whole = made.image("kin_elf").read_bytes()
    made.image("kin_elf").write_bytes(whole[:-40])

    checked = made.run("jobs", "--comfy-check")
    result = made.run("jobs")

    assert made.images_line(checked) == "images: 1 current, 1 stale"
    checked.stdout.fnmatch_lines(["*assets/kin_elf.png is stale: the image is damaged*"])
    assert made.images_line(result) == "images: 1 generated, 1 current"
    assert made.image("kin_elf").read_bytes() == whole
    (kept,) = (made.path / ".comfygen" / "trash" / "assets").iterdir()
    assert kept.read_bytes() == whole[:-40]


def test_a_damaged_record_is_named_and_nothing_is_overwritten(made: Repository) -> None:
    record = made.path / "assets" / ".comfyrecords" / "kin_elf.png.json"
    record.write_text("<<<<<<< ours\n", encoding="utf-8")
    before = made.image("kin_elf").read_bytes()

    result = made.run("jobs")

    result.stdout.fnmatch_lines(["*[[]record-damaged[]]*"])
    assert made.image("kin_elf").read_bytes() == before


def test_a_git_lfs_pointer_counts_as_its_image(made: Repository) -> None:
    oid, size = made.record("kin_elf")["file_sha256"], made.image("kin_elf").stat().st_size
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
    made.image("kin_elf").write_text(pointer, encoding="utf-8")

    same = made.run("jobs", "--comfy-check")
    made.image("kin_elf").write_text(pointer.replace(oid, "0" * 64), encoding="utf-8")
    other = made.run("jobs", "--comfy-check")

    assert made.images_line(same) == "images: 2 current"
    assert made.images_line(other) == "images: 1 current, 1 edited"


def test_adopting_makes_nothing_also_where_the_file_is_damaged(
    made: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = made.image("kin_elf").read_bytes()[:-40]
    made.image("kin_elf").write_bytes(damaged)
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")

    result = made.run("jobs", "--comfy-adopt")

    result.stdout.fnmatch_lines(["*[[]picture-refused[]]*cannot be adopted*"])
    assert made.image("kin_elf").read_bytes() == damaged


@pytest.mark.parametrize("option", ["--comfy-overwrite-edited", "--comfy-adopt"])
def test_what_a_person_made_is_kept_in_the_trash_when_it_is_replaced(made: Repository, option: str) -> None:
    edited = retouch(made.image("kin_elf"))
    made.run("jobs", option)
    made.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {tags: [draft], steps: 3}")

    made.run("jobs", "--comfy-overwrite-edited").assert_outcomes(passed=2)

    (kept,) = (made.path / ".comfygen" / "trash" / "assets").iterdir()
    assert kept.read_bytes() == edited


def test_an_adopted_image_is_not_overwritten_because_its_job_changed(made: Repository) -> None:
    edited = retouch(made.image("kin_elf"))
    made.run("jobs", "--comfy-adopt")
    made.edit_job("steps: 2", "steps: 3")

    changed = made.run("jobs")
    every = made.run("jobs", "--comfy-update", "all")
    adopted = made.run("jobs", "--comfy-adopt")

    assert made.images_line(changed) == "images: 1 generated, 1 edited"
    changed.stdout.fnmatch_lines(
        ["*assets/kin_elf.png was adopted as it stood and is no longer what its job says*", "*steps 2 → 3"]
    )
    assert made.images_line(every) == "images: 1 identical, 1 edited"
    assert made.images_line(adopted) == "images: 1 current, 1 adopted"
    assert made.image("kin_elf").read_bytes() == edited


def test_a_file_that_fails_a_check_is_replaced_also_when_its_pixels_are_equal(made: Repository) -> None:
    whole = made.image("kin_elf").read_bytes()
    made.image("kin_elf").write_bytes(whole + b"x")

    checked = made.run("jobs", "--comfy-check")
    result = made.run("jobs")

    checked.stdout.fnmatch_lines(["*[[]stale[]]*check trailing-data*"])
    assert made.images_line(result) == "images: 1 generated, 1 current"
    assert made.image("kin_elf").read_bytes() == whole


def test_a_placeholder_in_the_place_of_a_real_picture_leaves_a_copy(made: Repository) -> None:
    path = made.path / "assets" / ".comfyrecords" / "kin_elf.png.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"sketch": true', '"sketch": false'), encoding="utf-8")
    real = made.image("kin_elf").read_bytes()
    made.edit_job("steps: 2", "steps: 3")

    made.run("jobs").assert_outcomes(passed=2)

    (kept,) = (made.path / ".comfygen" / "trash" / "assets").iterdir()
    assert kept.read_bytes() == real

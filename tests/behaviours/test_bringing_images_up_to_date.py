"""The main job: an item that runs brings its image to what the job says, and says what it did."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from tests.repository import Repository


def snapshot(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below `directory` with its bytes and modification time."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_first_run_generates_every_image(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)

    result = repository.run("jobs", "-v")

    assert repository.images_line(result) == "images: 2 generated"
    result.stdout.fnmatch_lines(["jobs/kins.comfyjob.yaml::kin_dwarf GENERATED*"])
    with Image.open(repository.image("kin_dwarf")) as image:
        assert (image.size, image.mode, image.format) == ((64, 64), "RGB", "PNG")


def test_the_record_says_what_made_the_image(made: Repository) -> None:
    record = made.record("kin_dwarf")

    assert record["job"] == "jobs/kins.comfyjob.yaml"
    assert record["item"] == "kin_dwarf"
    assert record["prompt"] == "portrait of kin_dwarf"
    assert record["models"]["checkpoint"] == "tiny.safetensors"
    assert record["parameters"]["steps"] == 2
    assert record["size"] == "64x64"
    assert record["file_sha256"] == hashlib.sha256(made.image("kin_dwarf").read_bytes()).hexdigest()


def test_a_second_run_finds_all_current_and_asks_nobody(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(made.path / "assets")
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")

    result = made.run("jobs", "-v")

    assert made.images_line(result) == "images: 2 current"
    result.stdout.fnmatch_lines(["*::kin_dwarf CURRENT*"])
    assert snapshot(made.path / "assets") == before


def test_a_changed_parameter_makes_just_that_item_stale_with_old_and_new_value(made: Repository) -> None:
    made.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {tags: [draft], steps: 3}")

    checked = made.run("jobs", "--comfy-check")
    result = made.run("jobs")

    checked.stdout.fnmatch_lines(["*[[]stale[]] jobs/kins.comfyjob.yaml:6:*assets/kin_elf.png is stale: steps 2 → 3"])
    assert made.images_line(checked) == "images: 1 current, 1 stale"
    assert made.images_line(result) == "images: 1 generated, 1 current"


def test_a_missing_image_is_made_again_and_only_that_one(made: Repository) -> None:
    made.image("kin_elf").unlink()

    checked = made.run("jobs", "--comfy-check")
    result = made.run("jobs")

    assert made.images_line(checked) == "images: 1 current, 1 missing"
    assert made.images_line(result) == "images: 1 generated, 1 current"


def test_update_all_on_an_unchanged_job_leaves_the_files_alone(made: Repository) -> None:
    before = snapshot(made.path / "assets")

    result = made.run("jobs", "--comfy-update", "all", "-v")

    assert made.images_line(result) == "images: 2 identical"
    result.stdout.fnmatch_lines(["*::kin_dwarf IDENTICAL*"])
    assert snapshot(made.path / "assets") == before


def test_a_change_that_changes_no_pixel_is_identical_once_and_current_then(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    graph = '{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}}, '
    graph += '"2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}'
    repository.write("jobs/graph.json", graph)
    job = "comfyjob: 1\noutput: {dir: ../assets}\ndefaults: {workflow: graph.json, verify: {allow_blank: true}}\n"
    repository.write("jobs/kins.comfyjob.yaml", job + "items: {blue: unused}\n")
    repository.run("jobs").assert_outcomes(passed=1)
    image = snapshot(repository.path / "assets")["blue.png"]
    repository.edit_job("unused", "another unused prompt")

    lines = [repository.images_line(repository.run("jobs")) for _ in range(2)]

    assert lines == ["images: 1 identical", "images: 1 current"]
    assert snapshot(repository.path / "assets")["blue.png"] == image


def test_update_missing_makes_what_is_missing_and_still_verifies_the_rest(made: Repository) -> None:
    made.image("kin_dwarf").unlink()
    made.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {tags: [draft], steps: 3}")

    result = made.run("jobs", "--comfy-update", "missing")

    assert made.images_line(result) == "images: 1 generated, 1 stale"


def test_a_moved_job_file_still_owns_its_images(made: Repository) -> None:
    (made.path / "jobs" / "kins.comfyjob.yaml").rename(made.path / "jobs" / "people.comfyjob.yaml")

    assert made.images_line(made.run("jobs")) == "images: 2 current"


def test_an_output_that_another_job_still_makes_is_refused_with_both_names(made: Repository) -> None:
    text = (made.path / "jobs" / "kins.comfyjob.yaml").read_text(encoding="utf-8")
    made.write("other/people.comfyjob.yaml", text)

    result = made.run("other/people.comfyjob.yaml::kin_dwarf")

    result.stdout.fnmatch_lines(
        ["*[[]owned-by-another[]]*assets/kin_dwarf.png belongs to jobs/kins.comfyjob.yaml::kin_dwarf*"]
    )


def test_a_random_seed_is_kept_until_something_else_changes(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.edit_job("steps: 2", "steps: 2, seed: random")
    repository.run("jobs").assert_outcomes(passed=2)
    seed = repository.record("kin_dwarf")["seed"]
    repository.edit_job("steps: 2", "steps: 3")

    repository.run("jobs").assert_outcomes(passed=2)

    assert repository.record("kin_dwarf")["seed"] == seed
    assert repository.record("kin_elf")["seed"] != seed


def test_with_xdist_every_image_is_made_once(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    items = "\n".join(f"  kin_{number}: {{}}" for number in range(12))
    defaults = "{checkpoint: a.safetensors, prompt: p, size: 64x64, steps: 1}"
    job = f"comfyjob: 1\ndefaults: {defaults}\noutput: {{dir: ../assets}}\nitems:\n{items}\n"
    repository.write("jobs/more.comfyjob.yaml", job)

    result = repository.run("jobs", "-n2")

    assert repository.images_line(result) == "images: 14 generated"
    assert len(list((repository.path / "assets").glob("*.png"))) == 14


def test_what_the_server_would_refuse_fails_first_and_the_others_are_made(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    items = "".join(f"  kin_{number}: {{}}\n" for number in range(6))
    repository.edit_job("  kin_elf: {tags: [draft]}\n", f"{items}  kin_elf: {{sampler: dpmpp2m}}\n")

    result = repository.run("jobs", "-v")

    order = [line.partition("::")[2].split()[:2] for line in result.outlines if line.startswith("jobs/")]
    assert order[:4] == [
        ["kin_dwarf", "GENERATED"],
        ["kin_0", "GENERATED"],
        ["kin_elf", "FAILED"],
        ["kin_1", "GENERATED"],
    ]
    assert repository.images_line(result) == "images: 7 generated, 1 failed"
    result.stdout.fnmatch_lines(["*[[]value-refused[]] jobs/kins.comfyjob.yaml:12:*dpmpp2m*", "*hint:*dpmpp_2m*"])


def test_an_approved_image_is_not_made_again_unless_its_job_changed(
    made: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    made.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {status: approved}")

    again = made.run("jobs", "--comfy-update", "all")
    made.edit_job("steps: 2", "steps: 3")
    changed = made.run("jobs", "--comfy-update", "all")

    assert made.images_line(again) == "images: 1 current, 1 identical"
    assert made.images_line(changed) == "images: 2 generated"

"""`--comfy-gallery`: what a run did to the images can be looked at in one file, however the run went."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

import pytest_comfygen.plugin.gallery  # noqa: F401  # once: pytester would load it again for each run
from tests.engine.install.world import git
from tests.outputs.gallery.exhibits import data_of
from tests.repository import Repository


def items_of(repository: Repository, page: str = ".comfygen/gallery.html") -> dict[str, dict[str, Any]]:
    """The images of the page, by name, in its order."""
    return {one["name"]: one for one in data_of((repository.path / page).read_text("utf-8"))["items"]}


def roles(item: dict[str, Any]) -> list[str]:
    return [plate["role"] for plate in item["plates"]]


def retouch(path: Path) -> None:
    with Image.open(path) as image:
        image.load()
        ImageDraw.Draw(image).rectangle((8, 8, 24, 24), fill="lime")
        image.save(path)


@pytest.fixture
def committed(made: Repository) -> Repository:
    """The repository with its two images made and committed."""
    git(made.path, "init", "-q")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-q", "-m", "kins")
    return made


# --- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_a_run_is_shown_and_the_file_told(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch, workers: list[str]
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)

    result = repository.run("jobs", "--comfy-gallery", *workers)

    result.stdout.fnmatch_lines(["gallery: .comfygen/gallery.html", "images: 2 generated"])
    items = items_of(repository)
    assert {name: (one["outcome"], roles(one)) for name, one in items.items()} == {
        "kin_dwarf": ("generated", ["now"]),
        "kin_elf": ("generated", ["now"]),
    }
    assert items["kin_elf"]["tags"] == ["portrait", "draft"]
    assert items["kin_dwarf"]["prompt"] == "portrait of kin_dwarf"
    assert ["steps", "2"] in items["kin_dwarf"]["parameters"]


def test_old_and_new_hang_side_by_side_with_the_reason(committed: Repository) -> None:
    committed.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {tags: [draft], steps: 3}")

    committed.run("jobs", "--comfy-gallery=out/gallery.html")

    items = items_of(committed, "out/gallery.html")
    assert [(name, roles(one), one["change"]) for name, one in items.items()] == [
        ("kin_elf", ["head", "now"], "changed"),
        ("kin_dwarf", ["now"], "same"),
    ]
    assert items["kin_elf"]["reasons"] == ["steps 2 → 3"]
    assert [plate["full"] for plate in items["kin_elf"]["plates"]] != [None, None]
    assert items["kin_dwarf"]["plates"][0]["link"] == "../assets/kin_dwarf.png"
    assert "full" not in items["kin_dwarf"]["plates"][0]


def test_images_that_were_not_committed_are_told_apart(committed: Repository) -> None:
    committed.edit_job("  kin_elf", "  kin_orc: {}\n  kin_elf")

    committed.run("jobs", "--comfy-gallery")

    assert {name: one["change"] for name, one in items_of(committed).items()} == {
        "kin_orc": "new",
        "kin_dwarf": "same",
        "kin_elf": "same",
    }


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_a_check_shows_what_is_wrong_with_what_stands_there(
    committed: Repository, monkeypatch: pytest.MonkeyPatch, workers: list[str]
) -> None:
    others = "  kin_orc: {}\n  kin_fox: {status: planned}"
    committed.edit_job("  kin_elf: {tags: [draft]}", f"  kin_elf: {{steps: 9}}\n{others}")
    retouch(committed.image("kin_dwarf"))
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")

    result = committed.run("jobs", "--comfy-check", "--comfy-gallery", *workers)

    assert committed.images_line(result) == "images: 1 planned, 1 missing, 1 stale, 1 edited"
    items = items_of(committed)
    assert {name: (one["outcome"], roles(one)) for name, one in items.items()} == {
        "kin_dwarf": ("edited", ["head", "now"]),
        "kin_elf": ("stale", ["now"]),
        "kin_orc": ("missing", []),
        "kin_fox": ("planned", []),
    }
    assert "is stale: steps 2 → 9" in items["kin_elf"]["error"]
    assert [command for _, command in items["kin_dwarf"]["commands"]] == [
        'pytest "jobs/kins.comfyjob.yaml::kin_dwarf" --comfy-adopt',
        'pytest "jobs/kins.comfyjob.yaml::kin_dwarf" --comfy-overwrite-edited',
    ]
    assert items["kin_orc"]["commands"] == [
        ["To make it", 'pytest "jobs/kins.comfyjob.yaml::kin_orc" --comfy-update stale']
    ]


def test_an_image_that_is_gone_shows_what_was_committed(committed: Repository) -> None:
    committed.image("kin_elf").unlink()

    committed.run("jobs", "--comfy-check", "--comfy-gallery")

    item = items_of(committed)["kin_elf"]
    assert (item["outcome"], item["change"], roles(item)) == ("missing", "gone", ["head"])


def test_an_edited_image_hangs_between_the_old_and_the_new_one(committed: Repository) -> None:
    retouch(committed.image("kin_elf"))
    committed.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {tags: [draft], steps: 3}")

    committed.run("jobs", "--comfy-overwrite-edited", "--comfy-gallery")

    item = items_of(committed)["kin_elf"]
    assert (item["outcome"], roles(item)) == ("generated", ["head", "before", "now"])


def test_a_refused_picture_hangs_beside_the_standing_one(committed: Repository) -> None:
    committed.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {steps: 3, verify: {min_stddev: 127}}")

    committed.run("jobs", "--comfy-gallery")

    item = items_of(committed)["kin_elf"]
    assert [(plate["role"], plate["label"]) for plate in item["plates"]] == [("now", "now"), ("refused", "refused")]
    assert "at least 127" in item["error"]
    assert "at least 127" in item["plates"][1]["why"]


def test_a_picture_of_an_earlier_run_is_said_to_be_one(committed: Repository) -> None:
    committed.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {steps: 3, verify: {min_stddev: 127}}")
    committed.run("jobs")

    committed.run("jobs", "--comfy-check", "--comfy-gallery")

    (_, refused) = items_of(committed)["kin_elf"]["plates"]
    assert refused["label"] == "refused in an earlier run"


def test_a_refused_picture_is_forgotten_once_its_image_is_current(committed: Repository) -> None:
    committed.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {tags: [draft], verify: {min_stddev: 127}}")
    committed.run("jobs")
    committed.edit_job(", verify: {min_stddev: 127}", "")

    committed.run("jobs", "--comfy-gallery")

    assert roles(items_of(committed)["kin_elf"]) == ["now"]


def test_sketches_are_shown_and_nothing_beside_them(committed: Repository) -> None:
    committed.run("jobs", "--comfy-sketch", "--comfy-gallery")

    item = items_of(committed)["kin_elf"]
    assert (item["outcome"], roles(item)) == ("generated", ["sketch"])
    assert item["plates"][0]["link"] == "sketch/assets/kin_elf.png"
    assert [command for _, command in item["commands"]] == ['pytest "jobs/kins.comfyjob.yaml::kin_elf" --comfy-sketch']


def test_quick_pictures_are_shown(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    monkeypatch.setenv("COMFYGEN_SET", "checkpoint=tiny.safetensors size=64x64 steps=2")

    repository.run("--comfy-prompt=a stout dwarf", "--comfy-count=2", "--comfy-gallery")

    items = items_of(repository)
    assert list(items) == ["a-stout-dwarf-001", "a-stout-dwarf-002"]
    assert roles(items["a-stout-dwarf-001"]) == ["now"]
    assert items["a-stout-dwarf-001"]["commands"] == [
        ["To make it again", "pytest '--comfy-prompt=a stout dwarf' --comfy-count=2"]
    ]


def test_a_contact_sheet_is_written_where_a_png_is_named(committed: Repository) -> None:
    result = committed.run("jobs", "--comfy-gallery=sheet.png")

    result.stdout.fnmatch_lines(["gallery: sheet.png"])
    with Image.open(committed.path / "sheet.png") as sheet:
        assert (sheet.format, sheet.width > 400) == ("PNG", True)


def test_what_is_no_picture_is_said_to_be_none(committed: Repository) -> None:
    oid = json.loads((committed.path / "assets" / ".comfyrecords" / "kin_elf.png.json").read_text(encoding="utf-8"))[
        "file_sha256"
    ]
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12\n"
    committed.image("kin_elf").write_text(pointer, encoding="utf-8")
    committed.image("kin_dwarf").write_bytes(committed.image("kin_dwarf").read_bytes()[:300])

    committed.run("jobs", "--comfy-check", "--comfy-gallery")

    items = items_of(committed)
    notes = {name: one["plates"][-1]["note"] for name, one in items.items()}
    assert notes == {"kin_dwarf": "not a picture, or damaged", "kin_elf": "a Git LFS pointer, not the picture"}


def test_an_image_whose_pointer_is_committed_is_not_called_changed(committed: Repository) -> None:
    data, oid = committed.image("kin_elf").read_bytes(), committed.record("kin_elf")["file_sha256"]
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n"
    committed.image("kin_elf").write_text(pointer, encoding="utf-8")
    git(committed.path, "commit", "-q", "-a", "-m", "as git-lfs keeps it")
    committed.image("kin_elf").write_bytes(data)

    committed.run("jobs", "--comfy-gallery")

    assert items_of(committed)["kin_elf"]["change"] == "same"


def test_an_image_that_no_job_names_is_shown_with_the_way_to_be_rid_of_it(committed: Repository) -> None:
    committed.edit_job("  kin_elf: {tags: [draft]}\n", "")

    result = committed.run("--comfy-check", "--comfy-gallery")

    assert committed.images_line(result) == "images: 1 current, 1 orphan"
    item = items_of(committed)["kin_elf.png"]
    assert (item["outcome"], roles(item), item["change"]) == ("orphan", ["now"], "same")
    assert item["commands"] == [["To move it to the trash, with all others", "pytest --comfy-prune"]]


def test_an_image_that_was_pruned_shows_what_was_committed(committed: Repository) -> None:
    committed.edit_job("  kin_elf: {tags: [draft]}\n", "")

    committed.run("--comfy-prune", "--comfy-gallery")

    item = items_of(committed)["kin_elf.png"]
    assert (item["outcome"], roles(item), item["change"], "commands" in item) == ("pruned", ["head"], "gone", False)


def test_a_seed_that_was_drawn_anew_is_the_one_that_is_told(committed: Repository) -> None:
    committed.run("jobs/kins.comfyjob.yaml::kin_elf", "--comfy-reroll", "--comfy-gallery")

    item = items_of(committed)["kin_elf"]
    assert (item["outcome"], roles(item)) == ("generated", ["head", "now"])
    assert ["seed", str(committed.record("kin_elf")["seed"])] in item["parameters"]
    assert [command for _, command in item["commands"]] == [
        'pytest "jobs/kins.comfyjob.yaml::kin_elf" --comfy-update all'
    ]


def test_a_plan_runs_nothing_and_so_shows_nothing(committed: Repository) -> None:
    committed.run("jobs", "--comfy-plan", "--comfy-gallery")

    assert not (committed.path / ".comfygen" / "gallery.html").exists()


# --- runs that do not end well ----------------------------------------------------------------------------------------


def test_what_did_not_run_is_shown_too(committed: Repository) -> None:
    committed.image("kin_dwarf").unlink()

    committed.run("jobs", "--comfy-check", "-x", "--comfy-gallery")

    assert {name: one["outcome"] for name, one in items_of(committed).items()} == {
        "kin_dwarf": "missing",
        "kin_elf": "not run",
    }


@pytest.mark.parametrize("how", ["KeyboardInterrupt", "pytest.exit"])
def test_a_run_that_is_interrupted_shows_how_far_it_came(committed: Repository, how: str) -> None:
    raising = "raise KeyboardInterrupt" if how == "KeyboardInterrupt" else "pytest.exit('enough')"
    committed.write(
        "conftest.py",
        f"import pytest\ndef pytest_runtest_setup(item):\n    if item.name == 'kin_elf':\n        {raising}\n",
    )

    committed.pytester.runpytest_inprocess("jobs", "--comfy-gallery", no_reraise_ctrlc=True)

    assert {name: one["outcome"] for name, one in items_of(committed).items()} == {
        "kin_dwarf": "current",
        "kin_elf": "not run",
    }


def test_a_worker_that_crashes_is_told_at_its_image(committed: Repository) -> None:
    committed.write(
        "conftest.py",
        "import os\ndef pytest_runtest_setup(item):\n    if item.name == 'kin_elf':\n        os._exit(3)\n",
    )

    committed.run("jobs", "--comfy-gallery", "-n1")

    items = items_of(committed)
    assert {name: one["outcome"] for name, one in items.items()} == {"kin_dwarf": "current", "kin_elf": "failed"}
    assert "crashed while running" in items["kin_elf"]["error"]
    assert roles(items["kin_elf"]) == ["now"]


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_a_job_file_that_cannot_be_used_is_told_above(committed: Repository, workers: list[str]) -> None:
    committed.write("jobs/wrong.comfyjob.yaml", "comfyjob: 1\nitems: {a: {stps: 3}}\n")

    committed.run("jobs", "--comfy-gallery", *workers)

    page = (committed.path / ".comfygen" / "gallery.html").read_text("utf-8")
    assert page.count("<summary>jobs/wrong.comfyjob.yaml</summary>") == 1
    assert "[unknown-key] jobs/wrong.comfyjob.yaml:2:" in page
    assert list(items_of(committed)) == ["kin_dwarf", "kin_elf"]


def test_one_that_cannot_be_written_fails_the_run(committed: Repository) -> None:
    committed.write("build", "a file, and no directory")

    result = committed.run("jobs", "--comfy-gallery=build/gallery.html")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["gallery: [[]write-failed[]] build/gallery.html cannot be written: *"])


# --- where it may be written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--comfy-gallery", "jobs"], "*bad-setting* --comfy-gallery took jobs for the file to write"),
        (["jobs", "--comfy-gallery=gallery.jpg"], "*--comfy-gallery: gallery.jpg is neither a page nor a sheet"),
        (["jobs", "--comfy-gallery=pytest.html"], "*--comfy-gallery: pytest.html is there and is no gallery of ours"),
        (["jobs", "--comfy-gallery=assets/g.html"], "*--comfy-gallery: assets/g.html lies in assets, where images *"),
        (["jobs", "--comfy-gallery=assets/g.html", "-n2"], "*assets/g.html lies in assets, where images are made"),
    ],
    ids=["directory", "ending", "another file", "among images", "among images, xdist"],
)
def test_a_wrong_place_is_refused_before_anything_runs(committed: Repository, arguments: list[str], told: str) -> None:
    committed.write("pytest.html", "somebody's")
    committed.image("kin_elf").unlink()

    result = committed.run(*arguments)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([told])
    assert not committed.image("kin_elf").exists()
    assert not (committed.path / "assets" / "g.html").exists()
    assert (committed.path / "pytest.html").read_text(encoding="utf-8") == "somebody's"


def test_a_gallery_takes_the_place_of_the_last_one(committed: Repository) -> None:
    for name in ("kin_dwarf", "kin_elf"):
        committed.run(f"jobs/kins.comfyjob.yaml::{name}", "--comfy-gallery=gallery.html")

    assert list(items_of(committed, "gallery.html")) == ["kin_elf"]


# --- what it costs others ---------------------------------------------------------------------------------------------


@pytest.fixture
def always(committed: Repository) -> Repository:
    """A repository that asks for a gallery in its configuration file."""
    ini = committed.path / "pytest.ini"
    committed.write("pytest.ini", f"{ini.read_text(encoding='utf-8')}comfy_gallery = out/gallery.html\n")
    return committed


def test_a_setting_asks_for_no_images(always: Repository) -> None:
    result = always.run()

    result.assert_outcomes(passed=2)
    assert not (always.path / "out").exists()
    result.stdout.no_fnmatch_line("gallery: *")


def test_a_setting_makes_one_in_every_run_with_images(always: Repository) -> None:
    always.run("jobs").stdout.fnmatch_lines(["gallery: out/gallery.html"])


def test_a_run_without_images_says_that_there_is_none(committed: Repository) -> None:
    result = committed.run("tests", "--comfy-gallery")

    result.stdout.fnmatch_lines(["gallery: no image ran, so there is none"])


def test_collecting_alone_shows_nothing(committed: Repository) -> None:
    committed.run("jobs", "--collect-only", "--comfy-gallery")

    assert not (committed.path / ".comfygen" / "gallery.html").exists()


def test_no_notes_are_left(committed: Repository) -> None:
    committed.run("jobs", "--comfy-gallery")

    assert list((committed.path / ".comfygen" / "gallery").iterdir()) == []


def test_the_gallery_is_no_part_of_the_commands_that_are_told(committed: Repository) -> None:
    committed.image("kin_elf").unlink()

    result = committed.run("jobs", "--comfy-check", "--comfy-gallery=gallery.html")

    assert "--comfy-gallery" not in "\n".join(line for line in result.outlines if "hint:" in line)


def test_candidates_hang_side_by_side_with_the_command_that_takes_one(committed: Repository) -> None:
    committed.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {candidates: 3, steps: 3}")

    committed.run("jobs", "--comfy-gallery")

    elf = items_of(committed)["kin_elf"]
    assert (elf["outcome"], roles(elf)) == ("unpicked", ["now", "candidate", "candidate", "candidate"])
    assert [plate["label"] for plate in elf["plates"]][1:] == ["candidate 1", "candidate 2", "candidate 3"]
    assert [command for _, command in elf["commands"]] == ["pytest --comfy-pick=jobs/kins.comfyjob.yaml::kin_elf=1"]


# --- runs that would work without one ---------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["alone", "xdist"])
def test_where_nothing_can_be_noted_that_is_told_and_the_images_are_checked(
    committed: Repository, workers: list[str]
) -> None:
    shutil.rmtree(committed.path / ".comfygen")
    committed.write(".comfygen", "a file, and no directory")

    result = committed.run("jobs", "--comfy-check", "--comfy-gallery=x.html", *workers)

    assert (result.ret, committed.images_line(result)) == (1, "images: 2 current")
    result.stdout.fnmatch_lines(["gallery: [[]write-failed[]] .comfygen/gallery cannot be written: *"])
    assert not (committed.path / "x.html").exists()


def test_a_setting_refuses_no_run_without_images(committed: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    committed.write("report.html", "somebody's")
    monkeypatch.setenv("COMFYGEN_GALLERY", "report.html")

    committed.run("tests").assert_outcomes(passed=2)


@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["alone", "xdist"])
def test_a_setting_that_names_somebodys_file_is_refused_when_images_run(
    committed: Repository, monkeypatch: pytest.MonkeyPatch, workers: list[str]
) -> None:
    page = committed.write("report.html", "somebody's")
    monkeypatch.setenv("COMFYGEN_GALLERY", "report.html")

    result = committed.run("jobs", *workers)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--comfy-gallery: report.html is there and is no gallery of ours"])
    assert page.read_text(encoding="utf-8") == "somebody's"


def test_a_file_that_came_while_the_run_was_under_way_is_left_alone(committed: Repository) -> None:
    committed.write(
        "conftest.py",
        "import pathlib\ndef pytest_runtest_setup(item):\n    pathlib.Path('g.html').write_text('somebody')\n",
    )

    result = committed.run("jobs", "--comfy-gallery=g.html")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["gallery: [[]write-failed[]] g.html is there and is no gallery of ours*"])
    assert (committed.path / "g.html").read_text(encoding="utf-8") == "somebody"

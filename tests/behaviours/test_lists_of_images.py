"""`output.index`: a JSON list of a job file's images, for the game that uses them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_comfygen.errors import WriteFailed
from pytest_comfygen.flows import index as index_flow
from pytest_comfygen.outputs.index import index_text
from tests.repository import Repository

DWARF = {"name": "kin_dwarf", "file": "kin_dwarf.png", "size": [64, 64], "tags": ["portrait"]}
ELF = {"name": "kin_elf", "file": "kin_elf.png", "size": [64, 64], "tags": ["portrait", "draft"]}


@pytest.fixture
def indexed(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The repository with an index of its images, not made yet."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.edit_job("{dir: ../assets}", "{dir: ../assets, index: kins.json}")
    return repository


def index(repository: Repository, name: str = "assets/kins.json") -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((repository.path / name).read_text(encoding="utf-8"))
    return entries


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_a_run_lists_what_it_made(indexed: Repository, workers: tuple[str, ...]) -> None:
    result = indexed.run("jobs", *workers)

    assert indexed.images_line(result) == "images: 2 generated"
    assert index(indexed) == [DWARF, ELF]


def test_an_image_is_a_line(indexed: Repository) -> None:
    indexed.run("jobs")

    assert len((indexed.path / "assets" / "kins.json").read_text(encoding="utf-8").splitlines()) == 4


def test_images_that_are_not_there_are_not_listed_and_those_of_another_run_are(indexed: Repository) -> None:
    indexed.run("-k", "kin_elf")
    assert index(indexed) == [ELF]

    indexed.run("-k", "kin_dwarf")
    assert index(indexed) == [DWARF, ELF]


def test_a_list_that_is_right_is_not_touched(indexed: Repository) -> None:
    indexed.run("jobs")
    before = (indexed.path / "assets" / "kins.json").stat()

    indexed.run("jobs")

    after = (indexed.path / "assets" / "kins.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_check_of_a_list_that_is_right_passes(indexed: Repository) -> None:
    indexed.run("jobs")

    result = indexed.run("jobs", "--comfy-check", "-v")

    assert (result.ret, indexed.images_line(result)) == (0, "images: 2 current")
    result.stdout.fnmatch_lines(["jobs/kins.comfyjob.yaml::index:kins.json PASSED*"])


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_a_check_fails_for_one_that_is_not(indexed: Repository, workers: tuple[str, ...]) -> None:
    indexed.run("jobs")
    indexed.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {tags: [final]}")

    result = indexed.run("jobs", "--comfy-check", *workers)

    assert (result.ret, indexed.images_line(result)) == (1, "images: 2 current")
    result.stdout.fnmatch_lines(
        [
            "[[]index-stale[]] jobs/kins.comfyjob.yaml:2:33: assets/kins.json does not list the images that there are",
            '    -{"name": "kin_elf", *draft*',
            '    +{"name": "kin_elf", *final*',
            "  hint: the same command with --comfy-update stale writes it",
            '  rerun: pytest "jobs/kins.comfyjob.yaml::index:kins.json" --comfy-check',
        ]
    )
    indexed.run("jobs")
    assert indexed.run("jobs", "--comfy-check").ret == 0


def test_a_check_fails_for_one_that_is_missing_and_for_that_item_alone(indexed: Repository) -> None:
    indexed.run("jobs")
    (indexed.path / "assets" / "kins.json").unlink()

    result = indexed.run("jobs/kins.comfyjob.yaml::index:kins.json", "--comfy-check")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assets/kins.json, the index of the images, is missing"])


def test_somebodys_file_is_left_alone_and_told_before_anything_is_made(indexed: Repository) -> None:
    data = indexed.write("assets/kins.json", '[{"name": "kin_dwarf", "strength": 3}]\n')

    result = indexed.run("jobs")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*[[]index-foreign[]] jobs/kins.comfyjob.yaml:2:33: assets/kins.json is no index *"])
    assert data.read_text(encoding="utf-8") == '[{"name": "kin_dwarf", "strength": 3}]\n'
    assert not indexed.image("kin_dwarf").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"[]\n",
        b"[ ]",
        '[{"name": "kin_dwarf", "file": "a", "size": null, "tags": []}]'.encode("utf-16"),
        b"\xff",
    ],
    ids=["empty", "empty line", "space", "utf-16", "no text"],
)
def test_any_other_json_is_somebodys(indexed: Repository, data: bytes) -> None:
    path = indexed.write("assets/kins.json", "")
    path.write_bytes(data)

    result = indexed.run("jobs")

    result.stdout.fnmatch_lines(["*[[]index-foreign[]] jobs/kins.comfyjob.yaml:2:33: assets/kins.json is no index *"])
    assert path.read_bytes() == data


def test_a_list_that_is_larger_than_any_of_ours_is_not_read(indexed: Repository) -> None:
    with indexed.write("assets/kins.json", "").open("r+b") as file:
        file.truncate((64 << 20) + 1)

    result = indexed.run("jobs")

    result.stdout.fnmatch_lines(["*[[]index-foreign[]] *"])


def test_a_list_of_nothing_is_filled_later(indexed: Repository) -> None:
    indexed.write("assets/kins.json", index_text([]))

    indexed.run("jobs")

    assert index(indexed) == [DWARF, ELF]


@pytest.mark.parametrize("how", ["line ends", "spaces"])
def test_other_line_ends_and_spaces_say_the_same(indexed: Repository, how: str) -> None:
    indexed.run("jobs")
    path = indexed.path / "assets" / "kins.json"
    other = path.read_bytes().replace(b"\n", b"\r\n") if how == "line ends" else json.dumps(index(indexed)).encode()
    path.write_bytes(other)

    assert indexed.run("jobs", "--comfy-check").ret == 0
    indexed.run("jobs")
    assert path.read_bytes() == other


def test_names_that_some_systems_take_for_one_are_one_list(indexed: Repository) -> None:
    kins = (indexed.path / "jobs" / "kins.comfyjob.yaml").read_text(encoding="utf-8")
    indexed.write("jobs/more.comfyjob.yaml", kins.replace("kin_", "more_").replace("kins.json", "Kins.json"))

    result = indexed.run("jobs")

    result.stdout.fnmatch_lines(["*[[]output-collision[]] jobs/more.comfyjob.yaml:2:33: Kins.json is the index of *"])


def test_two_job_files_cannot_have_one_list(indexed: Repository) -> None:
    kins = (indexed.path / "jobs" / "kins.comfyjob.yaml").read_text(encoding="utf-8")
    indexed.write("jobs/more.comfyjob.yaml", kins.replace("kin_", "more_"))

    result = indexed.run("jobs")

    result.stdout.fnmatch_lines(["*[[]output-collision[]] jobs/more.comfyjob.yaml:2:33: kins.json is the index of *"])


def test_folders_that_differ_between_images_are_in_the_list(indexed: Repository) -> None:
    indexed.edit_job("dir: ../assets,", "dir: '../assets/${name}/large',")

    indexed.run("jobs")

    assert [entry["file"] for entry in index(indexed)] == ["kin_dwarf/large/kin_dwarf.png", "kin_elf/large/kin_elf.png"]


def test_sketches_are_not_listed(indexed: Repository) -> None:
    indexed.run("jobs", "--comfy-sketch")

    assert not (indexed.path / "assets").exists()


def test_adopted_images_are_listed_in_ci_too(indexed: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed.run("jobs")
    (indexed.path / "assets" / "kins.json").unlink()
    monkeypatch.setenv("CI", "1")
    indexed.edit_job("steps: 2", "steps: 3")

    indexed.run("jobs", "--comfy-adopt")

    assert index(indexed) == [DWARF, ELF]


@pytest.mark.parametrize(
    "name", ["kins.yaml", "kins.comfyjob.json", "'${name}.json'", "../../../kins.json", ".git/kins.json", "/kins.json"]
)
def test_a_name_that_cannot_be_is_refused_at_its_place(repository: Repository, name: str) -> None:
    repository.edit_job("{dir: ../assets}", f"{{dir: ../assets, index: {name}}}")

    repository.run("jobs").stdout.fnmatch_lines(["*jobs/kins.comfyjob.yaml:2:33: *"])


def test_a_directory_in_its_place_is_told(indexed: Repository) -> None:
    (indexed.path / "assets" / "kins.json").mkdir(parents=True)

    result = indexed.run("jobs")

    result.stdout.fnmatch_lines(["*[[]index-foreign[]] jobs/kins.comfyjob.yaml:2:*: assets/kins.json is no index *"])


def test_a_list_that_cannot_be_written_at_the_end_is_told(indexed: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise WriteFailed("assets/kins.json cannot be written: No space left on device")

    monkeypatch.setattr(index_flow, "write_index", refuse)

    result = indexed.run("jobs")

    result.stdout.fnmatch_lines(
        ["*the index was not written: jobs/kins.comfyjob.yaml:2:*: assets/kins.json cannot be *"]
    )


@pytest.mark.parametrize("arguments", [("jobs", "--collect-only"), ("-k", "unit"), ("jobs", "--setup-plan")])
def test_a_run_that_makes_no_image_writes_none(indexed: Repository, arguments: tuple[str, ...]) -> None:
    indexed.run(*arguments)

    assert not (indexed.path / "assets").exists()

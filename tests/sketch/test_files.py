from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen.sketch.files import Folders, Refused, find_file, save_place, store_upload

if TYPE_CHECKING:
    from pathlib import Path

NOON = time.struct_time((2026, 3, 4, 12, 5, 6, 2, 63, 0))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders.below(tmp_path)


@pytest.mark.parametrize(
    ("prefix", "subfolder", "name"),
    [
        ("kin", "", "kin_00001_.png"),
        ("kins/dwarf", "kins", "dwarf_00001_.png"),
        ("a/b/c", "a/b", "c_00001_.png"),
        ("", "", "._00001_.png"),
        ("a/../b", "", "b_00001_.png"),
        ("%width%x%height%", "", "64x32_00001_.png"),
        ("%year%-%month%-%day%/%hour%%minute%%second%", "2026-03-04", "120506_00001_.png"),
        ("dated %date:yyyy%", "", "dated %date:yyyy%_00001_.png"),
    ],
)
def test_a_prefix_names_folder_and_file(folders: Folders, prefix: str, subfolder: str, name: str) -> None:
    place = save_place(folders.root / "output", prefix, (64, 32), lambda: NOON)
    assert (place.subfolder, place.file_name(0)) == (subfolder, name)
    assert place.folder.is_dir()


def test_counting_goes_on_after_the_highest_number_of_the_same_prefix(folders: Folders) -> None:
    output = folders.root / "output"
    for name in ("kin_00002_.png", "kin_00007_.txt", "kin_other_00050_.png", "kins_00060_.png", "kin_x.png"):
        (output / name).touch()
    place = save_place(output, "kin", (8, 8), lambda: NOON)
    assert [place.file_name(index) for index in range(2)] == ["kin_00008_.png", "kin_00009_.png"]


def test_the_number_in_the_batch_can_stand_in_the_name(folders: Folders) -> None:
    place = save_place(folders.root / "output", "kin-%batch_num%", (8, 8), lambda: NOON)
    assert [place.file_name(index) for index in range(2)] == ["kin-0_00001_.png", "kin-1_00002_.png"]


@pytest.mark.parametrize("prefix", ["../out", "/tmp/out", "a/../../out"])  # noqa: S108  # it is refused
def test_a_prefix_that_leads_out_is_refused(folders: Folders, prefix: str) -> None:
    with pytest.raises(Exception, match="Saving image outside the output folder is not allowed"):
        save_place(folders.root / "output", prefix, (8, 8), lambda: NOON)
    assert [folder.name for folder in sorted(folders.root.iterdir())] == ["input", "output", "temp"]


@pytest.mark.parametrize(
    "query",
    [
        {"filename": "kin.png", "subfolder": "sub"},
        {"filename": "kin.png", "subfolder": "sub", "type": "output"},
        {"filename": "elsewhere/kin.png", "subfolder": "sub"},
        {"filename": "kin.png [output]", "subfolder": "sub", "type": "temp"},
    ],
)
def test_a_file_is_found_by_name_folder_and_type(folders: Folders, query: dict[str, str]) -> None:
    file = folders.root / "output" / "sub" / "kin.png"
    file.parent.mkdir()
    file.touch()
    assert find_file(folders, query) == file


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 404),
        ({"filename": "gone.png"}, 404),
        ({"filename": ""}, 400),
        ({"filename": "../kin.png"}, 400),
        ({"filename": "/etc/hostname"}, 400),
        ({"filename": "kin.png", "type": "models"}, 400),
        ({"filename": "kin.png", "subfolder": "../temp"}, 403),
        ({"filename": "kin.png", "subfolder": "/etc"}, 403),
    ],
)
def test_a_file_that_may_not_be_read_is_refused(folders: Folders, query: dict[str, str], status: int) -> None:
    (folders.root / "temp" / "kin.png").touch()
    with pytest.raises(Refused) as refused:
        find_file(folders, query)
    assert refused.value.status == status


def test_an_upload_never_replaces_another_file_unasked(folders: Folders) -> None:
    folder = folders.root / "input"
    stored = [
        store_upload(folder, "sub", "u.png", content, overwrite=overwrite)
        for content, overwrite in [(b"1", False), (b"1", False), (b"2", False), (b"3", False), (b"2", False)]
    ]
    assert stored == ["u.png", "u.png", "u (1).png", "u (2).png", "u (1).png"]
    assert store_upload(folder, "sub", "u.png", b"4", overwrite=True) == "u.png"
    contents = {file.name: file.read_bytes() for file in (folder / "sub").iterdir()}
    assert contents == {"u.png": b"4", "u (1).png": b"2", "u (2).png": b"3"}


@pytest.mark.parametrize(("subfolder", "name"), [("..", "u.png"), ("/etc", "u.png"), ("", "../u.png")])
def test_an_upload_that_leads_out_is_refused(folders: Folders, subfolder: str, name: str) -> None:
    with pytest.raises(Refused) as refused:
        store_upload(folders.root / "input", subfolder, name, b"1", overwrite=False)
    assert refused.value.status == 400

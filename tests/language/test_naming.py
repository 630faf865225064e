from __future__ import annotations

import unicodedata
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given, strategies as st

from pytest_comfygen.errors import BadName, BadPath, JobFileError, OutsideRepository, UnknownFormat
from pytest_comfygen.language.naming import (
    check_name,
    check_tag,
    collision_key,
    directory_in,
    format_of,
    parts_of,
    still_format_of,
)

GOOD_NAMES = [
    "kin_smith", "a", "7", "1.5", "icon@2x", "a+b=c", "kin-dwarf.v2", "_x", "=x", "Zwerg", "größe", "cafe\u0301",
    "矮人", "गिलहरी", "con1", "console", "com", "com10", "nul_", "x" * 150,
]  # fmt: skip
BAD_NAMES = [
    "", ".", "..", ".hidden", "-k", "a.", "a b", "a/b", "a\\b", "a:b", "a::b", "a[1]", "a*", "a?", "a\nb", "a\x00b",
    "a$b", "a#b", "a%b", "a,b", "a\u200bb", "a\u202eb", "\ufeffa", "²", "½", "💥", "con", "CON", "Nul.txt", "aux.v2",
    "com0", "LPT9", "prn", "x" * 151,
]  # fmt: skip

GOOD_PATHS = [
    ("kin.png", ("kin.png",)),
    ("./kin.png", ("kin.png",)),
    ("a/b c/kin (1).png", ("a", "b c", "kin (1).png")),
    (".hidden/x.png", (".hidden", "x.png")),
]
BAD_PATHS = [
    "", "/", "/a", "//host/a", "a//b", "a/", "../a", "a/../b", "..", "a\\b", "C:a", "c:/a", "a:b", "a?", "a*", "a|b",
    "<a>", 'a"b', "a\nb", "a\x00b", "a\u202eb", "a\u200bb", "a.", "a /b", "a./b", "con", "con.png", "x/AUX.txt", "com¹",
    "LPT³.a", "conin$", "CONOUT$", "nul .png", "é" * 101,
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_good_names_are_accepted(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_fail_somewhere_are_refused(name: str) -> None:
    with pytest.raises(BadName):
        check_name(name)


@given(st.text(max_size=40))
def test_an_accepted_name_is_a_plain_file_name_on_every_system(name: str) -> None:
    try:
        check_name(name)
    except BadName:
        return
    assert PureWindowsPath(name).parts == Path(name).parts == (name,)
    assert parts_of(name) == (name,) or len(name.encode()) > 200
    assert not {unicodedata.category(character) for character in name} & {
        "Cc",
        "Cf",
        "Zs",
        "Zl",
        "Zp",
        "Co",
        "Cn",
        "Cs",
    }


@pytest.mark.parametrize(("path", "parts"), GOOD_PATHS)
def test_good_paths_are_split(path: str, parts: tuple[str, ...]) -> None:
    assert parts == parts_of(path)


@pytest.mark.parametrize("path", BAD_PATHS)
def test_paths_that_fail_somewhere_are_refused(path: str) -> None:
    with pytest.raises(BadPath):
        parts_of(path)


@pytest.mark.parametrize(
    ("path", "parts"), [("../a", ("..", "a")), ("a/", ("a",)), (".", ()), ("a/../../b", ("a", "..", "..", "b"))]
)
def test_folders_may_climb(path: str, parts: tuple[str, ...]) -> None:
    assert parts == parts_of(path, may_climb=True)


@given(st.text(max_size=40))
def test_an_accepted_path_stays_below_its_folder(path: str) -> None:
    try:
        parts = parts_of(path)
    except BadPath:
        return
    assert Path("/top").joinpath(*parts).is_relative_to("/top")
    assert PureWindowsPath("C:/top").joinpath(*parts).is_relative_to("C:/top")
    assert ".." not in parts


@pytest.mark.parametrize("tag", ["portrait", "v2", "a-b", "a.b", "größe"])
def test_good_tags_are_accepted(tag: str) -> None:
    check_tag(tag)


@pytest.mark.parametrize("tag", ["", "_x", "1st", "a b", "a:b", "a(b)", "and", "not", "skip", "xfail", "None"])
def test_tags_that_pytest_cannot_use_are_refused(tag: str) -> None:
    with pytest.raises(BadName):
        check_tag(tag)


@pytest.mark.parametrize(
    ("file", "image_format"),
    [
        ("a.png", "png"),
        ("a.PNG", "png"),
        ("a.webp", "webp"),
        ("a.jpg", "jpeg"),
        ("a.b.jpeg", "jpeg"),
        ("a.GIF", "gif"),
        ("a.opus", "opus"),
    ],
)
def test_the_suffix_decides_the_format(file: str, image_format: str) -> None:
    assert image_format == format_of(file)


@pytest.mark.parametrize("file", ["a", "a.bmp", "a.png.txt", "png", ".png", "a.", ""])
def test_other_suffixes_are_refused(file: str) -> None:
    with pytest.raises(UnknownFormat):
        format_of(file)


@pytest.mark.parametrize("file", ["a.gif", "a.mp4", "a.webm", "a.flac", "a.mp3", "a.opus", "a.wav", "a.bmp"])
def test_a_picture_to_start_from_stands_still(file: str) -> None:
    with pytest.raises(UnknownFormat):
        still_format_of(file)


SAME = [
    ("a/Kin.png", "a/kin.png"),
    ("A/kin.png", "a/kin.png"),
    ("caf\u00e9", "cafe\u0301"),
    ("CAF\u00c9", "cafe\u0301"),
    ("straße", "STRASSE"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_paths_that_some_system_takes_for_one_have_one_key(one: str, other: str) -> None:
    assert collision_key(Path(one)) == collision_key(Path(other))


def test_different_paths_have_different_keys() -> None:
    assert collision_key(Path("a/kin.png")) != collision_key(Path("b/kin.png"))


def test_a_folder_may_climb_inside_the_repository(tmp_path: Path) -> None:
    root = tmp_path.resolve()

    assert root / "assets" / "kins" == directory_in(root, root / "jobs", ("..", "assets", "kins"))
    assert root == directory_in(root, root / "jobs", ("..",))


LEADS_OUT = [("..", ".."), ("..", "..", "other"), ("..", "out"), ("..", "out", "deeper"), ("..", "loop")]


@pytest.mark.parametrize("parts", LEADS_OUT, ids="/".join)
def test_a_folder_may_not_leave_the_repository(tmp_path: Path, parts: tuple[str, ...]) -> None:
    root = tmp_path.resolve() / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")

    with pytest.raises((OutsideRepository, BadPath)):
        directory_in(root, root / "jobs", parts)


def test_a_link_inside_the_repository_is_followed(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "assets").mkdir()
    (root / "link").symlink_to(root / "assets")

    assert root / "link" == directory_in(root, root, ("link",))


@pytest.mark.parametrize("part", [".git", ".GIT", ".comfygen", "a/.comfyrecords", "link/hooks"])
def test_what_is_not_for_images_is_refused(tmp_path: Path, part: str) -> None:
    root = tmp_path.resolve()
    (root / ".git").mkdir()
    (root / "link").symlink_to(root / ".git")

    with pytest.raises(BadPath, match="not for images"):
        directory_in(root, root, tuple(part.split("/")))


@given(st.lists(st.sampled_from(["..", "a", "b", "out"]), max_size=6))
def test_no_folder_is_ever_outside(parts: list[str]) -> None:
    root = Path("/repository/does/not/exist")
    try:
        directory = directory_in(root, root / "jobs", tuple(parts))
    except JobFileError:
        return
    assert directory.is_relative_to(root)

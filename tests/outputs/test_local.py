"""Links in `.comfygen/` are found at any level, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_comfygen.errors import OutsideRepository
from pytest_comfygen.outputs.candidates import Candidates
from pytest_comfygen.outputs.imagecache import ImageCache
from pytest_comfygen.outputs.local import is_run, link_on_the_way
from pytest_comfygen.outputs.pending import Pending
from pytest_comfygen.outputs.remade import Remade
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import KeptImage
from tests.outputs.test_imagecache import RecordOf

RUN, OTHER = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture
def victim(root: Path) -> Path:
    """Somebody's folder, in the repository."""
    folder = root / "victim"
    folder.mkdir()
    return folder


def plant(root: Path, name: str, target: Path) -> Path:
    link = root / ".comfygen" / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    return link


@pytest.mark.parametrize(
    ("linked", "path", "found"),
    [
        (".comfygen/cache", ".comfygen/cache/images/key", ".comfygen/cache"),
        (".comfygen/cache/images", ".comfygen/cache/images", ".comfygen/cache/images"),
        (".comfygen", ".comfygen/a/b", ".comfygen"),
        (".comfygen/cache", ".comfygen/locks/a", None),
        ("assets", "assets/a.png", None),
    ],
)
def test_the_first_link_on_the_way_is_found(
    root: Path, victim: Path, linked: str, path: str, found: str | None
) -> None:
    (root / linked).parent.mkdir(parents=True, exist_ok=True)
    (root / linked).symlink_to(victim)

    assert link_on_the_way(root / path) == (root / found if found else None)


def test_a_link_above_the_repository_is_its_owners(tmp_path: Path, root: Path) -> None:
    (root / ".comfygen").mkdir()
    (tmp_path / "link").symlink_to(root)

    assert link_on_the_way(tmp_path / "link" / ".comfygen" / "cache") is None


@pytest.mark.parametrize(("name", "is_one"), [(RUN, True), (RUN[1:], False), ("assets", False), (RUN.upper(), False)])
def test_a_run_is_known_by_its_name(name: str, *, is_one: bool) -> None:
    assert is_run(name) is is_one


@pytest.mark.parametrize("name", ["cache", "cache/blobs.json", "cache/images"])
def test_a_local_directory_with_a_link_is_refused(root: Path, victim: Path, store: Store, name: str) -> None:
    plant(root, name, victim)

    with pytest.raises(OutsideRepository, match=rf"\.comfygen/{name} is a link"):
        store.local_directory("cache")
    assert store.local_directory("locks").is_dir()


def test_nothing_is_written_through_a_link(root: Path, victim: Path, store: Store, output: Path) -> None:
    plant(root, "sketch/assets", victim)

    with pytest.raises(OutsideRepository):
        store.write_sketch(output, b"picture")
    assert list(victim.iterdir()) == []


def test_notes_behind_a_link_are_not_ours(root: Path, victim: Path) -> None:
    (victim / "notes").mkdir()
    Pending(victim / "notes", lambda: 0.0, lambda _: False).announce("a.png")
    link = plant(root, "pending", victim / "notes")

    assert Pending(link, lambda: 0.0, lambda _: False).is_empty()


def test_candidates_behind_a_link_are_left_alone(
    root: Path, victim: Path, store: Store, output: Path, record_of: RecordOf
) -> None:
    (victim / "1.png").write_bytes(b"somebody's")
    candidates = Candidates.of(store, root)
    plant(root, "candidates/assets/kins/dwarf.png", victim)

    for found in ([], [KeptImage(b"picture", record_of(b"picture"))]):
        with pytest.raises(OutsideRepository):
            candidates.put(output, found)

    assert {path.name: path.read_bytes() for path in victim.iterdir()} == {"1.png": b"somebody's"}


def test_only_candidates_are_dropped(root: Path, store: Store, output: Path, record_of: RecordOf) -> None:
    candidates = Candidates.of(store, root)
    candidates.put(output, [KeptImage(b"picture", record_of(b"picture"))])
    (candidates.folder(output) / "notes.txt").write_text("somebody's")

    candidates.put(output, [])

    assert [path.name for path in candidates.folder(output).iterdir()] == ["notes.txt"]


def test_a_cache_behind_a_link_is_left_alone(root: Path, victim: Path, record_of: RecordOf) -> None:
    cache = ImageCache(root / ".comfygen" / "cache" / "images", 10)
    cache.keep("a", b"picture" * 3, record_of(b"picture" * 3))
    (root / ".comfygen" / "cache" / "images").rename(victim / "images")
    plant(root, "cache/images", victim / "images")
    before = sorted(path.name for path in (victim / "images").iterdir())

    cache.keep("b", b"picture" * 3, record_of(b"picture" * 3))
    cache.close()

    assert cache.find("a") is None
    assert sorted(path.name for path in (victim / "images").iterdir()) == before == ["a", "a.json"]


def test_only_images_are_let_go_of(tmp_path: Path, record_of: RecordOf) -> None:
    cache = ImageCache(tmp_path / "images", 10)
    cache.keep("a", b"picture" * 3, record_of(b"picture" * 3))
    (tmp_path / "images" / "holiday.png").write_bytes(b"somebody's")
    os.utime(tmp_path / "images" / "holiday.png", (1, 1))

    cache.close()

    assert [path.name for path in (tmp_path / "images").iterdir()] == ["holiday.png"]


@pytest.mark.parametrize("is_linked", [True, False], ids=["link", "folder"])
def test_only_what_runs_have_made_is_forgotten(root: Path, victim: Path, *, is_linked: bool) -> None:
    for name in (OTHER, "notes"):
        (victim / f"{name}.txt").write_text('["assets/a.png"]\n')
    directory = plant(root, "remade", victim) if is_linked else victim

    remade = Remade(directory, RUN)
    remade.begin(["assets/a.png"])

    left = {path.stem for path in victim.iterdir()} - {RUN}
    assert left == ({OTHER, "notes"} if is_linked else {"notes"})
    assert remade.is_empty == is_linked

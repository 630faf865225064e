"""The publish protocol: what is written, in which order, and what is refused."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pytest_comfygen.errors import DestinationChanged, OutsideRepository, RecordDamaged, WriteFailed
from pytest_comfygen.outputs.atomic import temp_path
from pytest_comfygen.outputs.recordfile import dump, record_path
from pytest_comfygen.outputs.store import OnDisk, Store
from pytest_comfygen.records import ImageRecord

RecordOf = Callable[[bytes], ImageRecord]

OLD, NEW = b"the old image", b"the new image"
DEAD_TOKEN = "4194305-c0ffee00"  # Linux gives no such pid: the highest is 4194304


def hex_of(data: bytes) -> str:
    return sha256(data).hexdigest()


def place(store: Store, output: Path, data: bytes, record: ImageRecord) -> None:
    """Publish on whatever stands there."""
    store.publish(store.stage(output, data), record, store.look(output))


def files(root: Path, *, local: bool = False) -> list[str]:
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())
    return sorted(name for name in found if local or not name.startswith(".comfygen/"))


def leave(store: Store, output: Path, *, staged: bytes | None, intent: str | None, token: str = DEAD_TOKEN) -> Path:
    """Leave what a killed run leaves: a note, with or without the intent, and perhaps the staged image."""
    note = store._pending.announce(output.relative_to(store._root).as_posix()).path
    left = note.with_name(f"{note.name.split('.')[0]}.{token}.json")
    note.rename(left)
    if intent is not None:
        left.write_text(intent, encoding="utf-8")
    if staged is not None:
        temp_path(output, token).write_bytes(staged)
    return left


# --- looking --------------------------------------------------------------------------------------------------------


def test_nothing_stands_where_nothing_was_made(store: Store, output: Path, root: Path) -> None:
    assert OnDisk(exists=False) == store.look(output)
    assert store.record(output) is None
    store.heal(output)
    store.close()
    assert files(root, local=True) == []


def test_nothing_stands_below_a_file(store: Store, root: Path) -> None:
    (root / "assets").write_bytes(b"")
    assert OnDisk(exists=False) == store.look(root / "assets" / "dwarf.png")


def test_an_image_is_known_by_its_bytes(store: Store, output: Path) -> None:
    output.parent.mkdir(parents=True)
    output.write_bytes(OLD)
    assert OnDisk(exists=True, sha256=hex_of(OLD)) == store.look(output)
    assert store.read(output) == OLD


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        (f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 12345\n", "ab" * 32),
        (
            f"version https://git-lfs.github.com/spec/v1\next-0-x sha256:{'cd' * 32}\noid sha256:{'ab' * 32}\nsize 1\n",
            "ab" * 32,
        ),
        (f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 31}\nsize 12345\n", None),
        (f"oid sha256:{'ab' * 32}\n", None),
        ("\x89PNG", None),
    ],
)
def test_a_git_lfs_pointer_is_known_by_its_oid(store: Store, output: Path, pointer: str, expected: str | None) -> None:
    output.parent.mkdir(parents=True)
    output.write_bytes(pointer.encode())
    assert OnDisk(exists=True, sha256=hex_of(pointer.encode()), lfs_oid=expected) == store.look(output)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        before = Path.cwd()
        os.chdir(path.parent)  # a socket's path is short
        try:
            one.bind(path.name)
        finally:
            os.chdir(before)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX file types")
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (Path.mkdir, "a directory"),
        (lambda path: path.symlink_to("elsewhere.png"), "a symbolic link"),
        (lambda path: os.mkfifo(path), "a named pipe"),  # noqa: PLW0108  # named when called: Windows has none
        (make_socket, "a socket"),
    ],
)
def test_what_is_no_plain_file_is_refused_by_its_kind(
    store: Store, output: Path, make: Callable[[Path], object], kind: str
) -> None:
    output.parent.mkdir(parents=True)
    make(output)
    with pytest.raises(WriteFailed) as caught:
        store.look(output)
    assert caught.value.message == f"assets/kins/dwarf.png is {kind}, and an image is a plain file"
    assert caught.value.hint == "move it away, or give the item another name or output"


def test_a_damaged_record_names_its_place_in_the_repository(store: Store, output: Path) -> None:
    record_path(output).parent.mkdir(parents=True)
    record_path(output).write_text("{", encoding="utf-8")
    with pytest.raises(RecordDamaged) as caught:
        store.record(output)
    assert str(caught.value.where) == "assets/kins/.comfyrecords/dwarf.png.json:1:2"


# --- publishing -----------------------------------------------------------------------------------------------------


def test_a_published_image_has_its_record_and_leaves_nothing_else(
    store: Store, root: Path, output: Path, record_of: RecordOf
) -> None:
    place(store, output, NEW, record_of(NEW))
    assert output.read_bytes() == NEW
    assert record_of(NEW) == store.record(output)
    assert files(root, local=True) == [
        ".comfygen/.gitignore",
        "assets/kins/.comfyrecords/dwarf.png.json",
        "assets/kins/dwarf.png",
    ]
    assert (root / ".comfygen" / ".gitignore").read_text() == "*\n"


def test_an_ignore_file_that_a_crash_left_empty_is_filled(store: Store, root: Path, output: Path) -> None:
    (root / ".comfygen").mkdir()
    (root / ".comfygen" / ".gitignore").touch()
    store.write_sketch(output, NEW)
    assert (root / ".comfygen" / ".gitignore").read_text() == "*\n"


def test_an_image_takes_the_old_ones_place(store: Store, output: Path, record_of: RecordOf) -> None:
    place(store, output, OLD, record_of(OLD))
    place(store, output, NEW, record_of(NEW))
    assert output.read_bytes() == NEW
    assert record_of(NEW) == store.record(output)


def test_a_staged_image_changes_nothing_yet(store: Store, root: Path, output: Path, record_of: RecordOf) -> None:
    place(store, output, OLD, record_of(OLD))
    staged = store.stage(output, NEW)
    assert (staged.path.parent, staged.path.read_bytes()) == (output.parent, NEW)
    assert output.read_bytes() == OLD
    store.discard(staged)
    assert files(root) == ["assets/kins/.comfyrecords/dwarf.png.json", "assets/kins/dwarf.png"]


def test_a_staged_image_is_dropped_when_it_is_not_published(store: Store, root: Path, output: Path) -> None:
    with suppress(ZeroDivisionError), store.discarding(store.stage(output, NEW)):
        raise ZeroDivisionError
    assert files(root, local=True) == [".comfygen/.gitignore"]


def test_a_published_image_is_not_dropped(store: Store, output: Path, record_of: RecordOf) -> None:
    staged = store.stage(output, NEW)
    with store.discarding(staged):
        store.publish(staged, record_of(NEW), OnDisk(exists=False))
    assert output.read_bytes() == NEW


def change(output: Path) -> None:
    output.write_bytes(b"painted by hand")


@pytest.mark.parametrize("meanwhile", [change, Path.unlink], ids=["changed", "removed"])
def test_an_image_changed_meanwhile_is_left_alone(
    store: Store, root: Path, output: Path, record_of: RecordOf, meanwhile: Callable[[Path], object]
) -> None:
    place(store, output, OLD, record_of(OLD))
    seen = store.look(output)
    staged = store.stage(output, NEW)
    meanwhile(output)
    with pytest.raises(DestinationChanged) as caught:
        store.publish(staged, record_of(NEW), seen)
    assert caught.value.message == "assets/kins/dwarf.png was changed while its new picture was made"
    assert not output.exists() or output.read_bytes() == b"painted by hand"
    assert record_of(OLD) == store.record(output)
    assert [name for name in files(root, local=True) if "tmp" in name or "pending" in name] == []


def test_an_image_that_appeared_meanwhile_is_left_alone(store: Store, output: Path, record_of: RecordOf) -> None:
    staged = store.stage(output, NEW)
    output.write_bytes(b"painted by hand")
    with pytest.raises(DestinationChanged):
        store.publish(staged, record_of(NEW), OnDisk(exists=False))
    assert output.read_bytes() == b"painted by hand"


def test_a_record_is_written_without_touching_its_image(store: Store, output: Path, record_of: RecordOf) -> None:
    place(store, output, OLD, record_of(OLD))
    before = output.stat()
    store.write_record(output, record_of(NEW))
    assert record_of(NEW) == store.record(output)
    assert before == output.stat()


def test_a_long_name_is_refused_before_anything_is_written(store: Store, root: Path) -> None:
    output = root / f"{'a' * 250}.png"
    with pytest.raises(WriteFailed) as caught:
        store.stage(output, NEW)
    assert caught.value.message == f"{output.name} cannot be written: File name too long"
    assert caught.value.hint == "give the item a shorter name"
    assert files(root, local=True) == [".comfygen/.gitignore"]


# --- staying inside -------------------------------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    return outside


def write(store: Store, output: Path, record_of: RecordOf) -> None:
    place(store, output, NEW, record_of(NEW))


def write_record(store: Store, output: Path, record_of: RecordOf) -> None:
    store.write_record(output, record_of(NEW))


def write_sketch(store: Store, output: Path, record_of: RecordOf) -> None:  # noqa: ARG001  # one signature for the table
    store.write_sketch(output, NEW)


@pytest.mark.parametrize(
    ("link", "writing", "expected"),
    [
        ("assets", write, "assets/kins/dwarf.png"),
        ("assets/kins", write, "assets/kins/dwarf.png"),
        ("assets/kins/.comfyrecords", write_record, "assets/kins/.comfyrecords/dwarf.png.json"),
        (".comfygen", write, ".comfygen/.gitignore"),
        (".comfygen/sketch", write_sketch, ".comfygen/sketch/assets/kins/dwarf.png"),
    ],
)
def test_nothing_is_written_through_a_link_that_leads_outside(
    store: Store,
    root: Path,
    output: Path,
    outside: Path,
    record_of: RecordOf,
    link: str,
    writing: Callable[[Store, Path, RecordOf], None],
    expected: str,
) -> None:
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(outside, target_is_directory=True)
    with pytest.raises(OutsideRepository) as caught:
        writing(store, output, record_of)
    assert caught.value.message.startswith(f"{expected} leads outside the repository through a link, to {outside}")
    assert list(outside.iterdir()) == []


def test_a_link_swapped_in_before_publishing_is_refused(
    store: Store, output: Path, outside: Path, record_of: RecordOf
) -> None:
    staged = store.stage(output, NEW)
    output.parent.rename(output.parent.with_name("moved"))
    (outside / staged.path.name).write_bytes(NEW)
    output.parent.symlink_to(outside, target_is_directory=True)
    with pytest.raises(OutsideRepository):
        store.publish(staged, record_of(NEW), OnDisk(exists=False))
    assert not (outside / output.name).exists()


def test_a_link_within_the_repository_is_followed(store: Store, root: Path, output: Path, record_of: RecordOf) -> None:
    (root / "elsewhere").mkdir()
    output.parent.parent.mkdir()
    output.parent.symlink_to(root / "elsewhere", target_is_directory=True)
    place(store, output, NEW, record_of(NEW))
    assert (root / "elsewhere" / "dwarf.png").read_bytes() == NEW


def test_a_repository_may_itself_be_reached_through_a_link(tmp_path: Path, root: Path, record_of: RecordOf) -> None:
    (tmp_path / "link").symlink_to(root, target_is_directory=True)
    place(Store(tmp_path / "link"), tmp_path / "link" / "dwarf.png", NEW, record_of(NEW))
    assert (root / "dwarf.png").read_bytes() == NEW


# --- healing --------------------------------------------------------------------------------------------------------


def test_an_intent_whose_image_is_in_place_is_completed(
    store: Store, root: Path, output: Path, record_of: RecordOf
) -> None:
    place(store, output, OLD, record_of(OLD))
    output.write_bytes(NEW)
    leave(store, output, staged=None, intent=dump(record_of(NEW)))
    Store(root).heal(output)
    assert record_of(NEW) == store.record(output)
    assert files(root, local=True) == [
        ".comfygen/.gitignore",
        "assets/kins/.comfyrecords/dwarf.png.json",
        "assets/kins/dwarf.png",
    ]


def test_an_intent_is_completed_when_git_lfs_has_put_a_pointer_in_the_images_place(
    store: Store, root: Path, output: Path, record_of: RecordOf
) -> None:
    place(store, output, OLD, record_of(OLD))
    output.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{hex_of(NEW)}\nsize 13\n")
    leave(store, output, staged=None, intent=dump(record_of(NEW)))
    Store(root).heal(output)
    assert record_of(NEW) == store.record(output)


@pytest.mark.parametrize("cut", [0, 1, 300, None], ids=["announced only", "cut", "cut later", "whole"])
def test_what_was_never_put_in_place_is_dropped(
    store: Store, root: Path, output: Path, record_of: RecordOf, cut: int | None
) -> None:
    place(store, output, OLD, record_of(OLD))
    leave(store, output, staged=NEW, intent=dump(record_of(NEW))[:cut])
    Store(root).heal(output)
    assert output.read_bytes() == OLD
    assert record_of(OLD) == store.record(output)
    assert [name for name in files(root, local=True) if "tmp" in name or "pending" in name] == []


def test_two_runs_may_heal_the_same_output_at_once(root: Path, store: Store, output: Path, record_of: RecordOf) -> None:
    place(store, output, OLD, record_of(OLD))
    output.write_bytes(NEW)
    leave(store, output, staged=None, intent=dump(record_of(NEW)))
    first, second = Store(root), Store(root)
    assert (first._pending.is_empty(), second._pending.is_empty()) == (False, False)
    first.heal(output)
    second.heal(output)
    assert record_of(NEW) == store.record(output)


def test_what_another_run_is_writing_now_is_left_alone(
    root: Path, store: Store, output: Path, record_of: RecordOf
) -> None:
    place(store, output, OLD, record_of(OLD))
    note = leave(store, output, staged=NEW, intent="", token=f"{os.getppid()}-c0ffee00")
    Store(root).heal(output)
    assert note.exists()
    assert temp_path(output, f"{os.getppid()}-c0ffee00").exists()


def test_a_note_older_than_any_writing_is_a_leftover_whoever_has_its_process_id(
    root: Path, store: Store, output: Path, record_of: RecordOf
) -> None:
    place(store, output, OLD, record_of(OLD))
    note = leave(store, output, staged=NEW, intent="", token=f"{os.getppid()}-c0ffee00")
    Store(root, now=lambda: note.stat().st_mtime + 61).heal(output)
    assert not note.exists()
    assert not temp_path(output, f"{os.getppid()}-c0ffee00").exists()


def test_other_outputs_notes_are_left_alone(root: Path, store: Store, output: Path, record_of: RecordOf) -> None:
    other = output.with_name("elf.png")
    place(store, output, OLD, record_of(OLD))
    note = leave(store, other, staged=NEW, intent="")
    Store(root).heal(output)
    assert note.exists()


def test_files_that_are_no_notes_are_left_alone(root: Path, output: Path) -> None:
    stranger = root / ".comfygen" / "pending" / "README"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("what is this?")
    Store(root).heal(output)
    assert stranger.exists()


def test_a_clean_repository_is_not_searched_for_each_item(
    root: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Path] = []
    iterdir = Path.iterdir

    def noted(path: Path) -> Any:
        looks.append(path)
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", noted)
    store = Store(root)
    for number in range(5):
        store.heal(output.with_name(f"{number}.png"))
    assert looks == [root / ".comfygen" / "pending"]


def test_an_old_stray_without_a_note_is_swept_before_the_next_write(
    root: Path, output: Path, record_of: RecordOf
) -> None:
    output.parent.mkdir(parents=True)
    stray = temp_path(output, DEAD_TOKEN)
    others = [output.with_name(".elf.png.1-c0ffee00.comfygen-tmp"), output.with_name(".dwarf.png.tmp")]
    for path in (stray, *others):
        path.write_bytes(b"")
    now = stray.stat().st_mtime
    place(Store(root, now=lambda: now + 3599), output, NEW, record_of(NEW))
    assert stray.exists()
    place(Store(root, now=lambda: now + 3601), output, OLD, record_of(OLD))
    assert [path.exists() for path in (stray, *others)] == [False, True, True]


def test_publishing_waits_six_times_for_the_disk(
    root: Path, output: Path, record_of: RecordOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    store = Store(root)
    place(store, output, OLD, record_of(OLD))
    monkeypatch.setattr(os, "fsync", synced.append)
    place(store, output, NEW, record_of(NEW))
    assert len(synced) == 6  # the image, the intent, the note, the image's place, the record, the record's place


# --- what stays on this machine -------------------------------------------------------------------------------------


def test_a_rejected_picture_lies_with_its_reason(store: Store, root: Path, output: Path) -> None:
    kept = store.reject(output, NEW, "wrong-size  64x64  wanted 832x1216")
    assert root / ".comfygen" / "rejected" / "assets" / "kins" / "dwarf.png" == kept
    assert kept.read_bytes() == NEW
    assert kept.with_name("dwarf.png.txt").read_text() == "wrong-size  64x64  wanted 832x1216\n"
    assert not output.exists()


def test_a_picture_that_cannot_be_kept_does_not_hide_why_it_was_rejected(
    store: Store, root: Path, output: Path
) -> None:
    (root / ".comfygen").write_text("a file where a directory should be")
    assert store.reject(output, NEW, "black") is None


def test_a_file_is_copied_to_the_trash_under_its_hash(store: Store, root: Path, output: Path) -> None:
    output.parent.mkdir(parents=True)
    output.write_bytes(OLD)
    kept = store.trash(output)
    assert root / ".comfygen" / "trash" / "assets" / "kins" / f"dwarf.{hex_of(OLD)[:8]}.png" == kept
    assert (kept.read_bytes(), output.read_bytes()) == (OLD, OLD)


def test_nothing_goes_to_the_trash_where_nothing_stands(store: Store, root: Path, output: Path) -> None:
    assert store.trash(output) is None
    assert files(root, local=True) == []


def test_a_sketch_lies_away_from_the_assets(store: Store, root: Path, output: Path) -> None:
    path = store.write_sketch(output, NEW)
    store.write_sketch(output, OLD)
    assert root / ".comfygen" / "sketch" / "assets" / "kins" / "dwarf.png" == path
    assert path.read_bytes() == OLD
    assert files(root) == []


def test_hashes_are_remembered_from_run_to_run(root: Path, output: Path) -> None:
    output.parent.mkdir(parents=True)
    output.write_bytes(OLD)
    store = Store(root, now=lambda: output.stat().st_ctime + 60)
    store.look(output)
    store.close()
    assert files(root, local=True) == [
        ".comfygen/.gitignore",
        ".comfygen/cache/hashes.json",
        "assets/kins/dwarf.png",
    ]


def test_hashes_that_cannot_be_kept_are_no_error(root: Path, output: Path) -> None:
    output.parent.mkdir(parents=True)
    output.write_bytes(OLD)
    (root / ".comfygen").write_text("a file where a directory should be")
    store = Store(root, now=lambda: output.stat().st_ctime + 60)
    store.look(output)
    store.close()
    assert (root / ".comfygen").is_file()


# --- every call to the system may fail ------------------------------------------------------------------------------


class FailingSystem:
    """Lets the calls that reach the disk through, but for the one with number `fatal`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fatal: int, failure: OSError) -> None:
        self.calls = 0
        self._fatal = fatal
        self._failure = failure
        for owner, name in ((os, "open"), (os, "write"), (os, "fsync"), (Path, "replace"), (Path, "mkdir")):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self._fatal:
                raise self._failure
            return call(*args, **options)

        return counted


@pytest.mark.parametrize("before", [OLD, None], ids=["over an old image", "where nothing stood"])
@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EIO, "Input/output error")]
)
def test_whatever_call_fails_the_old_or_the_new_image_stands_and_a_second_try_succeeds(
    tmp_path: Path, record_of: RecordOf, before: bytes | None, failure: OSError
) -> None:
    failures = 0
    while fail_once(tmp_path / str(failures), record_of, before, failure, failures + 1):
        failures += 1
    assert failures > 15


def fail_once(root: Path, record_of: RecordOf, before: bytes | None, failure: OSError, fatal: int) -> bool:
    """Publish with the call number `fatal` failing, then again; whether there were that many calls."""
    output = root / "assets" / "dwarf.png"
    root.mkdir()
    if before is not None:
        place(Store(root), output, before, record_of(before))
    store = Store(root)
    seen = store.look(output)
    failed: WriteFailed | None = None
    with pytest.MonkeyPatch.context() as patch:
        system = FailingSystem(patch, fatal, failure)
        try:
            store.publish(store.stage(output, NEW), record_of(NEW), seen)
        except WriteFailed as error:
            failed = error
    assert failed is None or (str(failure.strerror) in failed.message and failed.__cause__ is failure)
    standing = output.read_bytes() if output.exists() else None
    assert standing in (before, NEW)
    store.heal(output)
    record = store.record(output)
    assert (hex_of(standing) if standing else None) == (record.file_sha256 if record else None)
    assert [name for name in files(root, local=True) if "tmp" in name or "pending" in name] == []
    place(store, output, NEW, record_of(NEW))
    assert (NEW, record_of(NEW)) == (output.read_bytes(), store.record(output))
    return system.calls >= fatal


def test_a_full_disk_is_named_with_what_helps(store: Store, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FailingSystem(monkeypatch, 3, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(WriteFailed) as caught:
        store.stage(output, NEW)
    assert caught.value.message.startswith("assets/kins/dwarf.png cannot be written: No space left on device")
    assert caught.value.hint == "make room on the disk and run again"


def test_where_it_failed_is_named_when_that_is_elsewhere(store: Store, root: Path, output: Path) -> None:
    (root / ".comfygen").mkdir()
    (root / ".comfygen" / "pending").write_text("a file where a directory should be")
    with pytest.raises(WriteFailed) as caught:
        store.stage(output, NEW)
    assert caught.value.message == "assets/kins/dwarf.png cannot be written: File exists (at .comfygen/pending)"


def test_ctrl_c_after_the_image_is_in_place_leaves_what_heals(
    root: Path, store: Store, output: Path, record_of: RecordOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(store, output, OLD, record_of(OLD))
    rename = Path.replace

    def interrupted(source: Path, target: Path) -> Path:
        rename(source, target)
        raise KeyboardInterrupt

    staged = store.stage(output, NEW)
    seen = store.look(output)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.publish(staged, record_of(NEW), seen)
    Store(root).heal(output)
    assert (NEW, record_of(NEW)) == (output.read_bytes(), store.record(output))

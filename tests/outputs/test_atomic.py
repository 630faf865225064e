"""Old bytes or all of the new ones, whoever looks and whatever fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pytest_comfygen.outputs import atomic
from pytest_comfygen.outputs.atomic import (
    overwrite_durably,
    remove,
    replace,
    sync_directory,
    temp_path,
    write_atomically,
    write_durably,
)


def never_sleep(seconds: float) -> None:
    pytest.fail(f"slept {seconds} s")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_temporary_file_lies_beside_its_target_and_is_hidden() -> None:
    assert Path("kins/.dwarf.png.77-c0ffee00.comfygen-tmp") == temp_path(Path("kins/dwarf.png"), "77-c0ffee00")


def test_a_new_file_never_replaces_another(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        write_durably(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_new_file_is_not_written_through_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_durably(tmp_path / "link", b"new")
    assert names(tmp_path) == ["link"]


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no umask")
@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_the_umask_decides_who_may_read_a_file(tmp_path: Path, umask: int, expected: int) -> None:
    before = os.umask(umask)
    try:
        write_durably(tmp_path / "a", b"new")
    finally:
        os.umask(before)
    assert expected == (tmp_path / "a").stat().st_mode & 0o777


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:3]))
    write_durably(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_the_bytes_reach_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def noted_fsync(handle: int) -> None:
        steps.append("fsync")
        fsync(handle)

    def noted_rename(source: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_rename)
    write_atomically(tmp_path / "a", b"new", "1-00000000", never_sleep)
    assert steps == ["fsync", "rename"]
    assert names(tmp_path) == ["a"]


def test_overwriting_cuts_what_was_longer(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"longer than before")
    overwrite_durably(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_reported() -> None:
    with pytest.raises(OSError, match="No space left on device") as caught:
        overwrite_durably(Path("/dev/full"), b"new")
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("refusals", [0, 1, 10])
def test_a_file_held_open_for_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    (tmp_path / "new").write_bytes(b"new")
    naps: list[float] = []
    rename = Path.replace

    def reluctant(source: Path, target: Path) -> Path:
        if len(naps) < refusals:
            raise PermissionError(errno.EACCES, "in use")
        return rename(source, target)

    monkeypatch.setattr(Path, "replace", reluctant)
    replace(tmp_path / "new", tmp_path / "a", naps.append, tries=11)
    assert naps == [0.1] * refusals
    assert names(tmp_path) == ["a"]


def test_a_file_held_open_for_a_second_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []

    def refused(source: Path, target: Path) -> Path:  # noqa: ARG001  # the signature is Path.replace's
        raise PermissionError(errno.EACCES, "in use")

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(PermissionError):
        replace(tmp_path / "new", tmp_path / "a", naps.append, tries=11)
    assert naps == [0.1] * 10


@pytest.mark.skipif(os.name == "nt", reason="Windows waits")
def test_a_refusal_is_for_good_where_open_files_can_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(source: Path, target: Path) -> Path:  # noqa: ARG001  # the signature is Path.replace's
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(PermissionError):
        replace(tmp_path / "new", tmp_path / "a", never_sleep)


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "broken disk"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def broken(handle: int) -> None:  # noqa: ARG001  # the signature is os.fsync's
        raise failure

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(type(failure)):
        write_atomically(tmp_path / "a", b"new", "1-00000000", never_sleep)
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.skipif(os.name == "nt", reason="a directory cannot be opened there")
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_directories_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    called: list[int] = []

    def unsupported(handle: int) -> None:
        called.append(handle)
        raise OSError(number, "not here")

    monkeypatch.setattr(os, "fsync", unsupported)
    sync_directory(tmp_path)
    assert len(called) == 1


@pytest.mark.skipif(os.name == "nt", reason="a directory cannot be opened there")
def test_a_broken_disk_is_an_error_also_for_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(handle: int) -> None:  # noqa: ARG001  # the signature is os.fsync's
        raise OSError(errno.EIO, "broken disk")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="broken disk"):
        sync_directory(tmp_path)


def test_a_directory_is_nothing_to_sync_where_it_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_IS_WINDOWS", True)
    sync_directory(tmp_path / "absent")


def test_tidying_never_fails(tmp_path: Path) -> None:
    remove(tmp_path / "absent")
    remove(tmp_path)
    assert tmp_path.is_dir()

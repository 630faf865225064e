"""What the checked out commit holds is read by one git, and nothing else of the repository is run or touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_comfygen.engine.git import Git
from pytest_comfygen.engine.history import Head, blob_id, head_of
from tests.engine.install.world import commit, git

PLAIN = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull}
LARGE = "x" * 3_000_000


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two files, one of them changed since, and one that git does not know."""
    top = tmp_path / "game"
    commit(top, {"assets/kin.txt": "before", "assets/größe x.txt": LARGE})
    (top / "assets" / "kin.txt").write_text("after, and longer")
    (top / "assets" / "new.txt").write_text("new")
    return top


def head(repository: Path) -> Head:
    found = head_of(Git.find(PLAIN), repository)
    assert found is not None
    return found


def test_the_files_of_the_commit(repository: Path) -> None:
    found = head(repository)

    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert found.files == {
        name: git(repository, "rev-parse", f"HEAD:{name}") for name in ("assets/kin.txt", "assets/größe x.txt")
    }


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_an_id_is_gits(tmp_path: Path, algorithm: str) -> None:
    git(tmp_path, "init", "-q", f"--object-format={algorithm}")
    commit(tmp_path, {"kin.txt": "größe"})
    (found,) = head(tmp_path).files.values()

    assert (blob_id("größe".encode(), found), blob_id(b"", found) == found) == (found, False)


def test_files_are_read_one_after_the_other(repository: Path) -> None:
    with head(repository).reading() as reader:
        read = [
            reader.read(name)
            for name in ("assets/kin.txt", "nowhere.txt", "assets", "assets/größe x.txt", "a\nb", "assets/kin.txt")
        ]

    assert read == [b"before", None, None, LARGE.encode(), None, b"before"]


def test_a_git_that_has_ended_answers_nothing(repository: Path) -> None:
    with head(repository).reading() as reader:
        reader.questions.close()

        assert reader.read("assets/kin.txt") is None


@pytest.mark.parametrize("kind", ["nothing", "empty .git", "no commit"])
def test_without_a_commit_there_is_nothing(tmp_path: Path, kind: str) -> None:
    if kind == "empty .git":
        (tmp_path / ".git").mkdir()
    elif kind == "no commit":
        git(tmp_path, "init", "-q")

    assert head_of(Git.find(PLAIN), tmp_path) is None


def test_a_directory_inside_a_repository_is_no_top(repository: Path) -> None:
    assert head_of(Git.find(PLAIN), repository / "assets") is None


def test_no_program_that_the_repository_names_is_run(repository: Path) -> None:
    trap = repository / "trap.sh"
    trap.write_text("#!/bin/sh\ntouch trapped\ncat\n")
    trap.chmod(0o755)
    for key in ("filter.trap.clean", "filter.trap.smudge", "core.fsmonitor", "diff.external", "diff.trap.textconv"):
        git(repository, "config", key, str(trap))
    (repository / ".gitattributes").write_text("*.txt filter=trap diff=trap\n")

    with head(repository).reading() as reader:
        assert reader.read("assets/kin.txt") == b"before"

    assert not (repository / "trapped").exists()

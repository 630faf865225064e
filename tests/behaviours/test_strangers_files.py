"""A stranger's pull request brings job files, records and links; checking them harms nobody."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.repository import Repository


def forge(repository: Repository, **fields: object) -> None:
    """Change a committed record."""
    path = repository.path / "assets" / ".comfyrecords" / "kin_elf.png.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")


def test_a_record_cannot_steer_the_terminal(made: Repository) -> None:
    forge(made, parameters={"sampler": "\x1b[2Jeuler", "\x9b31m": 1})

    result = made.run("jobs", "--comfy-check", "--color=no")

    assert "1 stale" in made.images_line(result)
    assert not {"\x1b", "\x9b"} & set(result.stdout.str())
    assert "\\x1b[2Jeuler" in result.stdout.str()


@pytest.mark.parametrize("name", ["../outside.comfyjob.yaml", "/etc/passwd", "C:\\x.comfyjob.yaml", "\\\\host\\x"])
def test_a_record_cannot_make_us_open_a_file_elsewhere(
    made: Repository, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (made.path.parent / "outside.comfyjob.yaml").write_text("comfyjob: 1\nitems: {}\n", encoding="utf-8")
    forge(made, job=name)
    opened: list[str] = []
    plain_open = Path.open

    def noted_open(path: Path, *args: Any, **kwargs: Any) -> Any:
        opened.append(str(path))
        return plain_open(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", noted_open)

    result = made.run("jobs", "--comfy-check")

    assert made.images_line(result) == "images: 2 current"
    assert [path for path in opened if "outside" in path or "passwd" in path] == []


@pytest.mark.parametrize("option", ["--comfy-sketch", "--comfy-update=all"])
def test_a_link_in_place_of_the_local_directory_is_not_followed(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    elsewhere = repository.path.with_name(f"{repository.path.name}-elsewhere")
    elsewhere.mkdir()
    (repository.path / ".comfygen").symlink_to(elsewhere)

    result = repository.run("jobs", option)

    assert result.ret == 1
    assert list(elsewhere.iterdir()) == []
    result.stdout.fnmatch_lines(["*[[]outside-repository[]]*"])


@pytest.mark.parametrize(
    ("link", "arguments"),
    [
        ("gallery", ["--comfy-check", "--comfy-gallery"]),
        ("cache", ["--comfy-check", "--comfy-gallery"]),
        ("cache/previews", ["--comfy-check", "--comfy-gallery"]),
        ("remade", ["--comfy-update=all"]),
        ("candidates", ["--comfy-update=stale"]),
        ("candidates/assets", ["--comfy-update=stale"]),
        ("candidates/assets/kin_elf.png", ["--comfy-update=stale"]),
        ("told", ["--comfy-update=stale", "-n1"]),
        ("sketch", ["--comfy-sketch"]),
    ],
)
def test_a_link_in_the_local_directory_reaches_nobodys_files(made: Repository, link: str, arguments: list[str]) -> None:
    victim = made.path / "victim"
    for name in ("0123456789abcdef", "thesis"):
        made.write(f"victim/{name}/chapter.txt", "somebody's")
    for name in ("0123456789abcdef.txt", "notes.txt", "1.png", "1.png.json", "abc"):
        made.write(f"victim/{name}", "somebody's")
    for path in (*victim.glob("*/*"), *victim.iterdir()):
        os.utime(path, (1, 1))
    made.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {candidates: 2, steps: 3}")
    planted = made.path / ".comfygen" / link
    if planted.is_dir():
        planted.rename(made.path / "put_aside")
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.symlink_to(victim)
    before = sorted(victim.rglob("*"))

    result = made.run("jobs", *arguments)

    assert result.ret in (0, 1)
    assert sorted(victim.rglob("*")) == before
    assert {path.read_text(encoding="utf-8") for path in before if path.is_file()} == {"somebody's"}

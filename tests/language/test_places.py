from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.errors import Where
from pytest_comfygen.language import places as module
from pytest_comfygen.language.expand import load_job_file, make_job
from pytest_comfygen.language.load import Document, parse
from pytest_comfygen.language.places import JobPlaces, Origin

TEXT = """\
comfyjob: 1
output: {dir: pictures}
defaults: {checkpoint: base.safetensors, steps: 3}
items:
  long: {prompt: a cat, steps: 4}
  short: a dog
"""


def test_a_job_knows_its_places_after_its_file_was_read(tmp_path: Path) -> None:
    file = tmp_path / "a.comfyjob.yaml"
    file.write_text(TEXT, encoding="utf-8")

    long, short = load_job_file(file, tmp_path).jobs

    assert Where("a.comfyjob.yaml", 5, 32) == long.place("steps")
    assert Where("a.comfyjob.yaml", 3, 49) == short.place("steps")
    assert Where("a.comfyjob.yaml", 6, 10) == short.place("prompt")
    assert Where("a.comfyjob.yaml", 2, 15) == short.place("output.dir")


def test_the_text_is_read_again_by_the_first_who_asks_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    origin = Origin(parse(TEXT, "a.yaml"), TEXT)
    parsed: list[str] = []

    def watched(text: str, shown: str) -> Document:
        parsed.append(shown)
        return parse(text, shown)

    monkeypatch.setattr(module, "parse", watched)

    first, second = JobPlaces(origin, ("items", "long")), JobPlaces(origin, ("items", "short"))
    assert Where("a.yaml", 5, 25) == first.of_key("steps")
    assert parsed == []

    origin.release()
    assert Where("a.yaml", 5, 25) == first.of_key("steps")
    assert Where("a.yaml", 3, 42) == second.of_key("steps")
    assert parsed == ["a.yaml"]


def test_a_job_from_python_has_no_places(tmp_path: Path) -> None:
    job = make_job({"prompt": "a", "checkpoint": "b.pt"}, name="x", root=tmp_path, file=tmp_path / "test_a.py")

    assert dict(job.places) == {}

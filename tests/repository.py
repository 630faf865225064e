"""A small repository of a game, for the tests of the whole plugin."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

__all__ = ["KINS", "PLAIN", "Repository"]

# Without the plugins that would disturb: one mixes the order, the other loads hypothesis in every process of a run.
PLAIN = ("-p", "no:randomly", "-p", "no:hypothesispytest")

KINS = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 2, prompt: "portrait of ${name}", tags: [portrait]}
items:
  kin_dwarf: {}
  kin_elf: {tags: [draft]}
"""

UNIT_TESTS = """\
import pytest

def test_unit():
    pass

@pytest.mark.slow
def test_slow():
    pass
"""

PYTEST_INI = """\
[pytest]
testpaths = tests jobs
markers = slow
"""


class Repository:
    """A git repository of a game: `jobs/kins.comfyjob.yaml` with two images, `tests/test_rules.py` with two tests.

    :param path: where it lies, for a test with several; runs in this process are those of the one that pytester made.
    """

    def __init__(self, pytester: pytest.Pytester, path: Path | None = None) -> None:
        self.pytester = pytester
        self.path = path or pytester.path
        (self.path / ".git").mkdir(parents=True)
        self.write("pytest.ini", PYTEST_INI)
        self.write("tests/test_rules.py", UNIT_TESTS)
        self.write("jobs/kins.comfyjob.yaml", KINS)

    def write(self, name: str, text: str) -> Path:
        """Write a file below the repository."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def image(self, name: str) -> Path:
        """An image of the repository, by its item's name."""
        return self.path / "assets" / f"{name}.png"

    def record(self, name: str) -> dict[str, Any]:
        """The record of an image, by its item's name."""
        path = self.path / "assets" / ".comfyrecords" / f"{name}.png.json"
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return fields

    def edit_job(self, old: str, new: str) -> None:
        """Change the job file."""
        path = self.path / "jobs" / "kins.comfyjob.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def begin(self, template: Path, make: Callable[[], object]) -> None:
        """Have what the first test that began so has made; the others get a copy of its whole repository.

        :param template: where that lies, or will lie.
        """
        if template.exists():
            shutil.copytree(template, self.path, symlinks=True, dirs_exist_ok=True)
        else:
            make()
            shutil.copytree(self.path, template, symlinks=True)

    def run(self, *args: str) -> pytest.RunResult:
        """Run pytest in this process, without the plugins that would disturb."""
        return self.pytester.runpytest_inprocess(*PLAIN, *args)

    def images_line(self, result: pytest.RunResult) -> str:
        """Our summary line, or nothing when there was none."""
        return next((line for line in result.outlines if line.startswith("images: ")), "")

"""The examples in the documentation, and a place where they can be loaded and drawn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pytest_comfygen.language.families import Family
from pytest_comfygen.language.sources.answered import Answer
from pytest_comfygen.records import Size

__all__ = ["DOCS", "HOOK", "WORKFLOWS", "Example", "answer", "examples", "family_row"]

DOCS = Path(__file__).parents[1] / "docs"

NOISE = """\
{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 8421504}},
 "2": {"class_type": "ImageAddNoise", "inputs": {"image": ["1", 0], "seed": 1, "strength": 0.5}},
 "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "noise"}}}
"""

SOFT = """\
{"1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
 "2": {"class_type": "ImageBlur", "inputs": {"image": ["1", 0], "blur_radius": 2, "sigma": 1.0}},
 "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "soft"}}}
"""

WAVES = """\
{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 5, "color": 8421504}},
 "2": {"class_type": "ImageAddNoise", "inputs": {"image": ["1", 0], "seed": 1, "strength": 0.5}},
 "3": {"class_type": "SaveAnimatedWEBP", "inputs": {"images": ["2", 0], "filename_prefix": "waves", "fps": 6.0,
  "lossless": true, "quality": 80, "method": "default"}}}
"""

FILM = """\
{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 12, "color": 8421504}},
 "2": {"class_type": "ImageAddNoise", "inputs": {"image": ["1", 0], "seed": 1, "strength": 0.5}},
 "3": {"class_type": "CreateVideo", "inputs": {"images": ["2", 0], "fps": 24.0}},
 "4": {"class_type": "SaveVideo", "inputs": {"video": ["3", 0], "filename_prefix": "film", "format": "auto",
  "codec": "auto"}}}
"""

HUSH = """\
{"1": {"class_type": "EmptyAudio", "inputs": {"duration": 2.0, "sample_rate": 44100, "channels": 2}},
 "2": {"class_type": "SaveAudioMP3", "inputs": {"audio": ["1", 0], "filename_prefix": "hush", "quality": "V0"}}}
"""

WORKFLOWS = {
    "noise.api.json": NOISE,
    "soft.api.json": SOFT,
    "waves.api.json": WAVES,
    "film.api.json": FILM,
    "hush.api.json": HUSH,
}

_ROWS: Answer = [
    {"id": "elf", "subject": "a moon elf", "seed": 1},
    {"id": "orc", "subject": "a loud orc", "seed": None},
]

# A `conftest.py` that answers as `answer` does.
HOOK = f"def pytest_comfygen_source():\n    return {_ROWS!r}\n"

_OIL = "# styles/oil.yaml\n"


class Example(NamedTuple):
    """A job file of a page.

    :param table: the page's first csv block, which its job files read as `data/kins.csv`.
    :param styles: the file of defaults that the reference shows.
    """

    page: str
    number: int
    text: str
    table: str
    styles: str

    @property
    def id(self) -> str:
        """The example as tests name it."""
        return f"{self.page}-{self.number}"

    def write(self, directory: Path) -> Path:
        """Write the job file and what it reads below `directory`.

        :returns: the job file.
        """
        files = {
            "data/kins.csv": self.table,
            "wildcards/mood.txt": "gloomy\nproud\n",
            "styles/oil.yaml": self.styles,
            **{f"jobs/{name}": graph for name, graph in WORKFLOWS.items()},
            "jobs/example.comfyjob.yaml": self.text,
        }
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return directory / "jobs" / "example.comfyjob.yaml"


def answer(*_: object) -> Answer:
    """The rows of whatever source a page names."""
    return _ROWS


def examples() -> list[Example]:
    """The job files among the code blocks of all pages."""
    styles = next(one for one in _blocks(DOCS / "reference" / "job-file.md", "yaml") if one.startswith(_OIL))
    return [
        Example(page.relative_to(DOCS).as_posix(), number, text, next(iter(_blocks(page, "csv")), ""), styles)
        for page in sorted(DOCS.rglob("*.md"))
        for number, text in enumerate(_blocks(page, "yaml"), start=1)
        if "comfyjob:" in text and not text.startswith(_OIL)
    ]


def family_row() -> dict[str, Family]:
    """The family that the page about families adds, by its name."""
    (row,) = (one for one in _blocks(DOCS / "how-to" / "add-a-family.md", "text") if "Family(" in one)
    found: dict[str, Family] = eval(f"{{{row}}}", {"Family": Family, "Size": Size})  # noqa: S307  # our own page
    return found


def _blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)

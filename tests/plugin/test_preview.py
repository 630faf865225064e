"""New pictures are shown in a terminal that can, and in no other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from pytest_comfygen.outputs.inline import Canvas
from pytest_comfygen.plugin.preview import Drawing, Picture
from tests.repository import PLAIN, Repository
from tests.screen import Seen, pictures_in, run_in_terminal

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a terminal as POSIX has it")

KNOWN = "kitty, Ghostty, WezTerm, iTerm2 and VS Code are"
KITTY = {"TERM": "xterm-kitty"}
ITERM2 = {"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}
OF_TERMINALS = ("TERM_PROGRAM", "KITTY_WINDOW_ID", "LC_TERMINAL", "TMUX", "STY", "ZELLIJ", "NO_COLOR", "FORCE_COLOR")

BELOW = re.compile(r"\r\n([^\r\n\x1b]*)\x1b\[K\x1b\[A")  # what the live line shows, or nothing when it goes
BUSY = """\
import pytest
from pytest_comfygen.plugin.session import session_of

def pytest_configure(config):
    config.pluginmanager.register(Busy(config))

class Busy:
    def __init__(self, config):
        self.config = config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        line = session_of(self.config).progress.live._line
        line._shown_at = float("-inf")
        line.show("somebody is at work")
"""


def around(environment: Mapping[str, str], home: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name not in OF_TERMINALS}
    return ours | {"HOME": home, "PYTHONPATH": str(Path(__file__).parents[2])} | dict(environment)


def watched(repository: Repository, url: str, *args: str, environment: Mapping[str, str] = KITTY) -> Seen:
    """A run of pytest in a terminal."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *PLAIN, "jobs", f"--comfy-url={url}", *args]
    with tempfile.TemporaryDirectory() as home:
        return run_in_terminal(command, repository.path, around(environment, home), columns=100)


def shows(data: bytes, path: Path) -> bool:
    """Whether a PNG has the pixels of a picture that is small enough to be shown as it is."""
    with Image.open(BytesIO(data)) as shown, Image.open(path) as whole:
        return (
            shown.format == "PNG"
            and ImageChops.difference(shown.convert("RGB"), whole.convert("RGB")).getbbox() is None
        )


@pytest.mark.parametrize("environment", [KITTY, ITERM2], ids=["kitty", "iTerm2"])
def test_the_new_pictures_stand_at_the_end_each_above_its_name(
    repository: Repository, sketch_url: str, environment: dict[str, str]
) -> None:
    seen = watched(repository, sketch_url, "--comfy-preview", environment=environment)

    dwarf, elf = pictures_in(seen.written)
    assert shows(dwarf, repository.image("kin_dwarf"))
    assert shows(elf, repository.image("kin_elf"))
    start = next(at for at, line in enumerate(seen.lines) if re.fullmatch(r"=+ new pictures =+", line))
    assert seen.lines[start + 1 : start + 6] == [
        "",
        "kin_dwarf: assets/kin_dwarf.png",
        "",
        "kin_elf: assets/kin_elf.png",
        "images: 2 generated",
    ]
    assert next(line for line in seen.lines if line.startswith("jobs/kins")).split()[1:] == ["gg", "[100%]"]


def test_in_verbose_runs_each_comes_below_its_line(repository: Repository, sketch_url: str) -> None:
    seen = watched(repository, sketch_url, "--comfy-preview", "-v")

    dwarf, _ = pictures_in(seen.written)
    assert shows(dwarf, repository.image("kin_dwarf"))
    told = [line for line in seen.lines if "kin_" in line]
    assert [line.split()[0] for line in told] == [
        "jobs/kins.comfyjob.yaml::kin_dwarf", "kin_dwarf:", "jobs/kins.comfyjob.yaml::kin_elf", "kin_elf:"
    ]  # fmt: skip
    assert seen.written.index("::kin_dwarf") < seen.written.index("\x1b_G") < seen.written.index("::kin_elf")


@pytest.mark.parametrize("verbose", [[], ["-v"]], ids=["default", "verbose"])
def test_with_workers_the_process_with_the_terminal_draws(
    repository: Repository, sketch_url: str, verbose: list[str]
) -> None:
    seen = watched(repository, sketch_url, "--comfy-preview", "-n2", *verbose)

    pictures = pictures_in(seen.written)
    assert len(pictures) == 2
    for name in ("kin_dwarf", "kin_elf"):
        assert [one for one in pictures if shows(one, repository.image(name))]
        assert f"{name}: assets/{name}.png" in seen.lines


def test_the_live_line_is_taken_away_for_a_picture_and_comes_back(repository: Repository, sketch_url: str) -> None:
    repository.write("conftest.py", BUSY)

    seen = watched(repository, sketch_url, "--comfy-preview", "-v")

    before, _, after = seen.written.partition("\x1b_G")
    assert [one for one in BELOW.findall(before) if one][-1] == "somebody is at work"
    assert BELOW.findall(before)[-1] == ""
    assert "somebody is at work" in BELOW.findall(after)
    assert [line for line in seen.lines if "at work" in line or "steps" in line] == []


def test_large_pictures_are_shown_small(repository: Repository, sketch_url: str) -> None:
    repository.edit_job("64x64", "512x1024")

    seen = watched(repository, sketch_url, "--comfy-preview")

    for picture in pictures_in(seen.written):
        with Image.open(BytesIO(picture)) as shown:
            assert shown.size == (128, 256)


def test_a_refused_picture_is_shown_where_it_was_kept(repository: Repository, sketch_url: str) -> None:
    repository.edit_job("kin_elf: {", "kin_elf: {verify: {min_stddev: 120}, ")

    seen = watched(repository, sketch_url, "--comfy-preview")

    kept = repository.path / ".comfygen" / "rejected" / "assets" / "kin_elf.png"
    assert shows(pictures_in(seen.written)[1], kept)
    assert "kin_elf, refused: .comfygen/rejected/assets/kin_elf.png" in seen.lines


def test_a_picture_refused_earlier_is_not_new(made: Repository, sketch_url: str) -> None:
    kept = made.write(".comfygen/rejected/assets/kin_elf.png", "of an earlier run")
    os.utime(kept, (1e9, 1e9))
    made.image("kin_elf").write_bytes(made.image("kin_dwarf").read_bytes())

    seen = watched(made, sketch_url, "--comfy-preview")

    assert seen.returncode == 1
    assert pictures_in(seen.written) == []
    assert [line for line in seen.lines if "refused:" in line] == []


def test_a_link_in_the_place_of_a_refused_picture_is_not_followed(made: Repository, sketch_url: str) -> None:
    somebodys = made.write("private.png", "")
    Image.new("RGB", (8, 8), "red").save(somebodys)
    os.utime(somebodys, (9e9, 9e9))
    kept = made.path / ".comfygen" / "rejected" / "assets" / "kin_elf.png"
    kept.parent.mkdir(parents=True)
    kept.symlink_to(somebodys)
    made.image("kin_elf").write_bytes(made.image("kin_dwarf").read_bytes())

    seen = watched(made, sketch_url, "--comfy-preview")

    assert seen.returncode == 1
    assert pictures_in(seen.written) == []


def test_candidates_are_shown_by_their_numbers(repository: Repository, sketch_url: str) -> None:
    repository.edit_job("kin_elf: {", "kin_elf: {candidates: 2, ")

    seen = watched(repository, sketch_url, "--comfy-preview")

    folder = ".comfygen/candidates/assets/kin_elf.png"
    assert len(pictures_in(seen.written)) == 3
    assert [line for line in seen.lines if "candidate " in line] == [
        f"kin_elf, candidate {number}: {folder}/{number}.png" for number in (1, 2)
    ]


def test_sketches_are_shown(repository: Repository, sketch_url: str) -> None:
    seen = watched(repository, sketch_url, "--comfy-preview", "--comfy-sketch")

    assert len(pictures_in(seen.written)) == 2
    assert "kin_elf: .comfygen/sketch/assets/kin_elf.png" in seen.lines


def test_a_run_that_makes_nothing_shows_nothing(made: Repository, sketch_url: str) -> None:
    seen = watched(made, sketch_url, "--comfy-preview")

    assert "images: 2 current" in seen.lines
    assert pictures_in(seen.written) == []
    assert [line for line in seen.lines if "new pictures" in line] == []


def test_the_first_twenty_are_shown_and_the_others_counted(repository: Repository, sketch_url: str) -> None:
    more = "".join(f"  kin_{number}: {{}}\n" for number in range(20))
    repository.edit_job("items:\n", f"items:\n{more}")

    seen = watched(repository, sketch_url, "--comfy-preview")

    assert len(pictures_in(seen.written)) == 20
    assert "and 2 more; --comfy-gallery shows them all" in seen.lines


def test_without_the_option_nothing_is_drawn_or_loaded(repository: Repository, sketch_url: str) -> None:
    program = (
        "import sys, pytest; pytest.main(sys.argv[1:]); "
        "print([name for name in sys.modules if name.endswith(('plugin.preview', 'outputs.inline'))])"
    )
    command = [sys.executable, "-c", program, "-p", "no:cacheprovider", *PLAIN, "jobs", f"--comfy-url={sketch_url}"]
    with tempfile.TemporaryDirectory() as home:
        seen = run_in_terminal(command, repository.path, around(KITTY, home))

    assert "images: 2 generated" in seen.lines
    assert pictures_in(seen.written) == []
    assert seen.lines[-2] == "[]"


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"TERM": "xterm"}, f"this terminal (xterm) is not known to show any; {KNOWN}"),
        (KITTY | {"TMUX": "/a,1,0"}, "tmux does not pass them on to the terminal"),
        (KITTY | {"CI": "1", "COMFYGEN_UPDATE": "stale"}, "CI is set"),
    ],
    ids=["unknown", "tmux", "CI"],
)
def test_where_it_cannot_draw_one_line_says_why(
    repository: Repository, sketch_url: str, environment: dict[str, str], why: str
) -> None:
    seen = watched(repository, sketch_url, "--comfy-preview", environment=environment)

    assert "images: 2 generated" in seen.lines
    assert pictures_in(seen.written) == []
    line = f"comfygen: --comfy-preview draws no pictures: {why}"
    assert seen.written.count(f"{line}\r\n") == 1


def test_quiet_runs_draw_nothing_and_say_nothing(repository: Repository, sketch_url: str) -> None:
    seen = watched(repository, sketch_url, "--comfy-preview", "-q")

    assert "images: 2 generated" in seen.lines
    assert pictures_in(seen.written) == []
    assert [line for line in seen.lines if "preview" in line] == []


@pytest.mark.parametrize(("typed", "told"), [(["--comfy-preview"], 1), ([], 0)], ids=["typed", "a setting"])
def test_in_a_file_the_line_stands_only_for_who_typed_the_option(
    repository: Repository, sketch_url: str, typed: list[str], told: int
) -> None:
    command = [sys.executable, "-m", "pytest", *PLAIN, "jobs", f"--comfy-url={sketch_url}", *typed]
    with tempfile.TemporaryDirectory() as home:
        environment = around(KITTY | {"COMFYGEN_PREVIEW": "true"}, home)
        done = subprocess.run(command, cwd=repository.path, env=environment, capture_output=True, text=True, check=True)

    assert "images: 2 generated" in done.stdout
    assert "\x1b_G" not in done.stdout
    line = "comfygen: --comfy-preview draws no pictures: standard output is no terminal"
    assert done.stdout.splitlines().count(line) == told


@pytest.mark.parametrize(
    ("content", "note"),
    [(b"RIFFxxxxWAVE", " (not a picture that can be drawn)"), (None, " (not on this machine)")],
    ids=["sound", "gone"],
)
def test_what_cannot_be_drawn_is_named_and_no_name_steers_the_terminal(
    pytestconfig: pytest.Config, tmp_path: Path, content: bytes | None, note: str
) -> None:
    file = tmp_path / "a\x1b]0;harm\x07.png"
    if content is not None:
        file.write_bytes(content)
    drawing = Drawing(pytestconfig, Canvas("kitty"), is_told=True)

    (line,) = drawing._lines(Picture("kin\x1b[2J", str(file)))

    assert line.isprintable()
    assert line.startswith("kin\\x1b[2J: ")
    assert line.endswith(f"a\\x1b]0;harm\\x07.png{note}")

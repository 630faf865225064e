"""The pages are true: what there is has its heading, links lead somewhere, and examples run."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_comfygen import hookspecs
from pytest_comfygen.errors import ComfygenError
from pytest_comfygen.flows.doctor import CODES
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.plugin import fixtures
from pytest_comfygen.settings import OPTIONS, Option
from tests.comfyui.machine import Machine
from tests.documentation import WORKFLOWS
from tests.repository import Repository

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(?P<text>.+?) *$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^()\s]+)\)")


class Block(NamedTuple):
    """A block of code in a page."""

    page: str
    number: int
    language: str
    code: str

    @property
    def file(self) -> str | None:
        """The file that the block's first line names, as in `# jobs/conftest.py`."""
        first = re.match(r"# ([\w/.-]+\.\w+)\n", self.code)
        return first[1] if first else None


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(*languages: str) -> list[Block]:
    """The blocks of all pages in one of `languages`."""
    return [
        Block(named(page), number, found["language"], found["code"])
        for page in PAGES
        for number, found in enumerate(_BLOCK.finditer(text_of(page)), start=1)
        if found["language"] in languages
    ]


def as_params(found: list[Block]) -> list[object]:
    return [pytest.param(block, id=f"{block.page}-{block.number}") for block in found]


def headings(page: Path) -> list[str]:
    return [found["text"] for found in _HEADING.finditer(_BLOCK.sub("", text_of(page)))]


def anchor(heading: str) -> str:
    """A heading's anchor. Source: github-slugger, which MyST follows too."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next one of any level."""
    found = re.search(rf"^#+ +{re.escape(heading)}\n(.*?)(?=^#|\Z)", text_of(DOCS / page), re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no heading {heading}"
    return found[1]


# --- what there is has its heading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_documented_in_its_spellings(option: Option) -> None:
    """Four, and for what is done instead of a run the command line and the field alone."""
    text = section("reference/options.md", f"`{option.flag}`")

    always, in_runs = (f"`{option.flag}", f"`{option.name}`"), (f"`{option.ini}`", f"`{option.env}`")
    assert [spelling for spelling in always if spelling not in text] == []
    assert [spelling for spelling in in_runs if (spelling in text) == option.is_command] == []


def test_the_values_of_a_choice_are_documented() -> None:
    chosen = [(option.flag, choice) for option in OPTIONS for choice in option.choices]

    assert [
        (flag, one) for flag, one in chosen if f"| `{one}` |" not in section("reference/options.md", f"`{flag}`")
    ] == []


def test_options_that_ask_for_images_are_in_the_rule() -> None:
    rule = section("reference/options.md", "When images are asked for")

    assert [option.flag for option in OPTIONS if option.asks and f"`{option.flag}`" not in rule] == []


@pytest.mark.parametrize("hook", hookspecs.__all__)
def test_every_hook_is_documented_with_its_arguments(hook: str) -> None:
    text = section("reference/hooks.md", f"`{hook}`")
    arguments = [name for name in getattr(hookspecs, hook).__annotations__ if name != "return"]

    assert [name for name in arguments if f"{name}: " not in text] == []


@pytest.mark.parametrize("fixture", fixtures.__all__)
def test_every_fixture_is_documented(fixture: str) -> None:
    assert section("reference/fixtures.md", f"`{fixture}`")


def error_classes(kind: type[ComfygenError] = ComfygenError) -> Iterator[type[ComfygenError]]:
    """The classes of our own; a test may have made others."""
    for subclass in kind.__subclasses__():
        if subclass.__module__.startswith("pytest_comfygen."):
            yield subclass
        yield from error_classes(subclass)


@pytest.mark.parametrize("code", sorted({kind.code for kind in error_classes()}))
def test_every_error_code_has_a_heading(code: str) -> None:
    assert [line for line in headings(DOCS / "reference" / "errors.md") if f"`{code}`" in line]


def test_no_error_code_is_documented_that_does_not_exist() -> None:
    documented = {code for line in headings(DOCS / "reference" / "errors.md") for code in re.findall(r"`(.+?)`", line)}

    assert documented - {kind.code for kind in error_classes()} == set()


def test_every_code_of_the_doctor_has_its_heading_and_no_other_has_one() -> None:
    documented = [line.strip("`") for line in headings(DOCS / "reference" / "doctor.md") if line.startswith("`")]

    assert sorted(documented) == sorted(CODES)


# --- links ------------------------------------------------------------------------------------------------------------


def links() -> Iterator[tuple[Path, str]]:
    """Every link of every page that leads to a file or heading of ours."""
    for page in PAGES:
        prose = re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", text_of(page)))
        for found in _LINK.finditer(prose):
            if "://" not in found["target"]:
                yield page, found["target"]


@pytest.mark.parametrize(("page", "target"), [pytest.param(*one, id=f"{named(one[0])}-{one[1]}") for one in links()])
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, fragment = target.partition("#")
    there = (page.parent / path).resolve() if path else page

    assert there.exists()
    assert not fragment or fragment in map(anchor, headings(there))


def test_every_page_is_reached_from_the_index() -> None:
    linked = {(page.parent / target.partition("#")[0]).resolve() for page, target in links() if page.name == "index.md"}

    assert set(DOCS.rglob("*.md")) - {DOCS / "index.md"} - linked == set()


# --- what a page says -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_page_names_a_path_of_somebodys_machine(page: Path) -> None:
    here = (ROOT, Path.home(), Path(sys.prefix))
    of_machines = rf"{'|'.join(re.escape(f'{path}{os.sep}') for path in here)}|/home/\w|/Users/\w|/root/|[A-Z]:\\Users"

    assert re.findall(of_machines, text_of(page)) == []


def job_files() -> list[Block]:
    """The job files of all pages but one, whose own test is in `tests/language/`."""
    reference = "docs/reference/job-file.md"
    found = (block for block in blocks("yaml") if "comfyjob:" in block.code and block.page != reference)
    return [block for block in found if "source:" not in block.code]  # one that asks Python is run, see below


@pytest.mark.parametrize("block", as_params(job_files()))
def test_a_job_file_in_a_page_can_be_loaded(block: Block, tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "jobs").mkdir()
    (root / "data").mkdir()
    for table in (one for one in blocks("csv") if one.page == block.page):
        (root / "data" / "kins.csv").write_text(table.code, encoding="utf-8")
    for name, graph in WORKFLOWS.items():
        (root / "jobs" / name).write_text(graph, encoding="utf-8")
    (root / "jobs" / "example.comfyjob.yaml").write_text(block.code, encoding="utf-8")

    assert load_job_file(root / "jobs" / "example.comfyjob.yaml", root).warnings == ()


@pytest.mark.parametrize("block", as_params(blocks("python")))
def test_python_in_a_page_compiles(block: Block) -> None:
    compile(block.code, f"{block.page}-{block.number}", "exec", dont_inherit=True)


# --- examples run -----------------------------------------------------------------------------------------------------


def examples(page: str, folder: str = "") -> list[Block]:
    """The blocks of a page that name their file, below `folder`."""
    return [one for one in blocks("python", "ini") if one.page == page and (one.file or "?").startswith(folder)]


def write(repository: Repository, found: list[Block]) -> None:
    for block in found:
        assert block.file
        repository.write(block.file, block.code)


@pytest.fixture
def served(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The small repository, with a server named in the environment."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    return repository


@pytest.mark.parametrize("example", as_params(examples("docs/reference/hooks.md", "conftest.py")))
def test_an_example_of_a_hook_runs(served: Repository, example: Block) -> None:
    write(served, [example])

    assert served.images_line(served.run("jobs")) == "images: 2 generated"


def test_the_example_that_refuses_many_steps_does(served: Repository) -> None:
    write(served, examples("docs/reference/hooks.md", "conftest.py")[:1])
    served.edit_job("steps: 2", "steps: 61")

    result = served.run("jobs/kins.comfyjob.yaml::kin_dwarf")

    result.stdout.fnmatch_lines(["*jobs/kins.comfyjob.yaml:3:*: kin_dwarf takes 61 steps, and this machine is shared"])


def test_the_examples_of_fixtures_run(ready_machine: Machine) -> None:
    found = examples("docs/reference/fixtures.md", "tests/")
    write(ready_machine.repository, found)
    ready_machine.add_checkpoint("tiny-a.safetensors")

    result = ready_machine.run(*(str(block.file) for block in found), "--comfy-update", "stale")

    result.assert_outcomes(passed=len(fixtures.__all__))


def test_the_example_that_overrides_the_server_decides_who_makes_the_pictures(
    repository: Repository, sketch_url: str
) -> None:
    (example, _) = examples("docs/reference/fixtures.md", "conftest.py")
    assert "http://192.0.2.10:8188" in example.code
    repository.write("conftest.py", example.code.replace("http://192.0.2.10:8188", sketch_url))

    assert repository.images_line(repository.run("jobs")) == "images: 2 generated"


@pytest.mark.skipif(os.name == "nt", reason="stands a shell script in for docker")
def test_the_example_that_starts_a_container_starts_it_when_there_is_something_to_make(
    served: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(served, examples("docs/reference/fixtures.md", "conftest.py")[1:])
    served.write("bin/docker", '#!/bin/sh\necho "$@" >> docker.log\n').chmod(0o755)
    monkeypatch.setenv("PATH", f"{served.path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    lines = [served.images_line(served.run("jobs")) for _ in range(2)]

    assert lines == ["images: 2 generated", "images: 2 current"]
    assert (served.path / "docker.log").read_text(encoding="utf-8") == "compose up --wait comfyui\n"


def test_the_example_of_rows_out_of_python_runs(served: Repository) -> None:
    page = "docs/how-to/characters-from-a-table.md"
    write(served, [block for block in blocks("yaml", "python") if block.page == page and block.file])
    served.write("data/README", "made by the test")
    with closing(sqlite3.connect(served.path / "data" / "story.db")) as database, database:
        database.execute("CREATE TABLE kins (id TEXT, subject TEXT, seed INTEGER, chapter INTEGER)")
        rows = [("orc", "a loud orc", 7, 1), ("elf", "a moon elf", None, 1), ("ghost", "a ghost", 5, 2)]
        database.executemany("INSERT INTO kins VALUES (?, ?, ?, ?)", rows)

    result = served.run("jobs/story.comfyjob.yaml", "--comfy-sketch", "-v")

    assert served.images_line(result) == "images: 2 generated"
    result.stdout.fnmatch_lines(["*::kin_elf GENERATED*", "*::kin_orc GENERATED*"])


@pytest.mark.parametrize(
    ("least", "images"), [("0", "images: 2 generated"), ("256", "images: 2 failed")], ids=["passes", "refuses"]
)
def test_the_example_of_a_check_checks(served: Repository, least: str, images: str) -> None:
    write(served, examples("docs/how-to/write-a-check.md"))
    module = (served.path / "picture_checks.py").read_text(encoding="utf-8")
    assert "LEAST_BRIGHTNESS = 128" in module
    served.write("picture_checks.py", module.replace("LEAST_BRIGHTNESS = 128", f"LEAST_BRIGHTNESS = {least}"))

    result = served.run("jobs")

    assert served.images_line(result) == images
    assert ("the new picture of kin_dwarf failed: too-dark" in result.stdout.str()) == (least == "256")


def test_the_test_of_the_example_check_passes(repository: Repository) -> None:
    write(repository, examples("docs/how-to/write-a-check.md"))

    repository.run("tests/test_picture_checks.py").assert_outcomes(passed=1)

"""The rows of a table are images like all others: made, checked, selected, and told at their row."""

from __future__ import annotations

import pytest

from tests.repository import Repository

TABLE = "id,subject,seed\ndwarf,a stout dwarf,1\nelf,a moon elf,2\n"
JOB_FILE = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 2, prompt: "${subject}"}
from:
  - {file: ../data/kins.csv, name: "kin_${id}", keys: [seed]}
"""


@pytest.fixture
def table(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The small repository with its kins in a table."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.write("data/kins.csv", TABLE)
    repository.write("jobs/kins.comfyjob.yaml", JOB_FILE)
    return repository


def test_rows_become_images_and_a_changed_row_makes_its_own_image_anew(table: Repository) -> None:
    assert table.images_line(table.run("jobs")) == "images: 2 generated"
    assert table.record("kin_elf")["prompt"] == "a moon elf"

    table.write("data/kins.csv", "id,subject,seed\nelf,a moon elf,2\ndwarf,an old dwarf,1\n")

    checked = table.run("jobs", "--comfy-check")
    checked.stdout.fnmatch_lines(["*[[]stale[]] data/kins.csv:3:1: assets/kin_dwarf.png is stale*"])
    assert table.images_line(checked) == "images: 1 current, 1 stale"
    assert table.images_line(table.run("jobs")) == "images: 1 generated, 1 current"


def test_a_row_is_selected_by_its_name(table: Repository) -> None:
    result = table.run("jobs/kins.comfyjob.yaml::kin_elf")

    assert table.images_line(result) == "images: 1 generated"


def test_an_item_out_of_a_row_stands_at_its_row(table: Repository) -> None:
    table.write(
        "conftest.py",
        "def pytest_collection_modifyitems(items):\n    for item in items:\n        print(item.location)\n",
    )

    result = table.run("jobs", "--collect-only", "-q", "-s")

    result.stdout.fnmatch_lines(
        ["('data/kins.csv', 1, 'kins.comfyjob.yaml: kin_dwarf')", "('data/kins.csv', 2, 'kins.comfyjob.yaml: kin_elf')"]
    )


def test_a_wrong_table_fails_alone_and_at_its_row(table: Repository) -> None:
    table.write("data/kins.csv", TABLE + "orc,a loud orc\n")
    table.write("jobs/other.comfyjob.yaml", JOB_FILE.replace("from:", "items: {kin_cat: a cat}").partition("  - ")[0])

    result = table.run("jobs", "-n2")

    result.stdout.fnmatch_lines(["*[[]source-invalid[]] data/kins.csv:4:1: this row has 2 cells, and the header 3*"])
    assert table.images_line(result) == "images: 1 generated"


def test_a_warning_about_inherited_defaults_names_their_file(table: Repository) -> None:
    table.write("comfyjob.defaults.yaml", "comfyjob: 1\ndefaults:\n  negative: the #1 thing\n")

    result = table.run("jobs", "--collect-only", "-q", "-W", "default")

    result.stdout.fnmatch_lines(["*comfyjob.defaults.yaml:3", "*[[]prompt-cut[]] comfyjob.defaults.yaml:3:13: *"])


def test_ten_million_combinations_are_refused_before_one_is_made(table: Repository) -> None:
    table.write(
        "jobs/kins.comfyjob.yaml", JOB_FILE.partition("from:")[0] + "matrix: {axes: {a: 1..10000, b: 1..1000}}\n"
    )

    result = table.run("jobs")

    result.stdout.fnmatch_lines(["*[[]too-large[]] jobs/kins.comfyjob.yaml:4:1: the matrix makes 10,000,000 images*"])
    assert result.ret == 1

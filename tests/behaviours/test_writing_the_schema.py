"""`pytest --comfy-schema` writes the JSON Schema of job files with the names of the server that images come from."""

from __future__ import annotations

import json
import os
from typing import Any

import jsonschema
import pytest

from pytest_comfygen.language.schema.draft07 import json_schema
from tests.comfyui.machine import Machine
from tests.repository import Repository

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def served(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The small repository, with a server named in the environment."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    return repository


def written(repository: Repository, name: str = "editor.schema.json") -> dict[str, Any]:
    """A schema in the repository."""
    document: dict[str, Any] = json.loads((repository.path / name).read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(document)
    return document


def enum(schema: dict[str, Any], key: str) -> list[str]:
    """The names that an item's key has."""
    forms = schema["definitions"]["Keys"]["properties"][key]["anyOf"]
    return [name for form in forms for name in form.get("enum", ())]


def test_standard_output_has_the_schema_and_nothing_else(served: Repository) -> None:
    served.write("conftest.py", "print('a word of conftest.py')\n")

    result = served.run("--comfy-schema", "-n2")

    schema = json.loads(result.stdout.str())
    assert (result.ret, result.stderr.str()) == (0, "")
    jsonschema.Draft7Validator.check_schema(schema)
    assert {"euler", "dpmpp_2m"} <= set(enum(schema, "sampler"))
    assert "karras" in enum(schema, "scheduler")
    assert "Canny" in schema["definitions"]["Preprocessor"]["anyOf"][1]["enum"]


def test_a_file_is_written_and_written_again(served: Repository) -> None:
    first = served.run("--comfy-schema", "editor.schema.json")
    again = served.run("--comfy-schema=editor.schema.json")

    assert (first.ret, again.ret, first.outlines) == (0, 0, [])
    first.stderr.fnmatch_lines(["comfygen: editor.schema.json is written, with the names of ComfyUI 0.3.64: *samplers"])
    assert "euler" in enum(written(served), "sampler")


def test_a_file_is_meant_from_where_one_stands(served: Repository) -> None:
    os.chdir(served.path / "jobs")

    served.run("--comfy-schema=../docs/editor.schema.json")

    assert written(served, "docs/editor.schema.json")


@pytest.mark.parametrize(
    ("place", "told"),
    [("pytest.ini", "pytest.ini is no schema of job files"), ("jobs", "jobs is a directory")],
)
def test_what_is_no_schema_is_left_alone(served: Repository, place: str, told: str) -> None:
    before = (served.path / "pytest.ini").read_bytes()

    result = served.run("--comfy-schema", place)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: [[]write-failed[]] {told}*"])
    assert (served.path / "pytest.ini").read_bytes() == before


def test_without_a_server_the_schema_has_no_names_and_one_line_says_so(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", NOBODY)

    result = repository.run("--comfy-schema")

    assert (result.ret, json.loads(result.stdout.str())) == (0, json_schema())
    (line,) = result.errlines
    assert line.startswith("comfygen: the schema has no names of a server: ")
    assert NOBODY in line
    assert "--comfy-url" in line
    assert not (repository.path / ".comfygen").exists()


def test_the_stand_in_has_names_too(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYGEN_URL", NOBODY)

    result = repository.run("--comfy-schema", "editor.schema.json", "--comfy-sketch")

    assert result.ret == 0
    assert "euler" in enum(written(repository), "sampler")


@pytest.mark.parametrize("other", ["--comfy-doctor", "--comfy-stop", "--comfy-json"])
def test_one_command_at_a_time(served: Repository, other: str) -> None:
    result = served.run("--comfy-schema", "editor.schema.json", other)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: [[]conflicting-settings[]] *"])
    assert not (served.path / "editor.schema.json").exists()


def test_no_python_test_is_imported_and_no_job_file_read(served: Repository) -> None:
    served.write("tests/test_rules.py", "raise SystemExit('imported')\n")
    served.write("jobs/kins.comfyjob.yaml", "no job file: [\n")

    assert served.run("--comfy-schema", "editor.schema.json", "--comfy-update", "stale").ret == 0


def test_a_comfyui_of_ours_is_started_for_it_and_stopped(ready_machine: Machine) -> None:
    result = ready_machine.run("--comfy-schema", "editor.schema.json")

    assert result.ret == 0
    assert enum(written(ready_machine.repository), "checkpoint") == ["tiny.safetensors"]
    assert len(ready_machine.tricks.notes("ready")) == 1
    assert ready_machine.wait_until_gone() == []


def test_a_server_that_is_kept_is_asked_whatever_flags_it_has(ready_machine: Machine) -> None:
    ready_machine.repository.edit_job("comfyjob: 1\n", "comfyjob: 1\nserver: {args: [--lowvram]}\n")
    ready_machine.run("jobs", "--comfy-keep-server", "60").assert_outcomes(passed=2)

    result = ready_machine.run("--comfy-schema", "editor.schema.json")
    ready_machine.run("--comfy-stop")

    assert "of ours that runs at" in str(result.stdout)
    assert enum(written(ready_machine.repository), "checkpoint") == ["tiny.safetensors"]
    assert len(ready_machine.tricks.notes("ready")) == 1


def test_nothing_is_installed_for_it(machine: Machine) -> None:
    result = machine.run("--comfy-schema", "editor.schema.json", "--comfy-install", "auto")

    assert result.ret == 0
    assert not machine.directory.exists()
    assert written(machine.repository) == json_schema()
    result.stdout.fnmatch_lines(["comfygen: the schema has no names of a server: no ComfyUI server: *"])

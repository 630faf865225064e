"""`pytest --comfy-doctor` says whether this machine is ready, does nothing else, and lets programs read it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.install.world import git
from tests.repository import Repository


@pytest.fixture(autouse=True)
def named_server(monkeypatch: pytest.MonkeyPatch, sketch_url: str) -> None:
    """What runs at the usual address of the desk is left out of this."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)


def findings(result: pytest.RunResult) -> dict[str, dict[str, Any]]:
    document = json.loads(result.stdout.str())
    return {finding["code"]: finding for finding in document["findings"]}


def test_a_machine_that_is_ready_exits_with_0(repository: Repository, sketch_url: str) -> None:
    result = repository.run("--comfy-doctor")

    assert result.ret == 0
    result.stdout.fnmatch_lines([f"ok *{sketch_url} *ComfyUI 0.3.64*", "ready: * ok, *"])
    result.stdout.no_fnmatch_line("*test session starts*")


def test_a_machine_that_is_not_ready_exits_with_1(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")

    result = repository.run("jobs", "--comfy-doctor")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["error *[[]server-unreachable]", " *wanted: start ComfyUI there*", "not ready: *"])


def test_programs_get_json_and_nothing_else(repository: Repository) -> None:
    repository.write("conftest.py", "print('a word of conftest.py')\n")

    result = repository.run("--comfy-doctor", "--comfy-json")

    assert json.loads(result.stdout.str())["ready"] is True
    assert result.stderr.str() == ""


def test_no_python_test_is_imported(repository: Repository) -> None:
    repository.write("tests/test_rules.py", "raise SystemExit('imported')\n")

    assert repository.run("--comfy-doctor").ret == 0


def test_without_paths_every_job_file_of_the_repository_is_meant(repository: Repository) -> None:
    repository.write("deep/down/more.comfyjob.yaml", "comfyjob: 1\nitem: {}\n")
    repository.write("tools/ComfyUI/theirs.comfyjob.yaml", "not ours\n")

    found = findings(repository.run("--comfy-doctor", "--comfy-json"))

    assert found["unknown-key"]["subject"] == "deep/down/more.comfyjob.yaml"
    assert "syntax" not in found


@pytest.mark.parametrize("path", ["jobs", "jobs/kins.comfyjob.yaml", "jobs/kins.comfyjob.yaml::kin_elf"])
def test_with_paths_only_they_are_meant(repository: Repository, path: str) -> None:
    repository.write("other/more.comfyjob.yaml", "comfyjob: 1\nitem: {}\n")

    found = findings(repository.run(path, "--comfy-doctor", "--comfy-json"))

    assert found["job-files"]["found"] == f"1 file, {1 if '::' in path else 2} image{'' if '::' in path else 's'}"


def test_several_items_of_a_file_and_the_whole_of_it_may_be_named(repository: Repository) -> None:
    file = "jobs/kins.comfyjob.yaml"

    both = findings(repository.run(f"{file}::kin_elf", f"{file}::kin_dwarf", "--comfy-doctor", "--comfy-json"))
    whole = findings(repository.run(f"{file}::kin_elf", file, "--comfy-doctor", "--comfy-json"))

    assert both["job-files"]["found"] == whole["job-files"]["found"] == "1 file, 2 images"


def test_a_path_that_is_not_there_is_a_usage_error(repository: Repository) -> None:
    result = repository.run("nowhere", "--comfy-doctor")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*file or directory not found: nowhere*"])


def test_settings_that_contradict_each_other_are_told_as_json_too(repository: Repository) -> None:
    result = repository.run("--comfy-doctor", "--comfy-json", "--comfy-check", "--comfy-sketch")

    assert result.ret == 1
    assert findings(result)["conflicting-settings"]["severity"] == "error"


@pytest.mark.parametrize("words", [["--comfy-json"], ["--comfy-doctor", "--comfy-stop"]])
def test_commands_that_do_not_go_together_are_a_usage_error(repository: Repository, words: list[str]) -> None:
    result = repository.run(*words)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*[[]conflicting-settings]*--comfy-doctor*"])


def test_help_is_help(repository: Repository) -> None:
    repository.run("--comfy-doctor", "--help").stdout.fnmatch_lines(["*--comfy-doctor *check this machine*"])


def test_nothing_is_written_not_even_bytecode(repository: Repository) -> None:
    """As a process of its own, in a repository of git with everything that Python and pytest would like to cache."""
    (repository.path / ".git").rmdir()
    git(repository.path, "init", "-q")
    repository.write("conftest.py", "import helper\n")
    repository.write("helper.py", "")
    repository.write("pytest.ini", "[pytest]\npythonpath = .\n")
    before = files(repository.path)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--comfy-doctor", "-n2"],
        cwd=repository.path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert files(repository.path) == before


def files(directory: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in directory.rglob("*")}


def test_a_test_run_after_the_doctor_may_write_bytecode_again(repository: Repository) -> None:
    before = sys.dont_write_bytecode

    repository.run("--comfy-doctor")

    assert sys.dont_write_bytecode == before


def test_a_comfyui_that_pytest_takes_for_the_tests_is_told(tmp_path: Path) -> None:
    """As a process of its own: pytest looks for its root before it knows the options of plugins."""
    checkout, here = tmp_path / "ComfyUI", tmp_path / "game"
    here.mkdir()
    checkout.mkdir()
    for name in ("main.py", "comfyui_version.py", "pytest.ini"):
        (checkout / name).write_text("[pytest]\n" if name == "pytest.ini" else "")

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "--comfy-doctor", *words]
        return subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)

    told = ask("--comfy-dir", str(checkout))
    assert (told.returncode, f"hint: write it with an equals sign: --comfy-dir={checkout}" in told.stderr) == (4, True)
    assert ask(f"--comfy-dir={checkout}").returncode in (0, 1)

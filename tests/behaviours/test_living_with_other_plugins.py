"""Images are ordinary pytest items: fixtures, marks, selection and other plugins work on them as on any test."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tests.repository import Repository

AUTOUSE = """\
import pytest

SEEN = []

@pytest.fixture(autouse=True, scope="session")
def for_session(): SEEN.append("session")

@pytest.fixture(autouse=True, scope="package")
def for_package(): SEEN.append("package")

@pytest.fixture(autouse=True, scope="module")
def for_module(): SEEN.append("module")

@pytest.fixture(autouse=True, scope="class")
def for_class(): SEEN.append("class")

@pytest.fixture(autouse=True)
def for_function(tmp_path): SEEN.append("function")

def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line("seen: " + " ".join(sorted(set(SEEN))))
"""


def test_autouse_fixtures_of_every_scope_are_honoured(made: Repository) -> None:
    made.write("jobs/conftest.py", AUTOUSE)

    result = made.run("jobs")

    assert made.images_line(result) == "images: 2 current"
    result.stdout.fnmatch_lines(["seen: class function module package session"])


@pytest.mark.parametrize(
    "options",
    [
        ["-p", "no:xdist"],
        ["-p", "no:cacheprovider"],
        ["-p", "no:terminal"],
        ["-p", "no:junitxml"],
        ["--noconftest"],
        ["--strict-markers"],
        ["-W", "error"],
        ["--setup-show"],
        ["-x"],
        ["--import-mode=importlib"],
        ["-n0"],
    ],
    ids=" ".join,
)
def test_images_run_with(made: Repository, options: list[str]) -> None:
    assert made.run("jobs", *options).ret == 0


def test_setup_plan_starts_nothing(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")

    assert repository.run("jobs", "--setup-plan", "--comfy-check").ret == 0


def test_a_conftest_may_bring_its_own_client(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")
    repository.write(
        "jobs/conftest.py",
        f"""
import pytest
from pytest_comfygen.engine.client import ComfyClient

@pytest.fixture(scope="session")
def comfy_client():
    with ComfyClient({sketch_url!r}) as client:
        yield client
""",
    )

    assert repository.images_line(repository.run("jobs")) == "images: 2 generated"


def test_tags_are_marks_and_every_image_has_the_mark_comfygen(made: Repository) -> None:
    assert made.images_line(made.run("jobs", "-m", "draft")) == "images: 1 current"
    assert made.images_line(made.run("jobs", "-m", "comfygen")) == "images: 2 current"
    assert made.images_line(made.run("jobs", "-m", "not comfygen")) == ""


def test_an_image_is_found_at_its_line_in_the_job_file(made: Repository) -> None:
    made.image("kin_elf").unlink()

    result = made.run("jobs", "--comfy-check", "--junit-xml=report.xml", "-o", "junit_family=xunit1")

    assert result.ret == 1
    cases = {case.get("name"): case for case in ET.parse(made.path / "report.xml").iter("testcase")}  # noqa: S314  # ours
    assert cases["kin_elf"].get("file") == "jobs/kins.comfyjob.yaml"
    assert cases["kin_elf"].get("line") == "5"


def test_junit_tells_what_made_each_image(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)

    repository.run("jobs", "--junit-xml=report.xml")

    case = next(ET.parse(repository.path / "report.xml").iter("testcase"))  # noqa: S314  # ours
    properties = {one.get("name"): one.get("value") for one in case.iter("property")}
    record = repository.record("kin_dwarf")
    assert properties["comfygen.outcome"] == "generated"
    assert properties["comfygen.output"] == "assets/kin_dwarf.png"
    assert properties["comfygen.sha256"] == record["file_sha256"]
    assert properties["comfygen.seed"] == str(record["seed"])
    assert properties["comfygen.checkpoint"] == "tiny.safetensors"
    assert properties["comfygen.comfyui"] == "0.3.64"
    assert float(properties["comfygen.run_s"] or "nan") >= 0


def test_workers_report_what_they_made(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)

    result = repository.run("jobs", "-n2", "-v")

    assert repository.images_line(result) == "images: 2 generated"
    result.stdout.fnmatch_lines(["*GENERATED*"])


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_without_a_server_the_exit_code_is_10_and_the_hint_says_how_to_get_one(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, workers: list[str]
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")

    result = repository.run("jobs", *workers)

    assert result.ret == 10
    assert repository.images_line(result) == "images: 2 failed"
    result.stdout.fnmatch_lines(["*[[]server-unreachable[]]*"])


def test_a_failing_unit_test_beside_it_is_a_verdict_and_not_10(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")
    repository.write("tests/test_rules.py", "def test_unit():\n    assert False\n")

    assert repository.run("jobs", "tests").ret == 1


def test_a_wrong_job_file_does_not_keep_the_others_from_running(made: Repository) -> None:
    made.write("jobs/wrong.comfyjob.yaml", "comfyjob: 1\nitems:\n  a: {promt: x}\n")

    result = made.run("jobs")

    result.stdout.fnmatch_lines(
        ["*[[]unknown-key[]] jobs/wrong.comfyjob.yaml:3:7: unknown key 'promt'*", "*hint: did you mean `prompt`?*"]
    )
    assert made.images_line(result) == "images: 2 current"
    assert result.ret == 1


def test_two_job_files_that_write_one_image_are_refused_in_the_second(made: Repository) -> None:
    made.write(
        "jobs/more.comfyjob.yaml",
        "comfyjob: 1\noutput: {dir: ../assets}\nitems:\n  KIN_ELF: {checkpoint: a.safetensors, prompt: x}\n",
    )

    result = made.run("jobs")

    result.stdout.fnmatch_lines(["*[[]output-collision[]] jobs/more.comfyjob.yaml:4:3:*jobs/kins.comfyjob.yaml:6:3*"])


def test_the_tests_of_comfyui_are_not_collected(repository: Repository) -> None:
    repository.write("tools/ComfyUI/tests/test_theirs.py", "raise SystemExit('collected')\n")

    result = repository.run(".")

    result.assert_outcomes(passed=2)


def test_junit_tells_how_an_image_failed(repository: Repository) -> None:
    repository.run("jobs", "--comfy-check", "--junit-xml=report.xml")

    case = next(ET.parse(repository.path / "report.xml").iter("testcase"))  # noqa: S314  # ours
    properties = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert properties == {"comfygen.outcome": "missing", "comfygen.error": "missing"}


def test_a_run_says_why_it_made_an_image(made: Repository) -> None:
    made.edit_job("kin_elf: {tags: [draft]}", "kin_elf: {tags: [draft], steps: 3}")

    result = made.run("jobs", "-v")

    result.stdout.fnmatch_lines(["*::kin_elf GENERATED (steps 2 → 3)*"])


def test_a_users_own_check_keeps_a_picture_back_or_lets_it_pass_with_a_warning(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.write(
        "jobs/conftest.py",
        """
from pytest_comfygen import Finding

def pytest_comfygen_verify(job, path):
    severity = "error" if job.name == "kin_elf" else "warning"
    return [Finding("too-green", severity, "much green", "less green")]
""",
    )

    result = repository.run("jobs", "-W", "default")

    assert repository.images_line(result) == "images: 1 generated, 1 failed"
    result.stdout.fnmatch_lines(
        [
            "*[[]picture-refused[]] jobs/kins.comfyjob.yaml:6:3: the new picture of kin_elf failed: too-green",
            "*ComfygenWarning: jobs/kins.comfyjob.yaml:5:3: too-green: found much green, wanted less green*",
        ]
    )
    assert not repository.image("kin_elf").exists()


def test_a_python_test_that_asks_for_a_server_is_skipped_when_a_run_only_verifies(repository: Repository) -> None:
    repository.write("tests/test_server.py", "def test_server(comfy_client):\n    assert False\n")

    repository.run("tests/test_server.py", "--comfy-check").assert_outcomes(skipped=1)


def test_one_impossible_output_fails_alone_and_at_its_place(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.image("kin_elf").mkdir(parents=True)

    result = repository.run("jobs")

    assert repository.images_line(result) == "images: 1 generated, 1 failed"
    result.stdout.fnmatch_lines(["*[[]write-failed[]] jobs/kins.comfyjob.yaml:6:3: assets/kin_elf.png is a directory*"])


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-only"])
def test_showing_fixtures_makes_and_asks_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")

    assert repository.run("jobs", option).ret == 0


def test_a_client_fixture_that_gives_something_else_is_named(repository: Repository) -> None:
    text = "import pytest\n@pytest.fixture(scope='session')\ndef comfy_client(): return None\n"
    repository.write("jobs/conftest.py", text)

    result = repository.run("jobs")

    result.stdout.fnmatch_lines(["*TypeError: the fixture comfy_client must give a ComfyClient, not None"])


def test_an_image_is_counted_once_also_when_a_fixture_fails_after_it(made: Repository) -> None:
    made.write(
        "jobs/conftest.py",
        """
import pytest

@pytest.fixture(autouse=True)
def guard(request):
    yield
    assert request.node.name != "kin_elf"
""",
    )

    result = made.run("jobs")

    assert made.images_line(result) == "images: 2 current"
    result.assert_outcomes(passed=2, errors=1)


def test_last_failed_takes_up_a_job_file_that_was_mended(made: Repository) -> None:
    made.edit_job("steps: 2", "stepz: 2")
    made.run("jobs")
    made.edit_job("stepz: 2", "steps: 2")

    assert made.images_line(made.run("--lf")) == "images: 2 current"


def test_a_tag_that_is_a_mark_of_another_plugin_is_refused(repository: Repository) -> None:
    repository.write("pytest.ini", "[pytest]\nmarkers =\n    slow\n    level(number): how hard it is\n")
    repository.edit_job("tags: [draft]", "tags: [level]")

    result = repository.run("jobs")

    result.stdout.fnmatch_lines(
        ["*[[]bad-name[]] jobs/kins.comfyjob.yaml: the tag 'level' is a mark of another plugin"]
    )


def test_what_a_hook_does_to_the_graph_is_not_sent(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.run("jobs").assert_outcomes(passed=2)
    pixels = repository.record("kin_elf")["pixels_sha256"]
    repository.write(
        "jobs/conftest.py",
        """
def pytest_comfygen_before_submit(job, graph):
    for node in graph.values():
        if "steps" in node["inputs"]:
            node["inputs"]["steps"] = 9
""",
    )

    repository.run("jobs", "--comfy-update", "all")

    assert repository.record("kin_elf")["pixels_sha256"] == pixels


@pytest.mark.parametrize(
    "answer",
    [
        "5",
        "Finding('a', 'error', 'b', 'c')",
        "[Finding('a', 'eror', 'b', 'c')]",
        "[Finding('a', 'error', None, 3)]",
        "['bad']",
    ],
)
def test_a_check_that_answers_nonsense_publishes_nothing(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    text = f"from pytest_comfygen import Finding\ndef pytest_comfygen_verify(job, path):\n    return {answer}\n"
    repository.write("jobs/conftest.py", text)

    result = repository.run("jobs/kins.comfyjob.yaml::kin_elf")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TypeError: pytest_comfygen_verify must return a list of Findings*"])
    assert not repository.image("kin_elf").exists()


def test_a_check_that_changes_the_picture_publishes_nothing(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    text = "def pytest_comfygen_verify(job, path):\n    path.write_bytes(path.read_bytes() + b'x')\n    return []\n"
    repository.write("jobs/conftest.py", text)

    result = repository.run("jobs")

    result.assert_outcomes(failed=2)
    assert not list(repository.path.glob("assets/*"))


def test_a_cut_prompt_is_told_plainly_where_warnings_are_errors(repository: Repository) -> None:
    repository.write(
        "jobs/cut.comfyjob.yaml",
        "comfyjob: 1\nitems:\n  cat: {checkpoint: a.safetensors}\ndefaults:\n  prompt: the #1 cat\n",
    )

    result = repository.run("jobs", "-W", "error", "--comfy-check")

    result.stdout.fnmatch_lines(["[[]prompt-cut[]] jobs/cut.comfyjob.yaml:5:11: *"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_next_command_works_where_it_is_shown(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    made.image("kin_elf").unlink()
    monkeypatch.chdir(made.path / "jobs")

    result = made.run("--comfy-check")

    hint = next(line for line in result.outlines if "hint: pytest" in line)
    assert hint.strip() == 'hint: pytest "kins.comfyjob.yaml::kin_elf" --comfy-update stale'
    assert made.images_line(made.run("kins.comfyjob.yaml::kin_elf", "--comfy-update", "stale")) == "images: 1 generated"

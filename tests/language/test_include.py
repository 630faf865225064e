from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_comfygen.errors import JobFileError, Where
from pytest_comfygen.language import include
from pytest_comfygen.language.expand import load_job_file, make_job
from pytest_comfygen.records import CheckpointRecipe, Job, JobFile, Model

JOB_FILE = "jobs/kins/a.comfyjob.yaml"
OIL = """\
comfyjob: 1
models: {base: {file: checkpoints/oil.ckpt}}
defaults: {checkpoint: base, steps: 5, vars: {style: oil, light: dim}}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., JobFile]:
    """The job file `jobs/kins/a.comfyjob.yaml` of a repository with other files."""
    root = tmp_path.resolve()

    def _load(text: str, files: dict[str, str]) -> JobFile:
        for name, content in {**files, JOB_FILE: f"comfyjob: 1\n{text}"}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content, encoding="utf-8")
        return load_job_file(root / JOB_FILE, root)

    return _load


def recipe(job: Job) -> CheckpointRecipe:
    """The recipe of a job with a checkpoint."""
    assert isinstance(job.recipe, CheckpointRecipe)
    return job.recipe


def test_included_defaults_and_models_lie_under_the_file_s_own(load: Callable[..., JobFile]) -> None:
    text = "include: ../oil.yaml\ndefaults: {steps: 9, vars: {light: bright}}\nitems: {k: 'a ${style}, ${light}'}\n"

    (job,) = load(text, {"jobs/oil.yaml": OIL}).jobs

    assert job.prompt == "a oil, bright"
    assert recipe(job).steps == 9
    assert recipe(job).checkpoint == Model("checkpoints", "oil.ckpt", "base")


def test_a_later_include_wins_and_each_over_what_it_includes(load: Callable[..., JobFile]) -> None:
    files = {
        "a.yaml": "comfyjob: 1\ninclude: [b.yaml]\ndefaults: {checkpoint: a.ckpt, cfg: 1}\n",
        "b.yaml": "comfyjob: 1\ndefaults: {checkpoint: b.ckpt, cfg: 2, steps: 2}\n",
        "c.json": '{"comfyjob": 1, "defaults": {"cfg": 3}}',
    }

    (job,) = load("include: [../../a.yaml, ../../c.json]\nitems: {k: x}\n", files).jobs

    assert (recipe(job).checkpoint.name, recipe(job).cfg, recipe(job).steps) == ("a.ckpt", 3.0, 2)


def test_defaults_of_the_folders_hold_without_being_named(load: Callable[..., JobFile]) -> None:
    files = {
        "comfyjob.defaults.yaml": "comfyjob: 1\ndefaults: {checkpoint: top.ckpt, steps: 1, cfg: 1, tags: [a]}\n",
        "jobs/kins/comfyjob.defaults.yaml": "comfyjob: 1\ndefaults: {steps: 2, cfg: 2, tags: [b]}\n",
        "jobs/other/comfyjob.defaults.yaml": "comfyjob: 1\ndefaults: {steps: 7}\n",
        "jobs/oil.yaml": "comfyjob: 1\ndefaults: {cfg: 3}\n",
    }

    (job,) = load("include: [../oil.yaml]\nitems: {k: x}\n", files).jobs

    assert (recipe(job).checkpoint.name, recipe(job).steps, recipe(job).cfg) == ("top.ckpt", 2, 3.0)
    assert job.tags == ("a", "b")


def test_sources_and_the_matrix_have_the_inherited_defaults_too(load: Callable[..., JobFile]) -> None:
    source, matrix = "{file: a.txt, name: 'a${row}'}", "{prompt: '${style} ${n}', axes: {n: 1..1}}"
    text = f"include: ../oil.yaml\nfrom: [{source}]\nmatrix: {matrix}\n"

    jobs = load(text, {"jobs/oil.yaml": OIL, "jobs/kins/a.txt": "a ${style} cat\n"}).jobs

    assert [(job.prompt, recipe(job).steps) for job in jobs] == [("a oil cat", 5), ("oil 1", 5)]


def test_inherited_values_stand_in_their_own_file(load: Callable[..., JobFile]) -> None:
    files = {"jobs/oil.yaml": OIL, "comfyjob.defaults.yaml": "comfyjob: 1\ndefaults: {cfg: 3}\n"}
    (job,) = load("include: ../oil.yaml\ndefaults: {vars: {light: x}}\nitems: {k: a}\n", files).jobs

    assert job.place("steps") == Where("jobs/oil.yaml", 3, 37)
    assert job.place("models.base.file") == Where("jobs/oil.yaml", 2, 23)
    assert job.place("cfg") == Where("comfyjob.defaults.yaml", 2, 17)
    assert job.place("vars.light") == Where(JOB_FILE, 3, 26)
    assert job.place("vars.style") == Where("jobs/oil.yaml", 3, 54)


def test_a_wrong_inherited_value_is_told_in_its_file(load: Callable[..., JobFile]) -> None:
    with pytest.raises(JobFileError) as caught:
        load("include: ../oil.yaml\nitems: {k: a}\n", {"jobs/oil.yaml": OIL.replace("checkpoint: base", "size: 60x60")})

    assert (caught.value.code, str(caught.value.where)) == ("out-of-range", "jobs/oil.yaml:3:18")
    assert caught.value.details == (f"found for k at {JOB_FILE}:3:9",)


def test_a_cut_prompt_in_a_file_of_defaults_is_warned_about(load: Callable[..., JobFile]) -> None:
    text = "comfyjob: 1\ndefaults:\n  checkpoint: a.ckpt\n  prompt: the #1 hero\n"

    (warning,) = load("include: ../a.yaml\nitems: {k: }\n", {"jobs/a.yaml": text}).warnings

    assert (warning.code, str(warning.where)) == ("prompt-cut", "jobs/a.yaml:4:11")


def test_a_file_may_be_included_by_two_others(load: Callable[..., JobFile]) -> None:
    files = {"c.yaml": "comfyjob: 1\ndefaults: {checkpoint: c.ckpt}\n"}
    files |= {f"{name}.yaml": "comfyjob: 1\ninclude: c.yaml\n" for name in "ab"}

    (job,) = load("include: [../../a.yaml, ../../b.yaml]\nitems: {k: x}\n", files).jobs

    assert recipe(job).checkpoint.name == "c.ckpt"


def test_a_job_from_python_inherits_nothing(tmp_path: Path) -> None:
    (tmp_path / "comfyjob.defaults.yaml").write_text("comfyjob: 1\ndefaults: {steps: 7}\n", encoding="utf-8")

    job = make_job({"prompt": "a", "checkpoint": "b.pt"}, name="x", root=tmp_path, file=tmp_path / "test_a.py")

    assert recipe(job).steps == 20


def test_files_of_defaults_cannot_multiply(load: Callable[..., JobFile], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(include, "MAX_FILES", 10)
    files = {f"{n}.yaml": f"comfyjob: 1\ninclude: [{n + 1}.yaml, {n + 1}.yaml]\n" for n in range(30)}

    with pytest.raises(JobFileError) as caught:
        load("include: ../../0.yaml\nitems: {k: a}\n", {**files, "30.yaml": OIL})

    assert (caught.value.code, "more than 10 files" in caught.value.message) == ("too-large", True)


def test_files_of_defaults_are_bounded_together(load: Callable[..., JobFile], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(include, "MAX_CHARACTERS", 200)

    with pytest.raises(JobFileError) as caught:
        load("include: [../oil.yaml, ../oil.yaml]\nitems: {k: a}\n", {"jobs/oil.yaml": OIL})

    assert (caught.value.code, str(caught.value.where)) == ("too-large", "jobs/oil.yaml")


CYCLE = {"b.yaml": "comfyjob: 1\ninclude: [c.yaml]\n", "c.yaml": "comfyjob: 1\ninclude: [b.yaml]\n"}

WRONG = [
    ("../no.yaml", {"jobs/on.yaml": OIL}, "file-missing", f"{JOB_FILE}:2:10", "jobs/no.yaml does not exist"),
    ("[../no.yaml]", {}, "file-missing", f"{JOB_FILE}:2:11", "jobs/no.yaml does not exist"),
    ("../../b.yaml", CYCLE, "include-cycle", "c.yaml:2:11", "b.yaml → c.yaml → b.yaml"),
    ("../../a.yaml", {"a.yaml": "comfyjob: 1\ninclude: a.yaml\n"}, "include-cycle", "a.yaml:2:10", "a.yaml → a.yaml"),
    ("../../../a.yaml", {}, "outside-repository", f"{JOB_FILE}:2:10", "leads out"),
    ("/etc/passwd", {}, "bad-path", f"{JOB_FILE}:2:10", "is absolute"),
    ("{a: b}", {}, "wrong-type", f"{JOB_FILE}:2:10", "a path, or a list of at most 20 paths"),
    ("[3]", {}, "wrong-type", f"{JOB_FILE}:2:11", "a path of 1 to 1000"),
    ("../a.yaml", {"jobs/a.yaml": ""}, "empty-file", "jobs/a.yaml:1:1", "holds no defaults"),
    ("../a.yaml", {"jobs/a.yaml": "comfyjob: 2\n"}, "language-version", "jobs/a.yaml:1:11", "no version 2"),
    ("../a.yaml", {"jobs/a.yaml": "defaults: {}\n"}, "missing-key", "jobs/a.yaml:1:1", "`comfyjob`"),
    ("../a.yaml", {"jobs/a.yaml": "comfyjob: 1\nitems: {a: b}\n"}, "unknown-key", "jobs/a.yaml:2:1", "'items'"),
    ("../a.yaml", {"jobs/a.yaml": "comfyjob: 1\ndefaults: {step: 1}\n"}, "unknown-key", "jobs/a.yaml:2:12", "'step'"),
    ("../a.yaml", {"jobs/a.yaml": "comfyjob: 1\ndefaults: [\n"}, "syntax", "jobs/a.yaml:3:1", "not YAML"),
    ("[]", {"jobs/comfyjob.defaults.yaml": "- a\n"}, "wrong-type", "jobs/comfyjob.defaults.yaml:1:1", "a mapping"),
    ("../a.yaml", {"jobs/a.yaml": OIL.replace("oil.ckpt", "oil")}, "bad-path", "jobs/a.yaml:2:23", "model folder"),
]


@pytest.mark.parametrize(("written", "files", "code", "place", "message"), WRONG)
def test_a_wrong_include_is_refused_at_its_place(
    load: Callable[..., JobFile], written: str, files: dict[str, str], code: str, place: str, message: str
) -> None:
    with pytest.raises(JobFileError) as caught:
        load(f"include: {written}\nitems: {{k: {{prompt: a, checkpoint: b.pt}}}}\n", files)

    assert (code, place) == (caught.value.code, str(caught.value.where))
    assert message in caught.value.message


def test_a_hint_names_what_a_missing_file_may_be(load: Callable[..., JobFile]) -> None:
    with pytest.raises(JobFileError) as caught:
        load("include: ../oli.yaml\nitems: {k: a}\n", {"jobs/oil.yaml": OIL})

    assert caught.value.hint == "did you mean oil.yaml?"


def test_defaults_of_a_folder_that_are_a_link_out_of_the_repository_are_refused(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "repository"
    root.mkdir()
    (tmp_path / "outside.yaml").write_text(OIL, encoding="utf-8")
    (root / "comfyjob.defaults.yaml").symlink_to(tmp_path / "outside.yaml")
    (root / "a.comfyjob.yaml").write_text("comfyjob: 1\nitems: {k: a}\n", encoding="utf-8")

    with pytest.raises(JobFileError) as caught:
        load_job_file(root / "a.comfyjob.yaml", root)

    assert (caught.value.code, str(caught.value.where)) == ("outside-repository", "comfyjob.defaults.yaml")

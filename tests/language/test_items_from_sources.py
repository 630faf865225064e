from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_comfygen.errors import JobFileError, Where
from pytest_comfygen.flows.fingerprint import fingerprint_of
from pytest_comfygen.language import gathered, surroundings
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.records import CheckpointRecipe, Job, Size

TABLE = """\
id,subject,seed,playable,tags,steps
dwarf,a dwarf,1234,yes,portrait,
elf,"a moon elf, smiling",,yes,"portrait, moon",40
ghost,a ghost,5,no,,
"""

HEAD = """\
comfyjob: 1
defaults: {checkpoint: a.ckpt, steps: 3, prompt: "a ${subject}", tags: [x], vars: {subject: nobody}}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., tuple[Job, ...]]:
    """The jobs of a text beside `data/kins.csv`, or beside other files."""
    root = tmp_path.resolve()

    def _load(text: str, **files: str) -> tuple[Job, ...]:
        for name, content in {"kins.csv": TABLE, **files}.items():
            (root / "data").mkdir(exist_ok=True)
            (root / "data" / name).write_text(content, encoding="utf-8")
        (root / "jobs").mkdir(exist_ok=True)
        (root / "jobs" / "kins.comfyjob.yaml").write_text(text, encoding="utf-8")
        return load_job_file(root / "jobs" / "kins.comfyjob.yaml", root).jobs

    return _load


def source(keys: str = "") -> str:
    """A job file with one source in its fourth line."""
    return f"{HEAD}from:\n- {{file: ../data/kins.csv, name: 'kin_${{id}}'{keys}}}\n"


def steps(job: Job) -> int:
    """The steps of a job with a checkpoint."""
    assert isinstance(job.recipe, CheckpointRecipe)
    return job.recipe.steps


def test_rows_become_items_with_columns_as_variables(load: Callable[..., tuple[Job, ...]]) -> None:
    jobs = load(source(", rename: {seed: noise, steps: pace}"))

    assert [(job.name, job.prompt) for job in jobs] == [
        ("kin_dwarf", "a a dwarf"),
        ("kin_elf", "a a moon elf, smiling"),
        ("kin_ghost", "a a ghost"),
    ]
    assert [job.file.name for job in jobs] == ["kins.comfyjob.yaml"] * 3


def test_listed_columns_set_keys_and_empty_cells_none(load: Callable[..., tuple[Job, ...]]) -> None:
    dwarf, elf, _ = load(source(", keys: [seed, tags, steps]"))

    assert [(job.seed.rule, steps(job), job.tags) for job in (dwarf, elf)] == [
        ("fixed", 3, ("x", "portrait")),
        ("from-name", 40, ("x", "portrait", "moon")),
    ]
    assert dwarf.seed.value == 1234


def test_a_row_wins_over_its_entry_and_the_entry_over_the_defaults(load: Callable[..., tuple[Job, ...]]) -> None:
    dwarf, elf, _ = load(source(", keys: [steps], rename: {seed: noise}, steps: 7, vars: {subject: somebody}"))

    assert (steps(dwarf), steps(elf)) == (7, 40)
    assert dwarf.prompt == "a a dwarf"


CHOSEN = [
    ("where: {playable: 'yes'}", ["kin_dwarf", "kin_elf"]),
    ("where: {seed: [1234, 5]}", ["kin_dwarf", "kin_ghost"]),
    ("where: {playable: 'yes', seed: ''}", ["kin_elf"]),
    ("limit: 1", ["kin_dwarf"]),
    ("where: {playable: 'yes'}, limit: 1", ["kin_dwarf"]),
    ("where: {seed: ''}, limit: 9", ["kin_elf"]),
]


@pytest.mark.parametrize(("keys", "names"), CHOSEN)
def test_rows_are_chosen(load: Callable[..., tuple[Job, ...]], keys: str, names: list[str]) -> None:
    jobs = load(source(f", keys: [steps, seed], {keys}"))

    assert names == [job.name for job in jobs]


def test_an_item_stands_at_its_row_and_its_keys_at_their_cells(load: Callable[..., tuple[Job, ...]]) -> None:
    _, elf, _ = load(source(", keys: [seed, steps], cfg: 3"))

    assert elf.where == Where("data/kins.csv", 3, 1)
    assert elf.place("steps") == Where("data/kins.csv", 3, 49)
    assert elf.place("vars.subject") == Where("data/kins.csv", 3, 5)
    assert elf.place("cfg") == Where("jobs/kins.comfyjob.yaml", 4, 73)
    assert elf.place("checkpoint") == Where("jobs/kins.comfyjob.yaml", 2, 24)
    assert {"steps", "cfg", "vars.subject", "checkpoint"} <= set(elf.places)


def test_the_order_is_items_then_sources_then_the_matrix(load: Callable[..., tuple[Job, ...]]) -> None:
    text = (
        "matrix: {name: 'm${n}', axes: {n: 1..2}}\n"
        "from: [{file: ../data/b.txt, name: 'b${row}'}, {file: ../data/a.jsonl}]\n"
        "items: {z: '1', a: '2'}\n"
    )
    files = {"b.txt": "one\n\ntwo\n", "a.jsonl": '{"name": "y"}\n{"name": "c"}\n'}

    assert [job.name for job in load(HEAD + text, **files)] == ["z", "a", "b1", "b2", "y", "c", "m1", "m2"]


def test_a_changed_row_changes_its_own_fingerprint_and_no_other(load: Callable[..., tuple[Job, ...]]) -> None:
    text = source(", keys: [seed, steps]")

    before = {job.name: fingerprint_of(job, job.seed.value or 0) for job in load(text)}
    rows = TABLE.replace("a dwarf", "an old dwarf").splitlines()
    moved = "\n".join([rows[0], "orc,an orc,,yes,,", *reversed(rows[1:])])
    after = {job.name: fingerprint_of(job, job.seed.value or 0) for job in load(text, **{"kins.csv": moved})}

    assert after.keys() - before.keys() == {"kin_orc"}
    assert [name for name in before if before[name] != after[name]] == ["kin_dwarf"]


def test_a_row_is_the_same_as_an_item_that_says_the_same(load: Callable[..., tuple[Job, ...]]) -> None:
    _, row, _ = load(source(", keys: [seed, steps]"))
    (item,) = load(f"{HEAD}items: {{kin_elf: {{steps: 40, vars: {{subject: 'a moon elf, smiling'}}}}}}\n")

    assert fingerprint_of(row, 1) == fingerprint_of(item, 1)
    assert (row.output, row.seed, row.checks) == (item.output, item.seed, item.checks)


def test_a_prompt_out_of_a_row_is_filled_in_and_a_variable_is_not(load: Callable[..., tuple[Job, ...]]) -> None:
    rows = '{"name": "a", "prompt": "${subject} here", "subject": "${style}"}\n'

    (job,) = load(f"{HEAD}from: [{{file: ../data/a.jsonl, keys: [prompt]}}]\n", **{"a.jsonl": rows})

    assert job.prompt == "${style} here"


def test_a_prompt_alone_on_its_line_may_be_a_variable_instead(load: Callable[..., tuple[Job, ...]]) -> None:
    source = "{file: ../data/a.txt, name: 'a${row}', rename: {prompt: place}, prompt: 'a cat in ${place}'}"

    (job,) = load(f"{HEAD}from: [{source}]\n", **{"a.txt": "the rain\n"})

    assert job.prompt == "a cat in the rain"


def test_sources_are_bounded_together(load: Callable[..., tuple[Job, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "MAX_SOURCE_CHARACTERS", 20)
    entries = ", ".join(f"{{file: ../data/a.txt, name: '{name}${{row}}'}}" for name in "abc")

    with pytest.raises(JobFileError) as caught:
        load(f"{HEAD}from: [{entries}]\n", **{"a.txt": "123456789\n"})

    assert (caught.value.code, str(caught.value.where)) == ("too-large", "jobs/kins.comfyjob.yaml:3:95")


def test_names_may_use_variables_too_and_a_column_wins_over_them_and_they_over_the_row_s_number(
    load: Callable[..., tuple[Job, ...]],
) -> None:
    keys = "name: '${style}-${id}-${row}', vars: {style: oil, row: r, id: x}, prompt: '${row} ${id}'"

    (job,) = load(f"{HEAD}from: [{{file: ../data/a.jsonl, {keys}}}]\n", **{"a.jsonl": '{"id": 7}'})

    assert (job.name, job.prompt) == ("oil-7-r", "r 7")


def test_structured_rows_may_set_structured_keys(load: Callable[..., tuple[Job, ...]]) -> None:
    rows = "- {name: a, size: 64x96, verify: {allow_blank: true}, tags: [b], notes: [1, 2], age: null}\n"

    (job,) = load(f"{HEAD}from: [{{file: ../data/a.yaml, keys: [size, verify, tags]}}]\n", **{"a.yaml": rows})

    assert job.checks.size == Size(64, 96)
    assert job.checks.allow_blank
    assert job.tags == ("x", "b")


def test_the_same_source_may_be_used_twice(load: Callable[..., tuple[Job, ...]]) -> None:
    entry = "{file: ../data/kins.csv, keys: [seed, steps], limit: 1, name: "

    jobs = load(f"{HEAD}from: [{entry}'a_${{id}}'}}, {entry}'b_${{id}}', prompt: 'b'}}]\n")

    assert [(job.name, job.prompt) for job in jobs] == [("a_dwarf", "a a dwarf"), ("b_dwarf", "b")]


def test_all_wrong_rows_are_told_together_file_after_file(load: Callable[..., tuple[Job, ...]]) -> None:
    rows = TABLE.replace("1234", "many").replace("elf,", "a:b,").replace("ghost,", "ghost?,")

    with pytest.raises(JobFileError) as caught:
        load(source(", keys: [seed, steps]") + "items: {'a b': x}\n", **{"kins.csv": rows})

    places = [str(error.where) for error in (caught.value, *caught.value.also)]
    assert places == ["jobs/kins.comfyjob.yaml:5:9", "data/kins.csv:2:15", "data/kins.csv:3:1", "data/kins.csv:4:1"]


def test_a_mistake_in_the_job_file_names_the_first_row_that_shows_it(load: Callable[..., tuple[Job, ...]]) -> None:
    with pytest.raises(JobFileError) as caught:
        load(source(", keys: [seed, steps], prompt: 'a ${subjekt}'"))

    assert str(caught.value.where) == "jobs/kins.comfyjob.yaml:4:76"
    assert caught.value.details == ("found for kin_dwarf at data/kins.csv:2:1",)
    assert caught.value.also == ()


def test_more_images_than_a_file_may_have_are_refused(
    load: Callable[..., tuple[Job, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathered, "MAX_ITEMS", 3)

    with pytest.raises(JobFileError) as caught:
        load(f"{HEAD}items: {{a: b}}\nfrom: [{{file: ../data/a.txt, name: 'a${{row}}'}}]\n", **{"a.txt": "a\nb\nc\n"})

    assert (caught.value.code, str(caught.value.where)) == ("too-large", "data/a.txt:3:1")
    assert caught.value.message == "the file makes more than 3 images"


def test_many_mistakes_end_the_reading_early(load: Callable[..., tuple[Job, ...]]) -> None:
    rows = "\n".join(f"no{number}" for number in range(100_000))

    with pytest.raises(JobFileError) as caught:
        load(f"{HEAD}from: [{{file: ../data/a.txt, name: 'a b${{row}}'}}]\n", **{"a.txt": rows})

    assert len(caught.value.also) == 99

"""Rows that somebody answers with are rows like all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pytest_comfygen.errors import JobFileError, Where
from pytest_comfygen.language import surroundings
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.language.sources.answered import Answer
from pytest_comfygen.records import Job, Scalar

HEAD = "comfyjob: 1\ndefaults: {checkpoint: a.ckpt, prompt: 'a ${subject}', vars: {subject: kin}, steps: 3}\nfrom:\n"
FILE = "jobs/kins.comfyjob.yaml"
KINS: Answer = [
    {"id": "elf", "subject": "moon elf", "seed": 7, "rank": 1.5},
    {"id": "orc", "subject": "loud orc", "seed": None, "tags": "draft, loud"},
]

Load = Callable[..., tuple[Job, ...]]


class Oracle:
    """Answers every question with the same rows, and remembers it."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[tuple[str, dict[str, Scalar], str]] = []
        self._answer = answer

    def __call__(self, name: str, options: Mapping[str, Scalar], where: Where | None) -> Answer:
        self.asked.append((name, dict(options), str(where)))
        return self._answer


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The jobs of a file whose fourth line is an entry."""
    root = tmp_path.resolve()

    def _load(entry: str, oracle: Oracle) -> tuple[Job, ...]:
        (root / "jobs").mkdir(exist_ok=True)
        (root / FILE).write_text(f"{HEAD}- {entry}\n", encoding="utf-8")
        return load_job_file(root / FILE, root, oracle).jobs

    return _load


def test_rows_become_items_where_the_source_is_named(load: Load) -> None:
    oracle = Oracle(KINS)

    jobs = load("{source: kins, options: {chapter: 3, final: true}, name: '${id}', keys: [seed, tags]}", oracle)

    assert oracle.asked == [("kins", {"chapter": 3, "final": True}, f"{FILE}:4:12")]
    assert [(job.name, job.prompt, job.tags, str(job.where)) for job in jobs] == [
        ("elf", "a moon elf", (), f"{FILE}:4:12"),
        ("orc", "a loud orc", ("draft", "loud"), f"{FILE}:4:12"),
    ]
    assert [job.seed.rule for job in jobs] == ["fixed", "from-name"]
    assert [str(jobs[0].place(key)) for key in ("seed", "steps")] == [f"{FILE}:4:12", f"{FILE}:2:85"]


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ("where: {id: orc}", ["orc"]),
        ("where: {rank: 1.5}", ["elf"]),
        ("limit: 1", ["elf"]),
        ("rename: {subject: kin}", ["elf", "orc"]),
    ],
)
def test_the_other_keys_of_an_entry_act_as_with_a_file(load: Load, keys: str, names: list[str]) -> None:
    assert [
        job.name for job in load(f"{{source: k, name: '${{id}}', keys: [seed, tags], {keys}}}", Oracle(KINS))
    ] == names


@pytest.mark.parametrize(
    ("entry", "answer", "code", "column", "message", "detail"),
    [
        ("{source: k, name: a}", [], "source-invalid", 12, "the source 'k' has no row", ""),
        ("{source: k, name: '${ix}'}", KINS[:1], "conflicting-keys", 3, "column 'seed'", ""),
        ("{source: k, name: '${ix}'}", [{"id": 1}], "unknown-variable", 21, "${ix}", "row 1 of the source 'k'"),
        ("{source: k}", [{"id": 1}], "missing-key", 3, "the rows have no names", ""),
        ("{source: k}", [{"name": "a b"}], "bad-name", 12, "'a b' holds ' '", "row 1 of the source 'k'"),
        ("{source: k, keys: [steps]}", [{"name": "a", "steps": 0}], "out-of-range", 12, "steps", "row 1 of the source"),
        ("{source: k, keys: [tags]}", [{"name": "a", "tags": 3}], "wrong-type", 12, "tags", "row 1 of the source"),
        (
            "{source: k, prompt: '${kin}'}",
            [{"name": "a"}],
            "unknown-variable",
            23,
            "${kin}",
            f"found for a at {FILE}:4:12",
        ),
        ("{source: k, name: x}", [{"id": 1}, {"id": 2}], "duplicate-name", 21, "two combinations or rows", ""),
        ("{source: k}", [{"name": "a\x07"}], "syntax", 12, "row 1: the control character U+0007", ""),
        ("{source: k}", [{"name": "hf_" + "a1B2" * 8}], "secret", 12, "row 1: this text holds", ""),
    ],
)
def test_what_is_wrong_with_a_row_is_told_at_the_entry(
    load: Load, entry: str, answer: Answer, code: str, column: int, message: str, detail: str
) -> None:
    with pytest.raises(JobFileError) as caught:
        load(entry, Oracle(answer))

    error = caught.value
    assert (code, f"{FILE}:4:{column}") == (error.code, str(error.where))
    assert message in error.message
    assert detail in "".join(error.details)


def test_texts_of_all_sources_are_counted_together(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "MAX_SOURCE_CHARACTERS", 20)

    with pytest.raises(JobFileError) as caught:
        load("{source: k, name: '${id}', keys: [seed, tags]}", Oracle(KINS))

    assert (caught.value.code, str(caught.value.where)) == ("too-large", f"{FILE}:4:12")

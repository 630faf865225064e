from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_comfygen.errors import JobFileError
from pytest_comfygen.language.alternatives import choose
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.records import Job

FILES: dict[str, str | bytes] = {
    "wild/mood.txt": "gloomy\n\n# a comment\n  proud ${name}\n",
    "wild/light/deep_night.txt": "by {moon|moon}light, __mood__\n",
    "wild/empty.txt": "# nothing\n",
    "wild/latin.txt": b"caf\xe9\n",
}


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Job]:
    """The one job of an item's keys, which stand in the third line."""
    root = tmp_path.resolve() / "repository"
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (root / "link").symlink_to(tmp_path)
    (root / "jobs").mkdir()

    def _load(keys: str) -> Job:
        text = f"comfyjob: 1\ndefaults: {{checkpoint: a.ckpt}}\nitems: {{kin: {{{keys}}}}}\n"
        (root / "jobs" / "a.comfyjob.yaml").write_text(text, encoding="utf-8")
        (job,) = load_job_file(root / "jobs" / "a.comfyjob.yaml", root).jobs
        return job

    return _load


def chosen(text: str, name: str = "kin", key: str = "prompt") -> str:
    """A text with the alternatives of one item."""
    return choose(text, name, key, braces=True, lines=None)


# Frozen: a change of any of these would repaint the pictures of users.
CHOICES = [
    ("a {red|green|blue} hat", "dwarf", "prompt", "a red hat"),
    ("a {red|green|blue} hat", "kin_elf", "prompt", "a blue hat"),
    ("a {red|green|blue} hat", "kin_elf", "negative", "a blue hat"),
    ("{1|2|3|4|5|6|7|8|9}{1|2|3|4|5|6|7|8|9}{1|2|3|4|5|6|7|8|9}", "kin_elf", "prompt", "738"),
    ("{a {b|c|d}|e {f|g|h}}", "kin_orc", "prompt", "a c"),
    ("{a|b|c|d}", "café", "prompt", "c"),
]


@pytest.mark.parametrize(("text", "name", "key", "found"), CHOICES)
def test_a_choice_is_the_same_for_ever(text: str, name: str, key: str, found: str) -> None:
    assert found == chosen(text, name, key)


def test_composed_and_decomposed_names_choose_alike() -> None:
    assert chosen("{a|b|c|d|e|f|g|h}", "caf\u00e9") == chosen("{a|b|c|d|e|f|g|h}", "cafe\u0301")


PLAIN = ["no choice", "a {word} alone", "a | b", "cost: $$5", "${a} and ${b}", "{${a}}", "", "__mood__", "{}"]


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_choice_stays(text: str) -> None:
    assert text == chosen(text)


def test_alternatives_may_be_empty_nested_and_hold_variables() -> None:
    found = {chosen("x{|{a|${v}}|$$}y", f"k{number}") for number in range(100)}

    assert found == {"xy", "xay", "x${v}y", "x$$y"}


def test_each_alternative_is_chosen_about_equally_often() -> None:
    counts = Counter(chosen("{a|b|c|d}", f"kin_{number}") for number in range(4000))

    assert all(900 < count < 1100 for count in counts.values())


def test_one_more_alternative_changes_only_those_that_get_it() -> None:
    names = [f"kin_{number}" for number in range(1000)]

    changed = [name for name in names if chosen("{a|b|c}", name) != chosen("{a|b|c|d}", name)]

    assert {chosen("{a|b|c|d}", name) for name in changed} == {"d"}
    assert 200 < len(changed) < 300


def test_choices_do_not_depend_on_what_stands_around_them() -> None:
    names = [f"kin_{number}" for number in range(50)]

    before = [chosen("{a|b|c} {d|e|f}", name)[-1] for name in names]
    after = [chosen("a fine {{x|y}|{z|v}|w|u|t}, {d|e|f}", name)[-1] for name in names]

    assert before == after
    assert len({chosen("{a|b} {a|b}", name) for name in names}) == 4


def test_without_the_keys_braces_and_underscores_are_text(load: Callable[[str], Job]) -> None:
    assert load("prompt: 'a {b|c} __mood__'").prompt == "a {b|c} __mood__"
    assert load("wildcards: ../wild, prompt: 'a {b|c}'").prompt == "a {b|c}"
    assert load("alternatives: true, prompt: '__mood__'").prompt == "__mood__"


def test_choices_are_made_before_variables_are_filled_in(load: Callable[[str], Job]) -> None:
    job = load("alternatives: true, prompt: '{${a}|${a}}', negative: '{x|x}', vars: {a: '{p|q}'}")

    assert (job.prompt, job.negative) == ("{p|q}", "x")


def test_a_wildcard_is_a_line_of_its_file(load: Callable[[str], Job]) -> None:
    assert load("wildcards: ../wild, prompt: 'a __mood__'").prompt in {"a gloomy", "a proud kin"}
    assert (
        load("wildcards: ../wild/, alternatives: true, prompt: __light/deep_night__").prompt == "by moonlight, __mood__"
    )
    assert load("wildcards: '../${d}', vars: {d: wild}, prompt: __light/deep_night__").prompt.startswith("by {moon|")


def test_a_seed_from_the_prompt_is_that_of_the_chosen_one(load: Callable[[str], Job]) -> None:
    assert (
        load("alternatives: true, seed: from-prompt, prompt: '{a|a}'").seed == load("seed: from-prompt, prompt: a").seed
    )


WRONG = [
    ("alternatives: true, prompt: 'a {b|c'", "bad-template", "jobs/a.comfyjob.yaml:3:43", "not closed"),
    ("alternatives: true, prompt: 'a b|c}'", "bad-template", "jobs/a.comfyjob.yaml:3:43", "no `{` before it"),
    (
        "alternatives: true, prompt: '" + "{a|" * 9 + "}" * 9 + "'",
        "bad-template",
        "jobs/a.comfyjob.yaml:3:43",
        "8 levels",
    ),
    ("alternatives: 'true', prompt: a", "wrong-type", "jobs/a.comfyjob.yaml:3:29", "true or false"),
    (
        "wildcards: ../wild, prompt: __modo__",
        "file-missing",
        "jobs/a.comfyjob.yaml:3:43",
        "wild/modo.txt does not exist",
    ),
    ("wildcards: ../no, prompt: __mood__", "file-missing", "jobs/a.comfyjob.yaml:3:41", "no/mood.txt"),
    ("wildcards: ../wild, prompt: __empty__", "source-invalid", "jobs/a.comfyjob.yaml:3:43", "has no line"),
    ("wildcards: ../wild, prompt: __latin__", "not-utf8", "wild/latin.txt:1:4", "0xe9"),
    ("wildcards: ../../wild, prompt: __mood__", "outside-repository", "jobs/a.comfyjob.yaml:3:26", "leads out"),
    ("wildcards: ../link, prompt: __mood__", "outside-repository", "jobs/a.comfyjob.yaml:3:26", "through a link"),
    ("wildcards: /etc, prompt: __mood__", "bad-path", "jobs/a.comfyjob.yaml:3:26", "is absolute"),
    ("wildcards: ../wild, prompt: a ${n}", "unknown-variable", "jobs/a.comfyjob.yaml:3:43", "${n}"),
]


@pytest.mark.parametrize(("keys", "code", "place", "message"), WRONG)
def test_a_wrong_choice_is_refused_at_its_place(
    load: Callable[[str], Job], keys: str, code: str, place: str, message: str
) -> None:
    with pytest.raises(JobFileError) as caught:
        load(keys.replace("a ${n}", "'a ${n}'"))

    assert (code, place) == (caught.value.code, str(caught.value.where))
    assert message in caught.value.message


def test_long_choices_are_bounded() -> None:
    with pytest.raises(JobFileError) as caught:
        choose("__a__" * 1000, "k", "prompt", braces=False, lines=lambda _: ["x" * 1000])

    assert caught.value.code == "too-large"

from __future__ import annotations

import pytest

from pytest_comfygen.errors import JobFileError
from pytest_comfygen.language.load import parse
from pytest_comfygen.language.schema import validate
from pytest_comfygen.language.schema.mistakes import shown

SHOWN = [
    (None, "nothing"),
    (True, "true"),
    (3, "the number 3"),
    (1.5, "the number 1.5"),
    ("oil", "the text 'oil'"),
    ("x" * 100, f"the text '{'x' * 57}'..."),
    ({"a": 1}, "a mapping"),
    ([1], "a list"),
    (object(), "a value of type object"),
]

MANY = """\
comfyjob: 1
promt: x
defaults:
  steps: "30"
items:
  a: {promt: x, cfg: -1}
  b: [1]
"""


@pytest.mark.parametrize(("value", "words"), SHOWN)
def test_values_are_shown_as_their_writer_knows_them(value: object, words: str) -> None:
    assert words == shown(value)


def test_all_mistakes_of_a_file_are_told_in_its_order() -> None:
    with pytest.raises(JobFileError) as caught:
        validate(parse(MANY, "a.yaml"))

    first = caught.value
    assert [str(error) for error in (first, *first.also)] == [
        "a.yaml:2:1: unknown key 'promt'",
        "a.yaml:4:10: defaults.steps must be an integer from 1 to 1000, not the text '30'",
        "a.yaml:6:7: unknown key 'promt'",
        "a.yaml:6:22: items.a.cfg must be a number from 0 to 100, not the number -1",
        "a.yaml:7:6: items.b must be a mapping, a prompt, or nothing, not a list",
    ]


def test_at_most_a_hundred_mistakes_are_told() -> None:
    items = "".join(f"  k{number}: 5\n" for number in range(1000))

    with pytest.raises(JobFileError) as caught:
        validate(parse(f"comfyjob: 1\nitems:\n{items}", "a.yaml"))

    assert len(caught.value.also) == 99


def test_a_file_of_too_many_items_is_refused() -> None:
    items = "".join(f"  k{number}:\n" for number in range(100_001))

    with pytest.raises(JobFileError) as caught:
        validate(parse(f"comfyjob: 1\nitems:\n{items}", "a.yaml"))

    assert caught.value.code == "too-large"
    assert str(caught.value) == "a.yaml:3:3: items holds more than 100,000 entries"

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from pytest_comfygen.errors import JobFileError, OutOfRange, SyntaxInvalid, TooDeep, Where
from pytest_comfygen.language.load import parse

TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufffe\uffff"), max_size=20
)
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
TREES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdefgh", max_size=5), inner, max_size=4),
    max_leaves=20,
)
LAYOUTS = st.fixed_dictionaries({"indent": st.sampled_from([None, 2, "\t"]), "ensure_ascii": st.booleans()})


@given(TREES, LAYOUTS)
def test_json_is_read_as_the_standard_library_reads_it(tree: object, layout: dict[str, Any]) -> None:
    assert tree == parse(json.dumps(tree, **layout), "a.json").root


def test_every_key_and_value_knows_its_place() -> None:
    document = parse('{"a": 1,\n\t"b": [true,\n {"c": "x"}]}', "a.json")

    assert Where("a.json", 2, 2) == document.where(["b"], of_key=True)
    assert Where("a.json", 2, 7) == document.where(["b"])
    assert Where("a.json", 3, 8) == document.where(["b", 1, "c"])


REFUSED = [
    ("{'a': 1}", 2, "a key in double quotes"),
    ("{a: 1}", 2, "a key in double quotes"),
    ('{"a" 1}', 6, "a `:` is missing"),
    ('{"a": 1 "b": 2}', 9, "a `,` or `}` is missing"),
    ("[1 2]", 4, "a `,` or `]` is missing"),
    ("[1,]", 4, "']' is not a JSON value"),
    ("[01]", 3, "a `,` or `]` is missing"),
    ("[+1]", 2, "'+' is not a JSON value"),
    ("[.5]", 2, "'.' is not a JSON value"),
    ("[-]", 2, "a digit is missing"),
    ("[Infinity]", 2, "'Infinity' is not"),
    ("[True]", 2, "'True' is not"),
    ('["a\nb"]', 2, "no end, a line break"),
    ('["\\x41"]', 2, "an unknown escape"),
    ('["a]', 2, "no end"),
    ("[", 2, "the text ends"),
    ("{} x", 4, "something follows"),
]


@pytest.mark.parametrize(("text", "column", "message"), REFUSED)
def test_what_is_not_json_is_refused_at_its_place(text: str, column: int, message: str) -> None:
    with pytest.raises(SyntaxInvalid) as caught:
        parse(text, "a.json")

    assert Where("a.json", 1, column) == caught.value.where
    assert message in caught.value.message


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 101])
def test_numbers_that_nothing_can_hold_are_refused(number: str) -> None:
    with pytest.raises(OutOfRange):
        parse(f"[{number}]", "a.json")


@pytest.mark.parametrize("text", ["[" * 50_000, '{"a":' * 50_000])
def test_deep_nesting_ends_early(text: str) -> None:
    with pytest.raises(TooDeep):
        parse(text, "a.json")


def test_an_escaped_token_is_refused() -> None:
    with pytest.raises(JobFileError) as caught:
        parse('["\\u0068f_abcdefghijklmnopqrstuvwxyz"]', "a.json")

    assert caught.value.code == "secret"

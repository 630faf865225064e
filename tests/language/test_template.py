from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from pytest_comfygen.errors import BadTemplate, JobFileError, TooLarge, UnknownVariable
from pytest_comfygen.language.template import MAX_CHARACTERS, fill, is_variable_name, sole_name, used_names
from pytest_comfygen.records import Scalar

VARIABLES: dict[str, Scalar] = {
    "style": "oil",
    "n": 3,
    "cfg": 6.5,
    "on": True,
    "größe": "L",
    "a-b": "ab",
    "empty": None,
    "nested": "${style} $$",
}

FILLED = [
    ("plain", "plain"),
    ("${style}", "oil"),
    ("a ${style} ${style}", "a oil oil"),
    ("${n} at ${cfg}, ${on}", "3 at 6.5, true"),
    ("${größe}${a-b}", "Lab"),
    ("[${empty}]", "[]"),
    ("$$", "$"),
    ("$$${style}", "$oil"),
    ("$${style}", "${style}"),
    ("$$$$", "$$"),
    ("a $5 coin", "a $5 coin"),
    ("100$", "100$"),
    ("$style {style} {{style}}", "$style {style} {{style}}"),
    ("${nested}", "${style} $$"),
    ("%s %(style)s", "%s %(style)s"),
]

MALFORMED = [
    "${",
    "${style",
    "a ${ b",
    "${}",
    "${ style }",
    "${style.x}",
    "${style[0]}",
    "${1}",
    "${a b}",
    "${${style}}",
]


@pytest.mark.parametrize(("text", "filled"), FILLED)
def test_names_are_looked_up_and_nothing_is_evaluated(text: str, filled: str) -> None:
    assert filled == fill(text, VARIABLES)


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed_placeholders_are_refused(text: str) -> None:
    with pytest.raises(BadTemplate):
        fill(text, VARIABLES)


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownVariable) as caught:
        fill("a ${styel}", VARIABLES)

    assert caught.value.message == "nothing defines ${styel}"
    assert caught.value.hint == "did you mean ${style}?"


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownVariable) as caught:
        fill("a ${subject}", {"b": 1, "a": 2})

    assert caught.value.hint == "define it under `vars:`; known here: a, b"


def test_a_text_cannot_grow_without_limit() -> None:
    with pytest.raises(TooLarge):
        fill("${a}" * 20, {"a": "x" * (MAX_CHARACTERS // 10)})


def test_used_names_are_in_order() -> None:
    assert used_names("${b} $$ ${a} $x ${b}") == ("b", "a", "b")


@pytest.mark.parametrize(
    ("text", "name"), [("${seed}", "seed"), ("${seed} ", None), ("$$", None), ("seed", None), ("${a}${b}", None)]
)
def test_a_text_that_is_one_name_is_recognised(text: str, name: str | None) -> None:
    assert name == sole_name(text)


@given(st.text())
def test_a_text_with_doubled_dollars_says_what_it_said(text: str) -> None:
    assert text == fill(text.replace("$", "$$"), {})


@given(st.text("${}abc-_1 ", max_size=30))
def test_any_text_is_filled_or_refused(text: str) -> None:
    try:
        filled = fill(text, {"a": "x"})
    except JobFileError:
        assert "${" in text  # that it raises is not the point
    else:
        assert isinstance(filled, str)


@given(st.text(max_size=10))
def test_every_variable_name_can_be_used(name: str) -> None:
    if is_variable_name(name):
        assert fill(f"${{{name}}}", {name: "x"}) == "x"

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given, strategies as st

from pytest_comfygen.errors import JobFileError, TooDeep, TooLarge, Where
from pytest_comfygen.language.load import Table, Value, parse

SCALARS: list[tuple[str, Value]] = [
    ("null", None),
    ("~", None),
    ("", None),
    ("true", True),
    ("FALSE", False),
    ("yes", "yes"),
    ("no", "no"),
    ("on", "on"),
    ("y", "y"),
    ("tRue", "tRue"),
    ("7", 7),
    ("-7", -7),
    ("+7", 7),
    ("010", 10),
    ("0o17", 15),
    ("0x1F", 31),
    ("0b11", "0b11"),
    ("1_000", "1_000"),
    ("1:30", "1:30"),
    ("2026-11-22", "2026-11-22"),
    ("2026-13-45", "2026-13-45"),
    ("1e3", 1000.0),
    ("1.5", 1.5),
    (".5", 0.5),
    ("5.", 5.0),
    ("-1.5E+2", -150.0),
    ("-.inf", -math.inf),
    ("+.INF", math.inf),
    (".", "."),
    ("-", "-"),
    ("1.2.3", "1.2.3"),
    ("512x512", "512x512"),
    ("0x0", 0),
    ("'7'", "7"),
    ('"true"', "true"),
    ('"a\\tb\\u00e9"', "a\tbé"),
    ("a dwarf's axe", "a dwarf's axe"),
    ("caf\u00e9 \U0001f4a5", "caf\u00e9 \U0001f4a5"),
]


@pytest.mark.parametrize(("written", "value"), SCALARS)
def test_scalars_are_read_as_yaml_1_2_core(written: str, value: Value) -> None:
    if written == "-":
        written = "'-'"
    root = parse(f"key: {written}\n", "a.yaml").root

    assert {"key": value} == root
    assert isinstance(root, Table)
    assert type(value) is type(root["key"])


def test_nan_is_read_as_a_number() -> None:
    root = parse("key: .nan", "a.yaml").root

    assert isinstance(root, Table)
    assert isinstance(root["key"], float)
    assert math.isnan(root["key"])


@pytest.mark.parametrize("key", ["1", "null", "yes", "1.5", "~", "0x1F", "' a '"])
def test_keys_are_text_as_written(key: str) -> None:
    assert {key.strip("'"): 1} == parse(f"{key}: 1", "a.yaml").root


def test_every_key_and_value_knows_its_place() -> None:
    document = parse("a: 1\nb:\n  - x\n  - c: [y, z]\n", "a.yaml")

    assert Where("a.yaml", 2, 1) == document.where(["b"], of_key=True)
    assert Where("a.yaml", 3, 3) == document.where(["b"])
    assert Where("a.yaml", 4, 5) == document.where(["b", 1, "c"], of_key=True)
    assert Where("a.yaml", 4, 8) == document.where(["b", 1, "c"])
    assert Where("a.yaml", 4, 12) == document.where(["b", 1, "c", 1])


def test_a_path_that_leads_nowhere_has_the_place_of_what_is_nearest() -> None:
    assert Where("a.yaml", 1, 4) == parse("a: text", "a.yaml").where(["a", "b", 3])


def test_an_alias_stands_where_it_is_written_and_its_inside_where_the_anchor_is() -> None:
    document = parse("a: &x {k: 1}\nb: *x\n", "a.yaml")

    assert document.root == {"a": {"k": 1}, "b": {"k": 1}}
    assert Where("a.yaml", 2, 4) == document.where(["b"])
    assert Where("a.yaml", 1, 11) == document.where(["b", "k"])


def test_an_anchor_may_be_used_again() -> None:
    assert parse("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", "a.yaml").root == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_a_byte_order_mark_and_other_line_ends_change_no_place() -> None:
    assert Where("a.yaml", 2, 4) == parse("a: 1\nb: 2\n", "a.yaml").where(["b"])


@pytest.mark.parametrize("line", ["a dwarf #1 in line", "a dwarf\t# cut", "a dwarf\n  with an axe # cut"])
def test_plain_texts_before_a_comment_are_marked(line: str) -> None:
    assert parse(f"prompt: {line}\n", "a.yaml").commented == {(1, 9)}


@pytest.mark.parametrize("line", ["a dwarf", "'a dwarf' # cut", "a dwarf#1", "7 # a number", "a dwarf\n# below"])
def test_other_texts_are_not_marked(line: str) -> None:
    assert parse(f"prompt: {line}\n", "a.yaml").commented == frozenset()


def test_aliases_cannot_pile_up_depth() -> None:
    lines = ["a0: &a0 []", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 100))]

    with pytest.raises(TooDeep) as caught:
        parse("\n".join(lines), "a.yaml")

    assert Where("a.yaml", 32, 12) == caught.value.where


def test_aliases_cannot_pile_up_values() -> None:
    rows = ", ".join(["*a"] * 2100)

    with pytest.raises(TooLarge):
        parse(f"a: &a [{', '.join(['x'] * 1000)}]\nb: [{rows}]", "a.yaml")


@pytest.mark.parametrize("text", ["[" * 50_000, "{a: " * 50_000, "- " * 50_000, "[\n" * 50_000])
def test_deep_nesting_ends_early(text: str) -> None:
    with pytest.raises(TooDeep):
        parse(text, "a.yaml")


CHARACTERS = st.characters(categories=["Ll", "Lu", "Nd"], include_characters=" -_,.'\"#:")
# PyYAML writes the text `1e3` without quotes, since it is no number in YAML 1.1
WORDS = st.text(CHARACTERS, max_size=20).filter(lambda word: word[:1] not in {*"0123456789.-+"})
NUMBERS = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False)
TREES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(WORDS, TREES, max_size=5), st.sampled_from([True, False]))
def test_what_yaml_writes_is_read_the_same(tree: dict[str, object], in_flow: object) -> None:
    text = yaml.safe_dump(tree, allow_unicode=True, default_flow_style=bool(in_flow))

    assert yaml.safe_load(text) == parse(text, "a.yaml").root


@given(st.text() | st.text("[]{}:,-?&*!|>'\"%@` \n\t#ab1~<=$.", max_size=60))
def test_any_text_is_read_or_refused_in_our_words(text: str) -> None:
    try:
        parse(text, "a.yaml")
    except JobFileError as error:
        assert error.where is not None  # noqa: PT017  # that it raises is not the point


@given(st.text('[]{}:,"\\ut0123456789eE+-. \n\ttruefalsn', max_size=60))
def test_any_json_text_is_read_or_refused_in_our_words(text: str) -> None:
    try:
        parse(text, "a.json")
    except JobFileError as error:
        assert error.where is not None  # noqa: PT017  # that it raises is not the point

from __future__ import annotations

import pickle

import pytest

from pytest_comfygen.errors import TooDeep, Where
from pytest_comfygen.language.load import Places, Table, document_of, parse


def test_the_places_of_a_job_are_its_own_before_the_defaults() -> None:
    tree = parse("defaults: {steps: 1, vars: {a: 1, b: 2}}\nitem: {vars: {b: 3}}\n", "a.yaml").root
    assert isinstance(tree, Table)
    defaults, item = tree["defaults"], tree["item"]
    assert isinstance(defaults, Table)
    assert isinstance(item, Table)

    places = Places("a.yaml", (defaults, item))

    assert Where("a.yaml", 1, 19) == places["steps"]
    assert Where("a.yaml", 1, 32) == places["vars.a"]
    assert Where("a.yaml", 2, 18) == places["vars.b"]
    assert Where("a.yaml", 2, 15) == places.of_key("vars.b")
    assert places.of_key("cfg") is None
    assert sorted(places) == ["steps", "vars", "vars.a", "vars.b"]
    assert len(places) == 4


def test_a_key_with_dots_is_found_by_its_whole_name() -> None:
    tree = parse("set: {CLIPTextEncode#2.text: a}", "a.yaml").root
    assert isinstance(tree, Table)

    assert Where("a.yaml", 1, 30) == Places("a.yaml", (tree,))["set.CLIPTextEncode#2.text"]


def test_python_values_have_no_places() -> None:
    document = document_of({"steps": 3, "tags": ["a"]}, "test_a.py")

    assert document.where(["steps"]) is None
    assert document.where(["tags", 0]) is None
    assert isinstance(document.root, Table)
    assert list(Places("test_a.py", (document.root,))) == []


def test_python_values_that_hold_themselves_are_refused() -> None:
    values: dict[str, object] = {}
    values["vars"] = values

    with pytest.raises(TooDeep):
        document_of(values, "test_a.py")


def test_places_survive_pickling() -> None:
    tree = parse("steps: 3", "a.yaml").root
    assert isinstance(tree, Table)

    places = pickle.loads(pickle.dumps(Places("a.yaml", (tree,))))  # noqa: S301  # our own bytes

    assert Where("a.yaml", 1, 8) == places["steps"]

from __future__ import annotations

import pytest

from pytest_comfygen.language.merge import merged
from pytest_comfygen.language.schema import Keys
from pytest_comfygen.language.schema.rows import ROW

DEFAULTS = {
    "steps": 30,
    "prompt": "a dwarf",
    "vars": {"style": "oil", "light": "dim"},
    "verify": {"min_stddev": 4, "allow_blank": True},
    "tags": ["portrait"],
    "set": {"3.seed": 1, "3.steps": 2},
}


def written(keys: dict[str, object]) -> Keys:
    return ROW.validate_python(keys)


MERGED = [
    ({}, {"steps": 30, "prompt": "a dwarf", "tags": ["portrait"]}),
    ({"steps": 40}, {"steps": 40, "prompt": "a dwarf"}),
    ({"steps": None}, {"steps": None, "prompt": "a dwarf"}),
    ({"cfg": 2}, {"cfg": 2, "steps": 30}),
    ({"vars": {"style": "ink"}}, {"vars": {"style": "ink", "light": "dim"}}),
    ({"vars": {"style": None}}, {"vars": {"style": None, "light": "dim"}}),
    ({"vars": None}, {"vars": None}),
    ({"set": {"3.seed": 5}}, {"set": {"3.seed": 5, "3.steps": 2}}),
    ({"tags": ["elf"]}, {"tags": ["portrait", "elf"]}),
    ({"tags": None}, {"tags": None}),
]


@pytest.mark.parametrize(("own", "wanted"), MERGED)
def test_an_items_own_keys_win(own: dict[str, object], wanted: dict[str, object]) -> None:
    keys = merged(written(DEFAULTS), written(own))

    assert wanted == {key: keys.get(key) for key in wanted}


def test_verify_merges_key_by_key() -> None:
    keys = merged(written(DEFAULTS), written({"verify": {"min_stddev": None, "mode": "L"}}))

    verify = keys["verify"]
    assert verify is not None
    assert (verify.min_stddev, verify.allow_blank, verify.mode) == (None, True, "L")


def test_merging_changes_neither_side() -> None:
    defaults, own = written(DEFAULTS), written({"vars": {"style": "ink"}})
    merged(defaults, own)

    assert defaults["vars"] == DEFAULTS["vars"]
    assert own["vars"] == {"style": "ink"}

"""Errors are objects that are tested: their text, their place, their way through a pickle."""

from __future__ import annotations

import pickle

from pytest_comfygen import errors
from pytest_comfygen.errors import ComfygenError, UnknownKey, Where


def kinds() -> list[type[ComfygenError]]:
    found = vars(errors).values()
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, ComfygenError)]


def test_a_place_is_written_as_editors_link_it() -> None:
    assert str(Where("jobs/a.yaml", 3, 5)) == "jobs/a.yaml:3:5"
    assert str(Where("jobs/a.yaml", 3)) == "jobs/a.yaml:3"
    assert str(Where("jobs/a.yaml")) == "jobs/a.yaml"


def test_every_class_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in kinds()]

    assert sorted(codes) == sorted(set(codes))


def test_every_class_says_what_it_means() -> None:
    assert [kind.__name__ for kind in kinds() if not kind.__doc__] == []


def test_a_place_is_given_once() -> None:
    error = UnknownKey("unknown key 'promt'", hint="did you mean 'prompt'?")

    placed = error.at(Where("a", 1, 1)).at(Where("b", 2, 2))

    assert str(placed) == "a:1:1: unknown key 'promt'"
    assert placed.hint == "did you mean 'prompt'?"


def test_an_error_survives_pickling() -> None:
    error = UnknownKey("m", where=Where("a", 1, 2), hint="h", details=("d",), also=(UnknownKey("n"),))

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes

    assert (copy.message, copy.where, copy.hint, copy.details) == ("m", Where("a", 1, 2), "h", ("d",))
    assert [str(one) for one in copy.also] == ["n"]

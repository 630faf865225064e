"""One table, four spellings, and an answer that knows where each value came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pytest_comfygen.errors import SettingsConflict, SettingsError
from pytest_comfygen.settings import OPTIONS, Settings, is_ci, resolve


def answer(
    command_line: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    ini: Mapping[str, object] | None = None,
) -> Settings:
    return resolve((command_line or {}).get, environment or {}, (ini or {}).get)


def test_every_row_is_a_field_and_every_field_a_row() -> None:
    fields = set(Settings.__annotations__) - {"ci", "sources"}

    assert fields == {option.name for option in OPTIONS}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_unset_is_the_default_and_has_no_source(option: object) -> None:
    settings = answer()

    assert getattr(settings, option.name) == option.default  # type: ignore[attr-defined]  # ids need the plain object
    assert settings.sources == {}


def test_the_command_line_beats_the_environment_beats_ini() -> None:
    spelled = {"comfy_timeout": "3"}, {"COMFYGEN_TIMEOUT": "2"}, {"comfy_timeout": "1"}

    assert answer(*spelled).timeout == 3
    assert answer(None, *spelled[1:]).timeout == 2
    assert answer(None, None, spelled[2]).timeout == 1


def test_the_header_names_each_value_and_its_source() -> None:
    settings = answer({"comfy_url": ["http://a:1", "http://b:2"]}, {"COMFYGEN_SKETCH": "yes"}, {"comfy_dir": "x"})

    expected = [
        "sketch=True (environment COMFYGEN_SKETCH)",
        "url=http://a:1,http://b:2 (command line --comfy-url)",
        "dir=x (ini comfy_dir)",
    ]
    assert settings.described() == expected


def test_the_environment_turns_off_what_ini_turns_on() -> None:
    assert answer(None, {"COMFYGEN_SKETCH": "0"}, {"comfy_sketch": "true"}).sketch is False


@pytest.mark.parametrize(
    ("value", "expected"), [("", False), ("0", False), ("false", False), ("1", True), ("yes", True)]
)
def test_ci_counts_as_set_unless_it_is_empty_0_or_false(value: str, expected: bool) -> None:  # noqa: FBT001  # a table
    assert is_ci({"CI": value}) is expected


def test_ci_makes_nothing_unless_told_to() -> None:
    assert answer(None, {"CI": "1"}).update == "none"
    assert answer(None, {"CI": "1"}).install == "never"
    assert answer(None, {"CI": "1"}).sources == {"update": "environment CI", "install": "environment CI"}
    assert answer({"comfy_update": "stale"}, {"CI": "1"}).update == "stale"
    assert answer(None, {"CI": "1"}, {"comfy_update": "all"}).update == "all"


def test_check_is_update_none() -> None:
    settings = answer({"comfy_check": True})

    assert settings.update == "none"
    assert settings.sources["update"] == "command line --comfy-check"


def test_the_nearer_of_check_and_update_counts() -> None:
    assert answer({"comfy_check": True}, {"COMFYGEN_UPDATE": "all"}).update == "none"
    assert answer({"comfy_update": "all"}, {"COMFYGEN_CHECK": "1"}).update == "all"


@pytest.mark.parametrize(
    ("command_line", "message"),
    [
        (
            {"comfy_check": True, "comfy_update": "all"},
            "command line --comfy-check verifies only, and command line --comfy-update asks to make images (all)",
        ),
        (
            {"comfy_check": True, "comfy_sketch": True},
            "command line --comfy-check and command line --comfy-sketch exclude each other",
        ),
        (
            {"comfy_adopt": True, "comfy_sketch": True},
            "command line --comfy-adopt and command line --comfy-sketch exclude each other",
        ),
        (
            {"comfy_adopt": True, "comfy_check": True},
            "command line --comfy-adopt and command line --comfy-check exclude each other",
        ),
    ],
)
def test_contradictions_are_refused(command_line: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsConflict) as refused:
        answer(command_line)

    assert str(refused.value) == message


def test_the_nearer_of_two_that_exclude_each_other_counts() -> None:
    checked = answer({"comfy_check": True}, {"COMFYGEN_SKETCH": "1"})
    sketched = answer({"comfy_sketch": True}, {"COMFYGEN_CHECK": "1"})

    assert (checked.check, checked.sketch, checked.update) == (True, False, "none")
    assert (sketched.check, sketched.sketch, sketched.update) == (False, True, "stale")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"COMFYGEN_TIMEOUT": "soon"}, "environment COMFYGEN_TIMEOUT: 'soon' is not a number of seconds above 0"),
        ({"COMFYGEN_TIMEOUT": "-1"}, "environment COMFYGEN_TIMEOUT: '-1' is not a number of seconds above 0"),
        ({"COMFYGEN_TIMEOUT": "inf"}, "environment COMFYGEN_TIMEOUT: 'inf' is not a number of seconds above 0"),
        ({"COMFYGEN_SKETCH": "perhaps"}, "environment COMFYGEN_SKETCH: 'perhaps' is neither true nor false"),
        ({"COMFYGEN_UPDATE": "some"}, "environment COMFYGEN_UPDATE: 'some' is not one of stale, missing, all, none"),
        ({"COMFYGEN_URL": "ftp://a"}, "environment COMFYGEN_URL: 'ftp://a' is no http address"),
        ({"COMFYGEN_URL": "127.0.0.1:8188"}, "environment COMFYGEN_URL: '127.0.0.1:8188' is no http address"),
        (
            {"COMFYGEN_URL": "http://me:secret@a"},
            "environment COMFYGEN_URL: an address holds no user name, password or query",
        ),
        ({"COMFYGEN_DIR": " "}, "environment COMFYGEN_DIR: the value is empty"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_its_spelling(environment: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        answer(None, environment)

    assert str(refused.value) == message


def test_several_urls_fit_into_one_variable() -> None:
    assert answer(None, {"COMFYGEN_URL": "http://a:1 http://b:2"}).url == ("http://a:1", "http://b:2")


def test_keys_for_quick_pictures_add_up_the_nearest_last() -> None:
    settings = answer(
        {"comfy_set": ["steps=3"]}, {"COMFYGEN_SET": "cfg=2 steps=2"}, {"comfy_set": ["checkpoint=a.sft"]}
    )

    assert settings.set == ("checkpoint=a.sft", "cfg=2", "steps=2", "steps=3")


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "10001", "٣"])
def test_a_count_is_a_number_from_one(value: str) -> None:
    with pytest.raises(SettingsError, match="is not a number from 1 to 10000"):
        answer({"comfy_count": value})


def test_a_typed_prompt_beats_settings_that_make_nothing() -> None:
    settings = answer({"comfy_prompt": ["a dwarf"]}, {"CI": "1", "COMFYGEN_CHECK": "1"}, {"comfy_adopt": "true"})

    assert (settings.update, settings.check, settings.adopt, settings.makes_nothing) == ("stale", False, False, False)


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ((["a=python x.py", "b = y"],), ("a=python x.py", "b = y")),
        ((None, {"COMFYGEN_SCORER": "a = python x.py\n\n  b=y --z=1  \n"}), ("a = python x.py", "b=y --z=1")),
        ((None, None, ["a = python 'x y.py'"]), ("a = python 'x y.py'",)),
        ((["a=2"], {"COMFYGEN_SCORER": "b=3"}, ["a=1"]), ("a=1", "b=3", "a=2")),
    ],
)
def test_scorers_hold_spaces_and_add_up(spelled: tuple[Any, ...], expected: tuple[str, ...]) -> None:
    command_line, environment, ini = (*spelled, None, None)[:3]

    found = answer(command_line and {"comfy_scorer": command_line}, environment, ini and {"comfy_scorer": ini})

    assert found.scorer == expected


@pytest.mark.parametrize("line", ["python x.py", "=x", "a=", "a b=x", "-a=x"])
def test_a_scorer_needs_a_name_and_a_command(line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        answer({"comfy_scorer": [line]})

    assert caught.value.hint == "wanted: a name, =, and a command, such as aesthetic=python tools/score.py"

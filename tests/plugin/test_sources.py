"""Whoever answers for a source is asked as pluggy asks, and the answer is looked at before it is used."""

from __future__ import annotations

import enum
import types
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pluggy
import pytest

from pytest_comfygen import hookspecs
from pytest_comfygen.errors import ComfygenError, JobFileError, SourceInvalid, Where
from pytest_comfygen.plugin import sources
from pytest_comfygen.plugin.sources import HOOK, ask_hooks

ROOT = Path("/game")
JOB_FILE = ROOT / "jobs" / "kins.comfyjob.yaml"
WHERE = Where("jobs/kins.comfyjob.yaml", 4, 12)

Respond = Callable[..., object]


class Rank(str, enum.Enum):  # noqa: UP042  # an enum of the old kind, which people have
    """A text that shows itself as another one."""

    HIGH = "high"


def ask(*responders: Respond, name: str = "kins", options: Mapping[str, object] | None = None) -> object:
    """What a job file is answered when plugins have these functions as their hook."""
    manager = pluggy.PluginManager("pytest")
    manager.add_hookspecs(hookspecs)
    for number, respond in enumerate(responders):
        plugin = types.ModuleType(f"plugin {number}")
        setattr(plugin, HOOK, pluggy.HookimplMarker("pytest")(respond))
        manager.register(plugin, str(ROOT / f"level{number}" / "conftest.py"))
    return ask_hooks(manager.hook, JOB_FILE, ROOT)(name, options or {}, WHERE)  # type: ignore[arg-type]  # wrong ones too


def always(answer: object) -> Respond:
    """A hook that answers the same to everything."""
    return lambda: answer


def test_it_is_told_the_name_the_options_and_the_job_file() -> None:
    def respond(name: str, options: Mapping[str, object], job_file: Path) -> list[dict[str, object]]:
        return [{"name": name, **options, "file": job_file.name}]

    found = ask(respond, options={"chapter": 3})

    assert found == [{"name": "kins", "chapter": 3, "file": "kins.comfyjob.yaml"}]


def test_options_cannot_be_changed() -> None:
    def respond(options: dict[str, int]) -> list[object]:
        options["chapter"] = 4
        return []

    with pytest.raises(TypeError, match="does not support item assignment"):
        ask(respond, options={"chapter": 3})


def test_the_first_who_knows_the_name_answers() -> None:
    assert ask(always([{"a": 1}]), always(None)) == [{"a": 1}]
    assert ask(always([{"a": 1}]), always([{"a": 2}])) == [{"a": 2}]  # pluggy asks the last one first


@pytest.mark.parametrize(
    ("answer", "rows"),
    [
        ([], []),
        (iter([{"a": "x"}]), [{"a": "x"}]),
        ((ChainMap[str, float]({"a": 1}, {"b": 2.5}),), [{"b": 2.5, "a": 1}]),
        ([{"a": None, "b": True}], [{"a": None, "b": True}]),
        ([{"a": Rank.HIGH}], [{"a": "high"}]),
    ],
    ids=["none", "iterator", "other mapping", "no text", "enum"],
)
def test_rows_come_as_plain_values(answer: object, rows: list[object]) -> None:
    found = ask(always(answer))

    assert found == rows
    assert "HIGH" not in repr(found)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("rows", "gave a value of type str instead of rows"),
        ({"a": 1}, "gave a value of type dict instead of rows"),
        (3, "gave a value of type int instead of rows"),
        ([{"a": 1}, "b"], "gave a value of type str as row 2, which is no mapping"),
        ([{3: 1}], "gave row 1 the column '3', which is no name"),
        ([{"": 1}], "gave row 1 the column '', which is no name"),
        ([{"a": [1]}], "gave a value of type list as 'a' in row 1"),
        ([{"a": ROOT}], "as 'a' in row 1"),
        ([{"a": float("nan")}], "gave nan as 'a' in row 1"),
    ],
)
def test_an_answer_that_is_no_rows_is_refused(answer: object, told: str) -> None:
    with pytest.raises(SourceInvalid) as caught:
        ask(always(answer))

    assert caught.value.message.startswith("pytest_comfygen_source, asked for the source 'kins', ")
    assert told in caught.value.message
    assert caught.value.hint


def test_rows_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def respond() -> Iterator[dict[str, int]]:
        while True:
            yield {"a": 1}

    monkeypatch.setattr(sources, "MAX_ITEMS", 100)
    with pytest.raises(SourceInvalid, match="gave more than 100 rows"):
        ask(respond)


@pytest.mark.parametrize(
    ("responders", "detail"),
    [
        ((), "no conftest.py or plugin here has pytest_comfygen_source"),
        ((always(None), always(None)), "asked, and none knows it: level1/conftest.py, level0/conftest.py"),
    ],
    ids=["nobody there", "nobody knows"],
)
def test_a_name_that_nobody_knows_is_told_with_those_who_were_asked(
    responders: tuple[Respond, ...], detail: str
) -> None:
    with pytest.raises(JobFileError) as caught:
        ask(*responders)

    assert (caught.value.code, caught.value.details) == ("unknown-source", (detail,))
    assert "in jobs/conftest.py" in (caught.value.hint or "")


def test_an_error_that_a_hook_means_is_its_text() -> None:
    def respond() -> None:
        raise ComfygenError("the database is locked", hint="close the editor")

    with pytest.raises(SourceInvalid, match="'kins': the database is locked") as caught:
        ask(respond)

    assert caught.value.hint == "close the editor"


def test_any_other_exception_is_the_hooks_own_and_knows_who_asked() -> None:
    def respond() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        ask(respond)

    note = "pytest_comfygen_source was asked for the source 'kins' at jobs/kins.comfyjob.yaml:4:12"
    assert caught.value.__notes__ == [note]
    assert sources.from_hook_on(caught).traceback[0].name == "respond"


def test_an_exception_of_somebody_else_is_left_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0

    assert sources.from_hook_on(caught) is caught

"""What a server's last words call for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.engine.server.failure import (
    advice,
    ended_early,
    log_number,
    log_tail,
    moved_aside,
    tail_of,
    tells_of_taken_port,
    tells_of_work,
)

ADD = "add it: --comfy-extra-requirements "


@pytest.mark.parametrize(
    ("last", "hint"),
    [
        ("ModuleNotFoundError: No module named 'torchaudio'", f"lacks the module torchaudio; {ADD}torchaudio"),
        ("ModuleNotFoundError: No module named 'cv2.gapi'", f"lacks the module cv2; {ADD}opencv-python-headless"),
        ("[ERROR] ModuleNotFoundError: No module named 'yaml'", f"lacks the module yaml; {ADD}pyyaml"),
        (
            "ImportError: cannot import name 'CLIPTextModel' from 'transformers' (/v/transformers/__init__.py)",
            "--comfy-extra-requirements 'transformers<VERSION', or hold all back: --comfy-as-of DATE",
        ),
        (
            "OSError: libcudart.so.13: cannot open shared object file: No such file or directory",
            "libcudart.so.13 is not on this machine: is the flavour of torch right? --comfy-torch",
        ),
        ("RuntimeError: Found no NVIDIA driver on your system.", "torch finds no GPU that it was made for"),
        ("AssertionError: Torch not compiled with CUDA enabled", "torch finds no GPU that it was made for"),
        ("main.py: error: unrecognized arguments: --normalvram", "does not know --normalvram: take it out"),
    ],
)
def test_the_last_error_calls_for_something(last: str, hint: str) -> None:
    assert hint in str(advice(("Traceback (most recent call last):", last, "")))


@pytest.mark.parametrize(
    "lines",
    [
        ("ModuleNotFoundError: No module named 'optional'", "RuntimeError: no device"),
        ("Starting server",),
        (),
    ],
)
def test_an_error_that_was_survived_calls_for_nothing(lines: tuple[str, ...]) -> None:
    assert advice(lines) is None


def test_a_server_that_the_system_killed_wanted_memory(tmp_path: Path) -> None:
    error = ended_early(-9, tmp_path / "none.log")

    assert error.message == "the server ended before it was ready (killed by signal 9)"
    assert "for want of memory" in str(error.hint)


def test_without_advice_the_log_is_named(tmp_path: Path) -> None:
    assert ended_early(None, tmp_path / "a.log").hint == f"all it wrote: {tmp_path / 'a.log'}"


def test_a_tail_is_fit_to_be_shown() -> None:
    output = b"\x1b[31mred\x1b[0m\n 10%\r 50%\r100%\n\n\x1b]0;title\x07\x00bell\r\n" + b"x" * 999

    red, percent, bell, long = tail_of(output)

    assert (red, percent, bell) == ("red", "100%", " bell")
    assert (len(long), long[-1]) == (300, "…")


def test_the_tail_of_a_server_is_its_own_when_the_next_one_has_begun(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("the one that died", encoding="utf-8")
    number = log_number(log)
    assert log_tail(log, number=number) == ("the one that died",)

    log.replace(moved_aside(log))
    log.write_text("the next one", encoding="utf-8")
    assert log_tail(log, number=number) == ("the one that died",)
    assert log_tail(log) == ("the next one",)

    log.replace(moved_aside(log))
    assert log_tail(log, number=number) == ()


def test_a_tail_is_short(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)), encoding="utf-8")

    assert log_tail(log) == tuple(f"line {number}" for number in range(99_980, 100_000))


@pytest.mark.parametrize(
    ("line", "is_taken"),
    [
        (
            "OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', 1): address already in use",
            True,
        ),
        ("OSError: [Errno 98] Address already in use", True),
        ("[ERROR] Port 8188 is already in use on address 127.0.0.1", True),
        ("the model is already in use", False),
    ],
)
def test_a_port_that_was_taken_is_told_from_other_failures(line: str, is_taken: bool) -> None:  # noqa: FBT001  # a table
    assert tells_of_taken_port(("first", line)) == is_taken


@pytest.mark.parametrize(
    ("line", "has_worked"),
    [("got prompt", True), ("[2026-11-22] got prompt", True), ("To see the GUI go to: http://127.0.0.1:1", False)],
)
def test_a_server_that_took_a_job_was_ready(line: str, *, has_worked: bool) -> None:
    assert has_worked == tells_of_work(("Starting server", line))

"""The stand-in as a process: how it begins and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_comfygen.sketch import __main__ as program

DEADLINE_S = 30


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest_comfygen.sketch", *arguments]


def popen(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **more)


def announced(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_it_announces_its_address_in_one_line_and_says_nothing_more(start: Any) -> None:
    with start() as sketch:
        assert sketch.ask("GET", "/prompt").status_code == 200
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", sketch.url)
        sketch.process.stdin.close()
        assert sketch.process.stdout.read() == ""


def test_the_line_is_what_owners_look_for() -> None:
    with popen("--lifeline", stdin=subprocess.DEVNULL) as process:
        assert re.fullmatch(r"comfygen-sketch listening on http://127\.0\.0\.1:\d+\n", announced(process))


def test_it_ends_when_standard_input_does() -> None:
    with popen("--lifeline", stdin=subprocess.PIPE) as process:
        announced(process)
        assert process.stdin is not None
        process.stdin.write("what is said does not matter\n")
        process.stdin.flush()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(DEADLINE_S) == 0


def test_it_ends_with_an_open_socket_and_a_running_prompt(start: Any) -> None:
    blur = {"class_type": "ImageBlur", "inputs": {"image": ["1", 0], "blur_radius": 1, "sigma": 1.0}}
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": blur,
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}},
    }
    with start("--seconds-per-step", "1000") as sketch, sketch.socket("me") as open_socket:
        sketch.submit(graph, client_id="me")
        sketch.heard(open_socket, lambda kind, data: kind == "executing" and data["node"] == "2")
        sketch.process.stdin.close()
        assert sketch.process.wait(DEADLINE_S) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_on_a_signal(number: signal.Signals) -> None:
    with popen() as process:
        announced(process)
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 0


def test_its_own_directory_is_gone_when_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Any) -> None:
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(tmp_path))
    with start():
        (made,) = tmp_path.iterdir()
        assert sorted(folder.name for folder in made.iterdir()) == ["input", "output", "temp"]
    assert list(tmp_path.iterdir()) == []


def test_a_given_directory_is_used_and_kept(tmp_path: Path, start: Any) -> None:
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "kin"}},
    }
    with start("--directory", str(tmp_path / "made")) as sketch:
        sketch.finished(sketch.submit(graph))
    assert (tmp_path / "made" / "output" / "kin_00001_.png").is_file()


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            command("--port", str(port)), capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"cannot listen on 127.0.0.1, port {port}: ")


def test_without_aiohttp_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "find_spec", lambda _: None)
    assert program.main([]) == 2
    expected = "comfygen-sketch: aiohttp is not installed: pip install 'pytest-comfygen[sketch]'\n"
    assert capsys.readouterr().err == expected


def test_help_needs_no_package() -> None:
    script = "import sys, pytest_comfygen.sketch.__main__; print(sorted({'aiohttp', 'PIL'} & sys.modules.keys()))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"

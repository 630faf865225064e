"""Which flags ComfyUI gets, and which servers are told apart."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_comfygen.engine.server import ANY_GPU, PORT, ServerCommand, comfy_command, known_flags
from pytest_comfygen.errors import ServerStartFailed

OURS = {
    "--port",
    "--listen",
    "--disable-auto-launch",
    "--output-directory",
    "--temp-directory",
    "--input-directory",
    "--user-directory",
    "--database-url",
    "--cpu",
    "--cuda-device",
}
KNOWN = frozenset(OURS | {"--lowvram", "--cache-lru"})


def command(tmp_path: Path, **changes: Any) -> ServerCommand:
    given: dict[str, Any] = {
        "python": Path("/venv/bin/python"),
        "checkout": tmp_path / "ComfyUI",
        "state": tmp_path / "state",
        "extra_args": (),
        "gpu": ANY_GPU,
        "environment": {},
        "flags_known": KNOWN,
    }
    return comfy_command(**(given | changes))


def test_it_listens_on_this_machine_and_writes_below_its_state_only(tmp_path: Path) -> None:
    state = tmp_path / "state"

    argv = command(tmp_path).argv

    assert argv == (
        *("/venv/bin/python", "main.py", "--port", PORT, "--listen", "127.0.0.1", "--disable-auto-launch"),
        *("--output-directory", str(state / "output"), "--temp-directory", str(state / "temp")),
        *("--input-directory", str(state / "input"), "--user-directory", str(state / "user")),
        *("--database-url", f"sqlite:///{state}/user/comfyui.db"),
    )


def test_its_directories_are_made_and_results_of_old_runs_go(tmp_path: Path) -> None:
    made = command(tmp_path)

    assert [path.name for path in made.directories] == ["output", "temp", "input", "user"]
    assert [path.name for path in made.scratch] == ["output", "temp"]


def test_the_port_is_filled_in(tmp_path: Path) -> None:
    assert command(tmp_path).at(8190)[:4] == ("/venv/bin/python", "main.py", "--port", "8190")


def test_a_flag_of_ours_that_this_comfyui_does_not_know_is_left_out(tmp_path: Path) -> None:
    argv = command(tmp_path, flags_known=KNOWN - {"--database-url", "--disable-auto-launch"}).argv

    assert not {"--database-url", "--disable-auto-launch"} & set(argv)


def test_a_flag_of_the_users_that_it_does_not_know_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServerStartFailed, match="no flag --normalvram"):
        command(tmp_path, extra_args=("--lowvram", "--normalvram"))


@pytest.mark.parametrize(
    ("gpu", "extra_args", "tail"),
    [
        (ANY_GPU, ("--lowvram",), ("--lowvram",)),
        ("1", ("--lowvram",), ("--cuda-device", "1", "--lowvram")),
        (None, (), ("--cpu",)),
        (None, ("--lowvram", "--cache-lru=3"), ("--cpu", "--cache-lru=3")),  # ComfyUI refuses --cpu --lowvram
    ],
)
def test_the_device_is_chosen(tmp_path: Path, gpu: str | None, extra_args: tuple[str, ...], tail: tuple[str]) -> None:
    argv = command(tmp_path, gpu=gpu, extra_args=extra_args).argv

    assert argv[argv.index("--database-url") + 2 :] == tail


@pytest.mark.parametrize(
    "changes",
    [
        {"extra_args": ("--lowvram",)},
        {"gpu": None},
        {"gpu": "0"},
        {"basis": ("another commit",)},
        {"python": Path("/other/bin/python")},
        {"environment": {"CUDA_VISIBLE_DEVICES": "1"}},
    ],
    ids=str,
)
def test_what_matters_tells_servers_apart(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert command(tmp_path, **changes).identity != command(tmp_path).identity


def test_what_does_not_matter_does_not(tmp_path: Path) -> None:
    assert command(tmp_path, environment={"EDITOR": "ed"}).identity == command(tmp_path).identity


def test_a_server_gets_no_secrets_and_no_other_world(tmp_path: Path) -> None:
    proxy = {"https_proxy": "http://proxy:3128", "REQUESTS_CA_BUNDLE": "/ca.pem", "PATH": "/bin", "HF_HOME": "/hf"}
    other = {"PYTHONPATH": "/x", "VIRTUAL_ENV": "/y", "GIT_DIR": "/z", "COVERAGE_PROCESS_START": "a", "PYTHONHOME": "/"}
    names = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "CIVITAI_API_TOKEN", "civitai_api_key", "COMFYGEN_AUTH", "TOKEN")
    secret = dict.fromkeys((*names, "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "DB_PASSWORD", "CLIENT_SECRET"), "hush")

    given = command(tmp_path, environment=proxy | other | secret).environment

    assert given == proxy | {"PYTHONUNBUFFERED": "1"}
    assert "hush" not in repr(command(tmp_path, environment=secret))


HELP = """\
import pathlib, sys
with open("asked.txt", "a") as file: file.write("x")
print('''usage: main.py [-h] [--listen [IP]] [--port PORT]
               [--cpu | --lowvram]

options:
  --listen [IP]  where --not-a-flag is spoken of
''')
"""


def checkout(tmp_path: Path, program: str) -> Path:
    (tmp_path / "main.py").write_text(program, encoding="utf-8")
    return tmp_path


def flags(tmp_path: Path) -> frozenset[str]:
    return known_flags(Path(sys.executable), tmp_path, environment={}, cache=tmp_path / "cache" / "flags.json")


def test_flags_are_those_of_the_usage(tmp_path: Path) -> None:
    assert flags(checkout(tmp_path, HELP)) == {"--listen", "--port", "--cpu", "--lowvram"}


def test_flags_are_asked_for_once_for_each_command_line(tmp_path: Path) -> None:
    checkout(tmp_path, HELP)
    answers = [flags(tmp_path), flags(tmp_path)]
    checkout(tmp_path, HELP.replace("--lowvram", "--novram"))
    answers.append(flags(tmp_path))

    assert (tmp_path / "asked.txt").read_text(encoding="utf-8") == "xx"
    assert answers[0] == answers[1]
    assert "--novram" in answers[2]


def test_a_checkout_that_cannot_say_its_flags_is_an_error(tmp_path: Path) -> None:
    checkout(tmp_path, "import nothing_like_it")

    with pytest.raises(ServerStartFailed, match=r"main\.py --help does not work: exit code 1") as raised:
        flags(tmp_path)

    assert "nothing_like_it" in raised.value.details[-1]


def test_an_environment_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServerStartFailed, match="No such file"):
        known_flags(tmp_path / "python", checkout(tmp_path, HELP), environment={}, cache=tmp_path / "flags.json")


def test_a_command_shows_no_environment(tmp_path: Path) -> None:
    shown = replace(command(tmp_path), environment={"HF_TOKEN": "hush"})

    assert "hush" not in repr(shown)

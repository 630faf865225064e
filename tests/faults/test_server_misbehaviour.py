"""Whatever a server does, an item ends in bounded time with its own message, the old image stays whole, and a plain
run after the fault is gone is green.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from tests.faults.conftest import ScriptedServer
from tests.repository import Repository

ONE_JOB = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny-a.safetensors, size: 64x64, steps: 2}
items: {hero: a hero}
"""

LONGEST_S = 30


def picture(width: int = 64, height: int = 64, *, colour: str | None = None, kind: str = "PNG") -> bytes:
    """A picture in one colour, or of noise."""
    size = (width, height)
    image = Image.new("RGB", size, colour) if colour else Image.effect_noise(size, 80).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def rejected_node(server: ScriptedServer) -> None:
    error = {"type": "value_not_in_list", "message": "Value not in list", "details": "", "extra_info": {}}
    errors = {"3": {"class_type": "KSampler", "dependent_outputs": ["9"], "errors": [error]}}
    taken = server.json({"prompt_id": "whatever", "number": 1, "node_errors": errors})
    server.on("POST", "/prompt", taken)


def failing_node(server: ScriptedServer) -> None:
    server.on(
        "GET",
        "/history",
        server.history(
            lambda prompt_id: server.failure(
                prompt_id,
                "execution_error",
                node_id="3",
                node_type="KSampler",
                exception_type="RuntimeError",
                exception_message="mat1 and mat2 shapes cannot be multiplied",
                traceback=["one\n", "two\n", "three\n"],
                current_inputs={"api_key": ["SECRET"]},
            )
        ),
    )


def interrupted(server: ScriptedServer) -> None:
    made = server.history(lambda prompt_id: server.failure(prompt_id, "execution_interrupted", node_id="3"))
    server.on("GET", "/history", made)


def without_outputs(server: ScriptedServer) -> None:
    server.on("GET", "/history", server.history(lambda prompt_id: server.success(prompt_id, outputs={})))


def all_cached(server: ScriptedServer) -> None:
    def cached(prompt_id: str) -> dict[str, Any]:
        return server.success(prompt_id, outputs={}) | {
            "status": {
                "status_str": "success",
                "completed": True,
                "messages": [["execution_cached", {"nodes": ["3", "4", "5", "6", "7", "8", "9"]}]],
            }
        }

    server.on("GET", "/history", server.history(cached))


def vanished(server: ScriptedServer) -> None:
    server.on("GET", "/history", server.json({}))


def serves(data: bytes) -> Callable[[ScriptedServer], None]:
    return lambda server: server.on("GET", "/view", server.status(200, data, "image/png"))


def answers(method: str, path: str, make: Callable[[ScriptedServer], Any]) -> Callable[[ScriptedServer], None]:
    return lambda server: server.on(method, path, make(server))


# (the fault, the code the user sees, a fragment of the text)
FAULTS = [
    pytest.param(answers("GET", "/", lambda s: s.reset()), "server-unreachable", "", id="reset"),
    pytest.param(answers("GET", "/", lambda s: s.hang_up()), "server-unreachable", "", id="hung up"),
    pytest.param(answers("GET", "/", lambda s: s.html()), "not-comfyui", "Router login", id="HTML instead of JSON"),
    pytest.param(answers("GET", "/", lambda s: s.banner()), "not-comfyui", "", id="not HTTP at all"),
    pytest.param(
        answers("GET", "/", lambda s: s.status(500, "Server got itself in trouble")), "server-failed", "500", id="500"
    ),
    pytest.param(answers("GET", "/system_stats", lambda s: s.json([1])), "not-comfyui", "", id="JSON of another shape"),
    pytest.param(
        answers("GET", "/object_info", lambda s: s.cut_short(b'{"a": 1}', 4)),
        "bad-response",
        "breaks off",
        id="truncated body",
    ),
    pytest.param(
        answers("GET", "/view", lambda s: s.cut_short(picture(), 100)),
        "transfer-incomplete",
        "",
        id="wrong Content-Length",
    ),
    pytest.param(answers("GET", "/view", lambda s: s.drip(picture())), "server-too-slow", "", id="slow drip"),
    pytest.param(answers("GET", "/system_stats", lambda s: s.hang()), "server-too-slow", "", id="hang"),
    pytest.param(
        answers("POST", "/prompt", lambda s: s.status(500, "trouble")), "server-failed", "500", id="500 for a job"
    ),
    pytest.param(rejected_node, "graph-rejected", "KSampler", id="node_errors in a 200"),
    pytest.param(without_outputs, "no-output", "", id="success without outputs"),
    pytest.param(all_cached, "no-output", "", id="all cached"),
    pytest.param(vanished, "job-lost", "", id="vanished from queue and history"),
    pytest.param(failing_node, "execution-failed", "mat1 and mat2", id="a node's exception"),
    pytest.param(interrupted, "interrupted", "", id="interrupted by somebody else"),
    pytest.param(serves(picture(32, 64)), "picture-refused", "wrong-size", id="wrong size"),
    pytest.param(serves(picture(colour="black")), "picture-refused", "black", id="black image"),
    pytest.param(serves(picture(colour="red")), "picture-refused", "one-colour", id="one colour"),
    pytest.param(serves(picture()[:-20]), "picture-refused", "truncated", id="truncated PNG"),
    pytest.param(serves(picture(kind="JPEG")), "picture-refused", "wrong-format", id="JPEG named PNG"),
    pytest.param(serves(b"<html>sign in</html>"), "picture-refused", "not-an-image", id="HTML as a picture"),
]


@pytest.fixture
def stale(repository: Repository, scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose one image was made and is stale now."""
    monkeypatch.setenv("COMFYGEN_URL", scripted_server.url)
    monkeypatch.setenv("COMFYGEN_TIMEOUT", "2")
    repository.write("jobs/kins.comfyjob.yaml", ONE_JOB)
    repository.run("jobs").assert_outcomes(passed=1)
    repository.edit_job("steps: 2", "steps: 3")
    return repository


@pytest.mark.parametrize(("fault", "code", "fragment"), FAULTS)
def test_a_fault_loses_nothing_and_heals_by_itself(
    stale: Repository,
    scripted_server: ScriptedServer,
    fault: Callable[[ScriptedServer], None],
    code: str,
    fragment: str,
) -> None:
    before = stale.image("hero").read_bytes(), stale.record("hero")
    fault(scripted_server)
    began = time.monotonic()

    failed = stale.run("jobs")

    assert time.monotonic() - began < LONGEST_S
    text = failed.stdout.str()
    assert f"[{code}" in text
    assert fragment in text
    assert "SECRET" not in text
    assert "Traceback" not in text
    assert (stale.image("hero").read_bytes(), stale.record("hero")) == before
    assert not list(stale.image("hero").parent.glob(".*comfygen-tmp"))

    scripted_server.heal()
    healed = stale.run("jobs")

    assert stale.images_line(healed) == "images: 1 generated"
    assert stale.record("hero")["parameters"]["steps"] == 3


def test_a_server_that_refuses_connections_ends_the_run_with_exit_code_10(
    stale: Repository, scripted_server: ScriptedServer
) -> None:
    scripted_server.close()

    failed = stale.run("jobs")

    assert failed.ret == 10
    failed.stdout.fnmatch_lines(["*[[]server-unreachable[]]*"])


def test_a_refused_picture_is_kept_aside_with_the_reason(stale: Repository, scripted_server: ScriptedServer) -> None:
    scripted_server.on("GET", "/view", scripted_server.status(200, picture(colour="black"), "image/png"))

    failed = stale.run("jobs")

    failed.stdout.fnmatch_lines(["*kept aside: .comfygen/rejected/assets/hero*.png"])
    assert [path.suffix for path in sorted((stale.path / ".comfygen" / "rejected" / "assets").iterdir())] == [
        ".png",
        ".txt",
    ]


def test_a_machine_error_is_told_in_full_once(
    repository: Repository, scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", scripted_server.url)
    scripted_server.on("GET", "/", scripted_server.html())

    failed = repository.run("jobs")

    assert failed.ret == 10
    failed.assert_outcomes(errors=2)
    assert failed.stdout.str().count("Router login") < 4 * 2
    assert scripted_server.count("GET", "/system_stats") <= 4

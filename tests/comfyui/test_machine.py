"""What passes for ComfyUI is taken for it, from the clone to the picture; and plays the tricks that it is told."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from uuid import uuid4

import psutil
import pytest
import requests

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.install import look
from pytest_comfygen.engine.models import check_weights
from pytest_comfygen.engine.server import Lease, Means, comfy_command, known_flags, leased
from pytest_comfygen.errors import EnvironmentBroken, Interrupted, ServerStartFailed
from tests.comfyui.machine import DEADLINE_S, Machine

pytestmark = pytest.mark.skipif(os.name == "nt", reason="its processes are ended by POSIX signals")

QUICK = Means(grace_s=0.1, patience_s=2.0, pause_s=0.05)


@contextmanager
def serving(machine: Machine, *extra: str, gpu: str | None = None, start_timeout_s: float = 30) -> Iterator[Lease]:
    """The machine's ComfyUI, started as the engine starts it."""
    state = machine.repository.path / ".comfygen" / "server"
    python = machine.directory.parent / "ComfyUI.install" / "venv" / "bin" / "python"
    flags = known_flags(python, machine.directory, environment=machine.environment, cache=state / "flags.json")
    command = comfy_command(
        python=python,
        checkout=machine.directory,
        state=state,
        extra_args=extra,
        gpu=gpu,
        environment=machine.environment,
        flags_known=flags,
    )
    own = {"--listen", "--disable-auto-launch", "--output-directory", "--temp-directory", "--input-directory"}
    assert own | {"--user-directory", "--database-url"} <= set(command.argv)
    with leased(command, state, start_timeout_s=start_timeout_s, keep_s=0, notify=lambda _: None, means=QUICK) as lease:
        yield lease


def ask(lease: Lease, path: str) -> Any:
    return requests.get(lease.server.url + path, timeout=DEADLINE_S).json()


def graph(text: str) -> dict[str, Any]:
    values = {"seed": 1, "steps": 2, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    links = {"model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}
    nodes: dict[str, tuple[str, dict[str, Any]]] = {
        "4": ("CheckpointLoaderSimple", {"ckpt_name": "tiny.safetensors"}),
        "6": ("CLIPTextEncode", {"text": text, "clip": ["4", 1]}),
        "5": ("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 1}),
        "3": ("KSampler", values | links),
        "8": ("VAEDecode", {"samples": ["3", 0], "vae": ["4", 2]}),
        "9": ("SaveImage", {"images": ["8", 0], "filename_prefix": "kin"}),
    }
    return {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}


def submit(client: ComfyClient, text: str) -> str:
    prompt_id = str(uuid4())
    client.submit(graph(text), prompt_id)
    return prompt_id


def jobs(machine: Machine) -> list[str]:
    return [note.about for note in machine.tricks.notes("job")]


def test_it_installs_from_nothing_and_git_shows_nothing_of_it(machine: Machine) -> None:
    installed = machine.install()
    assert (installed.version, installed.torch) == ("0.3.64", "cpu")
    assert machine.git_status() == []
    assert machine.wait_until_gone() == []


def test_a_ready_machine_is_ready_wherever_it_was_copied_to(ready_machine: Machine) -> None:
    wish = ready_machine.world.with_(directory=ready_machine.directory)
    assert look(wish, ready_machine.environment).kind == "ready"
    assert ready_machine.git_status() == []
    check_weights(ready_machine.add_checkpoint("other.safetensors"), pickles_allowed=False)


def test_it_says_of_itself_what_comfyui_says(ready_machine: Machine) -> None:
    with serving(ready_machine, "--lowvram", gpu="0") as lease:
        with ComfyClient(lease.server.url, silence_s=30) as client:
            info = client.server_info()
        system = ask(lease, "/system_stats")["system"]
    assert (info.version, info.sketch) == ("0.3.64", False)
    assert system["argv"] == list(lease.server.argv[1:])
    assert {"--cuda-device", "--lowvram"} <= set(system["argv"])
    log = lease.server.log.read_text(encoding="utf-8")
    assert f"To see the GUI go to: http://127.0.0.1:{lease.server.port}" in log
    assert "sketch" not in log


def test_it_lists_the_checkpoints_that_lie_there_now(ready_machine: Machine) -> None:
    models = ready_machine.repository.path / "models"
    paths = ready_machine.repository.write(
        "paths.json", '{"a": {"base_path": "models", "checkpoints": "here\\nthere"}}'
    )
    with serving(ready_machine, "--extra-model-paths-config", str(paths)) as lease:
        assert ask(lease, "/models/checkpoints") == ["tiny.safetensors"]
        ready_machine.add_checkpoint("late.safetensors")
        ready_machine.add_checkpoint("elsewhere.safetensors", models / "there")
        listed = ["elsewhere.safetensors", "late.safetensors", "tiny.safetensors"]
        assert ask(lease, "/models/checkpoints") == listed


def test_sigterm_ends_it_at_once_as_it_ends_comfyui(ready_machine: Machine) -> None:
    with serving(ready_machine) as lease:
        server, ended = lease.server, lease.server.log.with_name("ended.json")
        os.kill(server.pid, signal.SIGTERM)
        ready_machine.until(lambda: not psutil.pid_exists(server.pid))
        ready_machine.until(ended.exists)
        assert '"exit_code": -15' in ended.read_text(encoding="utf-8")
    assert ready_machine.wait_until_gone() == []


def test_a_run_in_a_process_of_its_own_makes_the_pictures(ready_machine: Machine) -> None:
    with serving(ready_machine) as lease:
        result = ready_machine.run("jobs", COMFYGEN_URL=lease.server.url)
    result.assert_outcomes(passed=2)
    assert ready_machine.repository.images_line(result) == "images: 2 generated"
    assert not ready_machine.repository.record("kin_dwarf")["comfyui"].get("sketch")
    assert jobs(ready_machine) == ["portrait of kin_dwarf", "portrait of kin_elf"]


def test_a_custom_node_that_fails_is_logged_as_comfyui_logs_it(ready_machine: Machine) -> None:
    broken = ready_machine.directory / "custom_nodes" / "broken" / "__init__.py"
    broken.parent.mkdir(parents=True)
    broken.write_text("import eels.nothing\n", encoding="utf-8")
    with serving(ready_machine) as lease:
        log = lease.server.log.read_text(encoding="utf-8")
    assert f"(IMPORT FAILED): {broken.parent}" in log


# --- tricks ----------------------------------------------------------------------------------------------------------


def test_it_dies_at_the_start_for_want_of_a_module(ready_machine: Machine) -> None:
    ready_machine.tricks.play("lack-module", "alembic_of_nobody")
    with pytest.raises(ServerStartFailed, match="exit code 1") as failed, serving(ready_machine):
        pass
    assert "--comfy-extra-requirements alembic_of_nobody" in str(failed.value.hint)
    ready_machine.tricks.stop("lack-module")
    with serving(ready_machine):
        pass


def test_an_installation_that_lacks_a_module_is_found_by_its_trial(machine: Machine) -> None:
    machine.tricks.play("lack-module", "alembic_of_nobody")
    with pytest.raises(EnvironmentBroken, match="alembic_of_nobody"):
        machine.install()
    machine.tricks.stop("lack-module")
    assert machine.install().version == "0.3.64"


def test_a_start_is_held_as_long_as_the_test_wants(ready_machine: Machine) -> None:
    tricks = ready_machine.tricks
    tricks.play("hold-start")
    with pytest.raises(ServerStartFailed, match="not ready within"), serving(ready_machine, start_timeout_s=1):
        pass
    assert tricks.notes("ready") == []
    tricks.stop("hold-start")
    with serving(ready_machine) as lease:
        assert [note.pid for note in tricks.notes("ready")] == [lease.server.pid]


def test_a_job_is_held_alone_and_can_be_interrupted(ready_machine: Machine) -> None:
    ready_machine.tricks.play("hold", "elf")
    with serving(ready_machine) as lease, ComfyClient(lease.server.url, silence_s=30) as client:
        client.follow(submit(client, "a dwarf"), lambda _: None)
        held = submit(client, "an elf")
        ready_machine.until(lambda: jobs(ready_machine) == ["a dwarf", "an elf"])
        assert client.history(held) is None
        client.forget([held])
        with pytest.raises(Interrupted):
            client.follow(held, lambda _: None)
        held = submit(client, "another elf")
        ready_machine.tricks.stop("hold")
        assert client.follow(held, lambda _: None).images


@pytest.mark.parametrize("trick", ["die-once", "die"])
def test_it_dies_in_the_middle_of_a_job_once_or_each_time(
    ready_machine: Machine, trick: Literal["die-once", "die"]
) -> None:
    ready_machine.tricks.play(trick, "elf")
    with serving(ready_machine) as lease, ComfyClient(lease.server.url, silence_s=30) as client:
        for round_ in (1, 2):
            before = lease.server.token
            client.follow(submit(client, f"a dwarf {round_}"), lambda _: None)
            job = submit(client, f"an elf {round_}")
            if round_ == 1 or trick == "die":
                ready_machine.until(lambda: not lease.server.is_alive)
            else:
                assert client.follow(job, lambda _: None).images
            after = lease.restarted().token
            assert (after == before) == (round_ == 2 and trick == "die-once")


def test_a_wedged_server_answers_and_does_nothing_more_until_it_is_replaced(ready_machine: Machine) -> None:
    ready_machine.tricks.play("wedge-once", "elf")
    with serving(ready_machine) as lease, ComfyClient(lease.server.url, silence_s=30) as client:
        wedged, waiting = submit(client, "an elf"), submit(client, "a dwarf")
        ready_machine.until(lambda: jobs(ready_machine) == ["an elf"])
        client.forget([wedged])
        assert (client.queue().running, client.queue().pending) == ((wedged,), (waiting,))
        lease.restarted(wedged=True)
        assert client.follow(submit(client, "an elf"), lambda _: None).images

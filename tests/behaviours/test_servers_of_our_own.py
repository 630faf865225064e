"""A server that we start: shared, kept, replaced when it dies, and no reason for innocent images not to be made."""

from __future__ import annotations

import json
import os
import signal

import psutil
import pytest

from tests.comfyui import usual_address
from tests.comfyui.machine import DEADLINE_S, Machine
from tests.engine.install.world import commit
from tests.repository import KINS

pytestmark = pytest.mark.skipif(os.name == "nt", reason="its processes are ended by POSIX signals")

SIX = "".join(f"  kin_{name}: {{}}\n" for name in ("cat", "imp", "orc", "owl"))


def jobs(machine: Machine) -> list[str]:
    """The prompts of the jobs that came to run, in that order."""
    return [note.about for note in machine.tricks.notes("job")]


def servers(machine: Machine) -> list[int]:
    """The processes that became a server."""
    return [note.pid for note in machine.tricks.notes("ready")]


# --- it dies ---------------------------------------------------------------------------------------------------------


def test_a_server_that_dies_once_is_restarted_and_the_image_is_made(ready_machine: Machine) -> None:
    ready_machine.tricks.play("die-once", "dwarf")

    result = ready_machine.run("jobs")

    result.assert_outcomes(passed=2)
    assert jobs(ready_machine) == ["portrait of kin_dwarf", "portrait of kin_dwarf", "portrait of kin_elf"]
    assert len(servers(ready_machine)) == 2
    assert "the server was restarted, and kin_dwarf is made once more" in str(result.stdout)
    assert ready_machine.wait_until_gone() == []


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with two workers"])
def test_an_item_that_kills_the_server_twice_is_named_and_the_others_are_made(
    ready_machine: Machine, workers: tuple[str, ...]
) -> None:
    ready_machine.repository.edit_job("items:\n", f"items:\n{SIX}")
    ready_machine.tricks.play("die", "orc")

    result = ready_machine.run("jobs", *workers)

    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(["[[]server-killed[]] *: ComfyUI died while it made kin_orc"])
    assert "To see the GUI go to" in str(result.stdout), "the log's tail"
    assert ready_machine.repository.images_line(result) == "images: 5 generated, 1 failed"
    deaths = jobs(ready_machine).count("portrait of kin_orc")
    others = [about for about in jobs(ready_machine) if about != "portrait of kin_orc"]
    # It may die more often: under the job that waits there while another image is fetched, for which none is blamed.
    assert deaths in ((2, 3) if not workers else range(2, 7))
    assert len(set(others)) == 5
    assert len(others) - len(set(others)) <= deaths  # what was not fetched yet is asked for once more
    assert ready_machine.wait_until_gone() == []


def test_a_server_that_does_nothing_more_is_replaced_when_the_silence_is_too_long(ready_machine: Machine) -> None:
    ready_machine.tricks.play("wedge-once", "dwarf")

    result = ready_machine.run("jobs", "--comfy-timeout", "2")

    result.assert_outcomes(passed=2)
    assert "ComfyUI went silent while it made kin_dwarf" in str(result.stdout)
    assert len(servers(ready_machine)) == 2
    assert ready_machine.wait_until_gone() == []


def test_a_module_that_the_server_lacks_is_named_with_the_line_that_adds_it(ready_machine: Machine) -> None:
    ready_machine.tricks.play("lack-module", "alembic_of_nobody")

    result = ready_machine.run("jobs")

    result.assert_outcomes(errors=2)
    text = str(result.stdout)
    assert text.count("No module named 'alembic_of_nobody'") >= 1
    assert "--comfy-extra-requirements alembic_of_nobody" in text
    assert len(ready_machine.tricks.notes("start")) == 1, "what failed once is not tried for every image"


# --- many use it -----------------------------------------------------------------------------------------------------


# The second worker begins when the first has gone.
LATE_WORKER = """\
import os, time
from pathlib import Path

def pytest_runtest_setup(item):
    root = Path(__file__).parent
    while os.environ.get("PYTEST_XDIST_WORKER") == "gw1":
        if any(root.glob("assets/*.png")) and not any(root.glob(".comfygen/server/*/leases/*.lock")):
            break
        time.sleep(0.02)
"""


def test_a_worker_that_comes_when_the_others_have_gone_finds_it_running(ready_machine: Machine) -> None:
    ready_machine.repository.write("conftest.py", LATE_WORKER)

    ready_machine.run("jobs", "-n2").assert_outcomes(passed=2)

    assert len(servers(ready_machine)) == 1
    assert ready_machine.wait_until_gone(1.0) == [], "the controller stopped it, before the supervisor's grace was over"


def test_two_runs_at_once_share_it(ready_machine: Machine) -> None:
    ready_machine.tricks.play("hold", "dwarf")
    ready_machine.repository.write("jobs/gods.comfyjob.yaml", KINS.replace("kin_", "god_"))
    first = ready_machine.start("jobs/kins.comfyjob.yaml")
    ready_machine.until(lambda: jobs(ready_machine))
    second = ready_machine.start("jobs/gods.comfyjob.yaml")
    ready_machine.until(lambda: "using the server that runs already" in ready_machine.output)
    ready_machine.tricks.stop("hold")

    assert [first.wait(DEADLINE_S), second.wait(DEADLINE_S)] == [0, 0], ready_machine.output
    assert len(servers(ready_machine)) == 1
    assert ready_machine.wait_until_gone() == []


def test_a_kept_server_is_adopted_by_the_next_run(ready_machine: Machine) -> None:
    ready_machine.run("jobs", "-k", "dwarf", "--comfy-keep-server", "60").assert_outcomes(passed=1, deselected=1)
    (kept,) = servers(ready_machine)
    assert psutil.pid_exists(kept)

    ready_machine.run("jobs").assert_outcomes(passed=2)

    assert servers(ready_machine) == [kept]
    assert ready_machine.wait_until_gone() == [], "the wish of the last run counts"


def test_what_a_killed_run_left_in_the_queue_of_a_kept_server_is_taken_out_by_the_next(ready_machine: Machine) -> None:
    ready_machine.tricks.play("hold", "dwarf")
    with ready_machine.start("jobs", "--comfy-keep-server", "60") as run:
        ready_machine.until(lambda: jobs(ready_machine))
        run.send_signal(signal.SIGKILL)
    (kept,) = servers(ready_machine)

    result = ready_machine.run("jobs", "-k", "elf")

    result.assert_outcomes(passed=1, deselected=1)
    assert servers(ready_machine) == [kept]
    assert jobs(ready_machine) == ["portrait of kin_dwarf", "portrait of kin_elf"]
    assert ready_machine.wait_until_gone() == []


def test_a_file_with_server_args_gets_a_server_of_its_own(ready_machine: Machine) -> None:
    lowvram = KINS.replace("kin_", "god_").replace("output:", "server: {args: [--lowvram]}\noutput:")
    ready_machine.repository.write("jobs/gods.comfyjob.yaml", lowvram)

    result = ready_machine.run("jobs")

    result.assert_outcomes(passed=4)
    assert len(servers(ready_machine)) == 2
    records = ready_machine.repository.path.glob(".comfygen/server/*/server.log")
    assert len(list(records)) == 2
    assert ready_machine.wait_until_gone() == []


def test_start_never_starts_nothing(ready_machine: Machine) -> None:
    ready_machine.repository.edit_job("output:", "server: {start: never}\noutput:")

    result = ready_machine.run("jobs")

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*[[]no-server[]]*start: never*", "*jobs/kins.comfyjob.yaml:2:*"])
    assert ready_machine.tricks.notes() == []
    assert result.ret == 10


# --- somebody else's -------------------------------------------------------------------------------------------------


def test_a_stranger_at_the_usual_address_is_left_alone_by_those_with_an_install(
    ready_machine: Machine, sketch_url: str
) -> None:
    result = ready_machine.run("jobs", **{usual_address.VARIABLE: sketch_url})

    result.assert_outcomes(passed=2)
    assert f"the ComfyUI at {sketch_url} does not run from tools/ComfyUI, so it is left alone" in str(result.stdout)
    assert len(servers(ready_machine)) == 1


def test_a_stranger_at_the_usual_address_is_used_by_those_without(machine: Machine, sketch_url: str) -> None:
    result = machine.run("jobs", **{usual_address.VARIABLE: sketch_url})

    result.assert_outcomes(passed=2)
    assert f"using the ComfyUI 0.3.64 already running at {sketch_url}; revision unknown" in str(result.stdout)
    assert not machine.directory.exists()
    assert not list(machine.repository.path.glob(".comfygen/server/*"))


# --- custom nodes ----------------------------------------------------------------------------------------------------


def declared(machine: Machine, code: str) -> str:
    """A custom node in a repository, as the settings name it."""
    revision = commit(machine.world.root / "comfyui-anvil", {"__init__.py": code})
    return f"{machine.world.root / 'comfyui-anvil'}@{revision}"


def test_a_custom_node_that_fails_to_import_is_named(ready_machine: Machine) -> None:
    node = declared(ready_machine, "import eels.nothing\n")

    result = ready_machine.run("jobs", "--comfy-custom-node", node)

    result.assert_outcomes(passed=2)
    assert "the custom node comfyui-anvil could not be imported" in str(result.stdout)


def test_custom_nodes_that_a_job_file_needs_have_to_be_declared_by_the_settings(ready_machine: Machine) -> None:
    node = declared(ready_machine, "NODE_CLASS_MAPPINGS = {}\n")
    ready_machine.repository.edit_job("output:", f"server: {{custom_nodes: {json.dumps([node])}}}\noutput:")

    refused = ready_machine.run("jobs")

    refused.assert_outcomes(errors=2)
    result_text = str(refused.stdout)
    assert f"comfy_custom_node = {node}" in result_text
    assert result_text.count("if you trust them") == 1, "one full text, and a line for the others"
    assert not (ready_machine.directory / "custom_nodes" / "comfyui-anvil").exists()

    allowed = ready_machine.run("jobs", COMFYGEN_CUSTOM_NODE=node)

    allowed.assert_outcomes(passed=2)
    assert (ready_machine.directory / "custom_nodes" / "comfyui-anvil" / "__init__.py").exists()
    assert ready_machine.wait_until_gone() == []

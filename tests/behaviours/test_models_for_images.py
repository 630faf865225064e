"""The weights files that images need: missing ones are told with what gets them, and fetched when that is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comfyui.machine import Machine
from tests.engine.download.hub import Hub, digest, weights

FILES = {name: weights(2000 + number, number) for number, name in enumerate(("anvil", "flute"))}
LICENCE = "https://huggingface.co/owner/repo/blob/main/LICENSE.md"
JOBS = """\
comfyjob: 1
models:
  anvil:
    file: checkpoints/anvil.safetensors
    url: {anvil}
    sha256: {anvil_sha256}
    license: {licence}
  flute: {{file: checkpoints/flute.safetensors, url: "{flute}", sha256: {flute_sha256}, size: 2 kB}}
output: {{dir: ../assets}}
defaults: {{checkpoint: anvil, size: 64x64, steps: 2, prompt: "portrait of ${{name}}"}}
items:
  kin_dwarf: {{}}
  kin_elf: {{checkpoint: flute}}
  kin_orc: {{}}
"""


def url(name: str) -> str:
    return f"https://huggingface.co/owner/repo/resolve/main/{name}.safetensors"


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub(files={url(name): content for name, content in FILES.items()})
    yield hub
    hub.close()


@pytest.fixture
def declaring(ready_machine: Machine) -> Machine:
    """A machine whose job file declares two models that are not there."""
    text = JOBS.format(
        anvil=url("anvil"),
        flute=url("flute"),
        anvil_sha256=digest(FILES["anvil"]),
        flute_sha256=digest(FILES["flute"]),
        licence=LICENCE,
    )
    ready_machine.repository.write("jobs/kins.comfyjob.yaml", text)
    return ready_machine


def model(machine: Machine, name: str) -> Path:
    return machine.directory / "models" / "checkpoints" / f"{name}.safetensors"


def transfers(hub: Hub, name: str) -> list[str | None]:
    """The requests for the file, without the question for its size."""
    return [asked for asked in hub.asked(url(name)) if asked != "bytes=0-0"]


# --- missing ---------------------------------------------------------------------------------------------------------


def test_missing_models_are_told_in_full_once_before_anything_is_started(machine: Machine) -> None:
    text = JOBS.format(
        anvil=url("anvil"), flute=url("flute"), anvil_sha256="a" * 64, flute_sha256="b" * 64, licence=LICENCE
    )
    machine.repository.write("jobs/kins.comfyjob.yaml", text)

    result = machine.run("jobs")

    result.assert_outcomes(errors=3)
    shown = str(result.stdout)
    assert "anvil.safetensors is not among the checkpoints on this machine" in shown
    for once in (
        f"checkpoints/anvil.safetensors, size unknown, {url('anvil')}; licence: {LICENCE}",
        f"checkpoints/flute.safetensors, 2.0 kB, {url('flute')}",
        " and 1 of unknown size to download, ",
        " free in ",
        "hint: the same command with --comfy-download",
    ):
        assert shown.count(once) == 1, once
    assert not machine.directory.exists(), "nothing was installed"
    assert machine.tricks.notes() == []


# --- downloaded ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with two workers"])
def test_models_are_downloaded_once_and_told_before(declaring: Machine, hub: Hub, workers: tuple[str, ...]) -> None:
    result = declaring.run("jobs", "--comfy-download", *workers, **hub.environment)

    result.assert_outcomes(passed=3)
    assert (transfers(hub, "anvil"), transfers(hub, "flute")) == ([None], [None])
    assert model(declaring, "anvil").read_bytes() == FILES["anvil"]
    shown = str(result.stdout)
    assert "downloading 2 models: 4.1 kB to download, " in shown
    assert f"checkpoints/anvil.safetensors, 2.1 kB, {url('anvil')}; licence: {LICENCE}" in shown
    assert shown.index("downloading 2 models") < shown.index("starting a server")
    assert declaring.repository.record("kin_elf")["models"]["checkpoint_sha256"] == digest(FILES["flute"])


def test_only_what_the_selection_needs_is_downloaded_and_never_twice(declaring: Machine, hub: Hub) -> None:
    for _ in range(2):
        result = declaring.run("jobs", "-k", "elf", "--comfy-download", "--comfy-update", "all", **hub.environment)
        result.assert_outcomes(passed=1, deselected=2)

    assert [request.url for request in hub.requests] == [url("flute")]
    assert "downloading" not in str(result.stdout)


def test_an_undeclared_hash_is_printed_to_be_pasted(declaring: Machine, hub: Hub) -> None:
    declaring.repository.edit_job(f"    sha256: {digest(FILES['anvil'])}\n", "")

    refused = declaring.run("jobs", "-k", "dwarf", "--comfy-download", **hub.environment)
    allowed = declaring.run("jobs", "-k", "dwarf", "--comfy-download=unverified", **hub.environment)

    refused.assert_outcomes(errors=1, deselected=2)
    refused.stdout.fnmatch_lines(["*[[]hash-unknown[]]*", "*--comfy-download=unverified*"])
    allowed.assert_outcomes(passed=1, deselected=2)
    assert f"declare  sha256: {digest(FILES['anvil'])}" in str(allowed.stdout)


def test_a_model_that_cannot_be_had_fails_only_the_images_that_need_it(declaring: Machine, hub: Hub) -> None:
    hub.on(url("anvil"), hub.status(404))

    result = declaring.run("jobs", "--comfy-download", **hub.environment)

    result.assert_outcomes(passed=1, errors=2)
    assert str(result.stdout).count("[model-not-found]") == 4, "each of two in full or as a line, and in the summary"


# --- lying there -----------------------------------------------------------------------------------------------------


def test_another_file_under_a_declared_name_is_refused(declaring: Machine) -> None:
    for name in FILES:
        model(declaring, name).write_bytes(FILES["anvil"])

    result = declaring.run("jobs")

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*[[]hash-mismatch[]]*models/checkpoints/flute.safetensors is not the file that the job file declares",
            f"*declared: {digest(FILES['flute'])}",
            f"*found:    {digest(FILES['anvil'])}",
        ]
    )


def test_another_file_in_the_place_of_an_undeclared_model_makes_its_images_stale(ready_machine: Machine) -> None:
    tiny = model(ready_machine, "tiny")
    old = digest(tiny.read_bytes())
    ready_machine.run("jobs").assert_outcomes(passed=2)
    tiny.write_bytes(FILES["anvil"])
    new = digest(FILES["anvil"])

    result = ready_machine.run("jobs", "-v")

    assert "images: 2 identical" in result.outlines, result.outlines
    result.stdout.fnmatch_lines([f"*::kin_elf IDENTICAL (checkpoint_sha256 {old[:8]} → {new[:8]})*"])
    assert ready_machine.repository.record("kin_elf")["models"]["checkpoint_sha256"] == new


def test_a_checkpoint_in_a_subfolder_is_found_and_asked_for_as_the_server_lists_it(ready_machine: Machine) -> None:
    model(ready_machine, "tiny").unlink()
    ready_machine.add_checkpoint("SD15/Tiny.safetensors")

    ready_machine.run("jobs").assert_outcomes(passed=2)

    record = ready_machine.repository.record("kin_elf")
    assert record["models"]["checkpoint"] == "tiny.safetensors", "the record keeps to what the job file says"


def test_a_pickle_is_refused_unless_pickles_are_allowed(ready_machine: Machine) -> None:
    ready_machine.repository.edit_job("tiny.safetensors", "tiny.ckpt")
    (ready_machine.directory / "models" / "checkpoints" / "tiny.ckpt").write_bytes(b"\x80\x02}q\x00.")

    refused = ready_machine.run("jobs")
    allowed = ready_machine.run("jobs", "--comfy-allow-pickles")

    refused.assert_outcomes(errors=2)
    refused.stdout.fnmatch_lines(["*[[]pickle-refused[]]*tiny.ckpt is a pickle*"])
    allowed.assert_outcomes(passed=2)

"""A diagnosis in words, and the commands that it gives."""

from __future__ import annotations

import json

import pytest

from pytest_comfygen.flows.doctor.commands import Commands
from pytest_comfygen.flows.doctor.words import as_json, as_lines
from pytest_comfygen.records import Diagnosis, MachineFinding
from pytest_comfygen.settings import Settings, resolve

GIT = MachineFinding(code="git", severity="ok", subject="git", found="2.39.5")
TORCH = MachineFinding(code="torch-unfit", severity="warning", subject="torch", found="2.9 for cpu", wanted="cu130")
COMFYUI = MachineFinding(
    code="install-missing",
    severity="error",
    subject="ComfyUI",
    found="it does not exist",
    wanted="v0.3.64",
    command="pytest jobs --comfy-install=auto",
)


def settings(**command_line: object) -> Settings:
    return resolve({f"comfy_{name}": value for name, value in command_line.items()}.get, {}, lambda _name: None)


def test_findings_are_aligned_and_what_is_wrong_has_its_code_and_remedy() -> None:
    assert list(as_lines(Diagnosis((GIT, TORCH, COMFYUI)))) == [
        "ok       git      2.39.5",
        "warning  torch    2.9 for cpu [torch-unfit]",
        "                  wanted: cu130",
        "error    ComfyUI  it does not exist [install-missing]",
        "                  wanted: v0.3.64",
        "                  command: pytest jobs --comfy-install=auto",
        "not ready: 1 ok, 1 warning, 1 error",
    ]


def test_warnings_do_not_keep_a_machine_from_being_ready() -> None:
    assert list(as_lines(Diagnosis((GIT, TORCH, TORCH))))[-1] == "ready: 1 ok, 2 warnings"


def test_a_long_subject_does_not_push_the_others_away() -> None:
    long = MachineFinding(code="model", severity="ok", subject="m" * 60, found="here")

    assert next(as_lines(Diagnosis((GIT, long)))) == f"ok       {'git':<40}  2.39.5"


def test_what_would_act_on_a_terminal_is_written_out() -> None:
    nasty = MachineFinding(code="git", severity="ok", subject="git", found="\x1b[2Jgone")

    assert "\\x1b[2Jgone" in next(as_lines(Diagnosis((nasty,))))


def test_programs_get_the_same_keys_for_every_finding() -> None:
    document = json.loads(as_json(Diagnosis((GIT, COMFYUI))))

    assert (document["format"], document["ready"]) == (1, False)
    assert [list(finding) for finding in document["findings"]] == [
        ["code", "severity", "subject", "found", "wanted", "command"]
    ] * 2
    assert document["findings"][1]["command"] == "pytest jobs --comfy-install=auto"


def test_json_is_ascii_whatever_was_found() -> None:
    arrow = MachineFinding(code="git", severity="ok", subject="git", found="1 → 2")

    assert as_json(Diagnosis((arrow,))).isascii()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ({}, "pytest jobs --comfy-update=stale --comfy-install=auto"),
        ({"dir": "my comfy"}, "pytest jobs '--comfy-dir=my comfy' --comfy-update=stale --comfy-install=auto"),
        ({"install": "never"}, "pytest jobs --comfy-install=auto --comfy-update=stale"),
        ({"doctor": True, "json": True, "check": True}, "pytest jobs --comfy-update=stale --comfy-install=auto"),
        (
            {"extra_requirements": ["eels<2"]},
            "pytest jobs '--comfy-extra-requirements=eels<2' --comfy-update=stale --comfy-install=auto",
        ),
        ({"timeout": "30"}, "pytest jobs --comfy-timeout=30 --comfy-update=stale --comfy-install=auto"),
        (
            {"torch_index": "https://me:secret@example.org/whl"},
            "pytest jobs --comfy-torch-index=https://example.org/whl --comfy-update=stale --comfy-install=auto",
        ),
    ],
)
def test_a_command_repeats_what_was_typed_and_asks_for_images(typed: dict[str, object], expected: str) -> None:
    command = Commands.of(settings(**typed), ("jobs",)).run(install="auto")

    assert command == expected


def test_a_flag_may_have_a_value() -> None:
    commands = Commands.of(settings(), ("jobs/a b.comfyjob.yaml",))

    assert commands.run(download="unverified") == (
        "pytest 'jobs/a b.comfyjob.yaml' --comfy-update=stale --comfy-download=unverified"
    )

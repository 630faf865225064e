"""Which flags of ComfyUI a job file may give, and how."""

from __future__ import annotations

import pytest

from pytest_comfygen.language.schema.flags import FLAGS, as_separate_entries, refused_flags

FINE = [
    (["--lowvram"], ["--lowvram"]),
    (["--reserve-vram", "2"], ["--reserve-vram", "2"]),
    (["--reserve-vram=1.5", "--cpu-vae"], ["--reserve-vram", "1.5", "--cpu-vae"]),
    (["--cache-lru=10", "--fast", "--novram"], ["--cache-lru", "10", "--fast", "--novram"]),
    (["--fast=autotune", "cublas_ops"], ["--fast", "autotune", "cublas_ops"]),
    (["--cache-ram"], ["--cache-ram"]),
    ([], []),
]

# Each reads, writes, listens, loads, reaches, or chooses what the settings choose.
FORBIDDEN = [
    "--listen",
    "--port",
    "--tls-keyfile",
    "--enable-cors-header",
    "--base-directory",
    "--extra-model-paths-config",
    "--output-directory",
    "--temp-directory",
    "--input-directory",
    "--user-directory",
    "--models-directory",
    "--auto-launch",
    "--cuda-device",
    "--default-device",
    "--oneapi-device-selector",
    "--directml",
    "--whitelist-custom-nodes",
    "--enable-manager",
    "--front-end-version",
    "--front-end-root",
    "--comfy-api-base",
    "--database-url",
    "--multi-user",
    "--verbose",
    "--quick-test-for-ci",
    "--help",
    "--low",
    "--LOWVRAM",
    "--",
    "-h",
    "",
]

REFUSED = [
    (["--lowvam"], (0, "out-of-range", "'--lowvam' is no flag for a job file to give", "did you mean `--lowvram`?")),
    (["lowvram"], (0, "out-of-range", "'lowvram' is no flag for a job file to give", "did you mean `--lowvram`?")),
    (["--lowvram", "novram"], (1, "out-of-range", "--lowvram takes no value, and there is 'novram'", "`--novram`?")),
    (["--lowvram="], (0, "out-of-range", "--lowvram takes no value, and there is ''", "remove it")),
    (["--cache-lru"], (0, "out-of-range", "--cache-lru has no value", "write --cache-lru=VALUE")),
    (["--cache-lru", "--cpu-vae"], (0, "out-of-range", "--cache-lru has no value", "or the value as the next")),
    (["--cache-lru", "1.5"], (1, "out-of-range", "must be a number of results such as 10, not '1.5'", "")),
    (["--reserve-vram", "-1"], (1, "out-of-range", "must be a number of gigabytes such as 1.5, not '-1'", "")),
    (["--reserve-vram", "nan"], (1, "out-of-range", "not 'nan'", "")),
    (["--reserve-vram", "\u0661"], (1, "out-of-range", "not '\u0661'", "")),
    (["--reserve-vram=1", "2"], (1, "out-of-range", "--reserve-vram takes no second value, and there is '2'", "")),
    (["--fast", "/etc/passwd"], (1, "out-of-range", "must be one of fp16_accumulation, fp8_matrix_mult", "")),
    (["--lowvram", "--highvram"], (1, "conflicting-keys", "--highvram and --lowvram exclude each other", "remove one")),
    (["--cpu", "--gpu-only"], (1, "conflicting-keys", "--gpu-only and --cpu exclude each other", "")),
    (["--cache-none", "--cache-lru=3"], (1, "conflicting-keys", "--cache-lru and --cache-none", "")),
    (["--fast", "--fast"], (1, "conflicting-keys", "--fast stands there twice", "remove one of them")),
]


@pytest.mark.parametrize(("entries", "separate"), FINE)
def test_a_value_follows_its_flag_however_it_was_written(entries: list[str], separate: list[str]) -> None:
    assert list(refused_flags(entries)) == []
    assert as_separate_entries(entries) == separate


@pytest.mark.parametrize("flag", FORBIDDEN)
@pytest.mark.parametrize("value", [[], ["=x"], ["", "x"]], ids=["alone", "with-value", "value-next"])
def test_no_other_flag_passes(flag: str, value: list[str]) -> None:
    entries = ["--lowvram", flag + value[0], *value[1:]] if value else ["--lowvram", flag]

    assert [refused.at for refused in refused_flags(entries)][:1] == [1]


@pytest.mark.parametrize(("entries", "refused"), REFUSED)
def test_what_cannot_be_given_is_told_at_its_entry(entries: list[str], refused: tuple[int, str, str, str]) -> None:
    (wrong,) = refused_flags(entries)

    assert (wrong.at, wrong.code) == refused[:2]
    assert refused[2] in wrong.problem
    assert refused[3] in wrong.hint


def test_every_mistake_is_told() -> None:
    entries = ["--listen", "192.0.2.1", "--cache-lru", "x", "--lowvram", "--novram", "--port=1"]

    assert [wrong.at for wrong in refused_flags(entries)] == [0, 3, 5, 6]


def test_a_flag_stands_in_the_table_once() -> None:
    assert len(FLAGS) == len(set(FLAGS))

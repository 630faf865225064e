"""A record as text, and every way in which that text can be no record."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from pytest_comfygen.errors import RecordDamaged, Where
from pytest_comfygen.outputs.recordfile import dump, parse, read, record_path
from pytest_comfygen.records import Fingerprint, ImageRecord, ImageStatistics, MediaStatistics, Size, Verified

STATISTICS = ImageStatistics(
    size=Size(832, 1216),
    mode="RGBA",
    stddev=41.5,
    extrema=((0, 255), (3, 250), (1, 254), (0, 255)),
    dhash="66" * 32,
    transparency=0.25,
)
RECORD = ImageRecord(
    job="jobs/kins.comfyjob.yaml",
    item="kin_dwarf",
    fingerprint=Fingerprint(
        prompt={"prompt": "portrait of a stout dwarf miner, größer", "negative": "text"},
        params={
            "seed": 2**64 - 1,
            "family": "sdxl",
            "size": "832x1216",
            "steps": 30,
            "cfg": 6.5,
            "sampler": "dpmpp_2m",
        },
        models={"checkpoint": "sd_xl_base_1.0.safetensors", "checkpoint_sha256": None},
        workflow={"set KSampler.seed": True},
        inputs={"init.png": "ab" * 32},
    ),
    seed=2**64 - 1,
    family="sdxl",
    recipe=1,
    graph_sha256="11" * 32,
    comfyui={"version": "0.3.64", "commit": None},
    file_sha256="22" * 32,
    pixels_sha256="33" * 32,
    source_sha256="44" * 32,
    encoding="png",
    verified=Verified(
        "55" * 32,
        STATISTICS,
    ),
)

TEXT = """\
{
  "comfyui": {
    "commit": null,
    "version": "0.3.64"
  },
  "encoding": "png",
  "family": "sdxl",
  "file_sha256": "2222222222222222222222222222222222222222222222222222222222222222",
  "graph_sha256": "1111111111111111111111111111111111111111111111111111111111111111",
  "inputs": {
    "init.png": "abababababababababababababababababababababababababababababababab"
  },
  "item": "kin_dwarf",
  "job": "jobs/kins.comfyjob.yaml",
  "models": {
    "checkpoint": "sd_xl_base_1.0.safetensors",
    "checkpoint_sha256": null
  },
  "negative": "text",
  "parameters": {
    "cfg": 6.5,
    "family": "sdxl",
    "sampler": "dpmpp_2m",
    "size": "832x1216",
    "steps": 30
  },
  "pixels_sha256": "3333333333333333333333333333333333333333333333333333333333333333",
  "prompt": "portrait of a stout dwarf miner, größer",
  "recipe": 1,
  "record": 1,
  "seed": 18446744073709551615,
  "size": "832x1216",
  "source_sha256": "4444444444444444444444444444444444444444444444444444444444444444",
  "verified": {
    "dhash": "6666666666666666666666666666666666666666666666666666666666666666",
    "extrema": "0-255 3-250 1-254 0-255",
    "mode": "RGBA",
    "settings": "5555555555555555555555555555555555555555555555555555555555555555",
    "stddev": 41.5,
    "transparency": 0.25
  },
  "workflow": {
    "set KSampler.seed": true
  }
}
"""


def test_a_record_lies_beside_its_image_out_of_the_way() -> None:
    expected = Path("assets/kins/.comfyrecords/dwarf.png.json")
    assert expected == record_path(Path("assets/kins/dwarf.png"))


def test_the_text_of_a_record_has_one_field_a_line() -> None:
    assert dump(RECORD) == TEXT


def test_what_was_written_is_read_back() -> None:
    assert parse(TEXT) == RECORD


def test_what_is_unknown_is_read_back_as_unknown() -> None:
    statistics = replace(STATISTICS, mode="L", extrema=((0, 9),), transparency=None)
    record = replace(
        RECORD,
        fingerprint=Fingerprint(prompt={}, params={"steps": 4}),
        seed=None,
        graph_sha256=None,
        source_sha256=None,
        verified=replace(RECORD.verified, statistics=statistics),
    )
    assert parse(dump(record)) == record


SOUND = MediaStatistics(frames=None, duration_s=2.5, sample_rate_hz=44100, channels=2, peak=0.5143)


@pytest.mark.parametrize(
    "verified",
    [
        Verified("55" * 32, STATISTICS, MediaStatistics(frames=5, duration_s=0.83, rate=6.024)),
        Verified("55" * 32, STATISTICS, MediaStatistics(frames=1, duration_s=0.0)),
        Verified("55" * 32, STATISTICS, replace(SOUND, frames=60, rate=24.0)),
        Verified("55" * 32, None, SOUND),
    ],
    ids=["animation", "standing", "video", "sound"],
)
def test_what_plays_is_read_back(verified: Verified) -> None:
    record = replace(RECORD, verified=verified)

    assert parse(dump(record)) == record


def test_the_record_of_sound_says_nothing_of_pictures() -> None:
    fields = json.loads(dump(replace(RECORD, verified=Verified("55" * 32, None, SOUND))))

    assert fields["size"] is None
    assert fields["verified"] == {
        "channels": 2,
        "duration_s": 2.5,
        "peak": 0.5143,
        "sample_rate_hz": 44100,
        "settings": "55" * 32,
    }


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
MAPPINGS = st.dictionaries(st.text().filter(lambda key: key != "seed"), SCALARS, max_size=4)


@settings(max_examples=100, deadline=None, database=None)
@given(
    prompt=st.text(st.characters()),  # surrogates included: a JSON job file can hold half a pair
    params=MAPPINGS,
    models=MAPPINGS,
    seed=st.none() | st.integers(0, 2**64 - 1),
)
def test_any_values_are_read_back(
    prompt: str, params: dict[str, Any], models: dict[str, Any], seed: int | None
) -> None:
    params = params if seed is None else {**params, "seed": seed}
    fingerprint = Fingerprint(prompt={"prompt": prompt, "negative": ""}, params=params, models=models)
    record = replace(RECORD, fingerprint=fingerprint, seed=seed)
    text = dump(record)
    assert parse(text.encode().decode()) == record


def test_half_a_surrogate_pair_is_escaped() -> None:
    record = replace(RECORD, fingerprint=Fingerprint(prompt={"prompt": "\ud800 ü"}, params={"seed": RECORD.seed}))
    text = dump(record)
    assert '"prompt": "\\ud800 \\u00fc"' in text
    assert parse(text) == record


def test_fields_of_later_versions_are_passed_over() -> None:
    fields = json.loads(TEXT)
    fields["loras"] = [1, {"x": None}]
    fields["verified"]["palette"] = "warm"
    assert parse(json.dumps(fields)) == RECORD


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(TEXT) | fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the record is empty"),
        (" \n", "the record is empty"),
        ("{", "1:2: the record is not JSON: Expecting property name enclosed in double quotes"),
        (TEXT[: TEXT.index("sdxl")], "7:13: the record is not JSON: Unterminated string starting at"),
        ("<html>", "1:1: the record is not JSON: Expecting value"),
        ("[]", "the record is not a JSON object"),
        ("{}", "the record has format None, and this plugin reads 1"),
        (changed(record=2), "the record has format 2, and this plugin reads 1"),
        (changed(seed="7"), "the record has '7' as 'seed'"),
        (changed(seed=True), "the record has True as 'seed'"),
        (changed(item=None), "the record has None as 'item'"),
        (changed(recipe=1.0), "the record has 1.0 as 'recipe'"),
        (changed(parameters=[]), "the record has [] as 'parameters'"),
        (changed(models={"a": {}}), "the record has {} as 'a' of 'models'"),
        (changed(size="832"), "the record has '832' as 'size'"),
        (changed(size="832xbig"), "the record has '832xbig' as 'size'"),
        (changed(verified="yes"), "the record has 'yes' as 'verified'"),
        (changed(verified={}), "the record has no 'settings'"),
        (changed(size=None), "the record has no 'size'"),
        (TEXT.replace('"stddev": 41.5', '"duration_s": "x"'), "the record has 'x' as 'duration_s'"),
        (changed(prompt=3), "the record has 3 as 'prompt'"),
        (TEXT.replace("0-255 3", "0 255 3"), "the record has '0 255 3-250 1-254 0-255' as 'extrema'"),
        (TEXT.replace('"stddev": 41.5', '"stddev": "x"'), "the record has 'x' as 'stddev'"),
        (TEXT.replace('"item": "kin_dwarf",\n', ""), "the record has no 'item'"),
        ("[" * 100_000, "the record is nested too deep"),
    ],
)
def test_what_is_no_record_is_refused_with_what_is_wrong(text: str, expected: str) -> None:
    with pytest.raises(RecordDamaged) as caught:
        parse(text)
    assert expected == str(caught.value).removeprefix(":")


def test_a_number_of_a_million_digits_is_refused() -> None:
    with pytest.raises(RecordDamaged, match="the record is not JSON: Exceeds the limit"):
        parse(TEXT.replace("18446744073709551615", "1" * 1_000_000))


def test_a_whole_number_does_for_a_measured_one() -> None:
    statistics = parse(TEXT.replace('"stddev": 41.5', '"stddev": 41')).verified.statistics
    assert statistics is not None
    assert (41.0, float) == (statistics.stddev, type(statistics.stddev))


# --- the file -------------------------------------------------------------------------------------------------------


@pytest.fixture
def output(tmp_path: Path) -> Path:
    image = tmp_path / "assets" / "dwarf.png"
    record_path(image).parent.mkdir(parents=True)
    return image


def test_an_image_without_a_record_has_none(output: Path, tmp_path: Path) -> None:
    assert read(output) is None
    assert read(tmp_path / "nowhere" / "dwarf.png") is None


def test_a_record_is_read_from_its_place(output: Path) -> None:
    record_path(output).write_text(TEXT, encoding="utf-8")
    assert read(output) == RECORD


def test_damage_is_reported_at_its_place_in_the_file(output: Path) -> None:
    record_path(output).write_text('{\n  "item": ?\n}', encoding="utf-8")
    with pytest.raises(RecordDamaged) as caught:
        read(output, lambda path: path.relative_to(output.parents[1]).as_posix())
    assert Where("assets/.comfyrecords/dwarf.png.json", 2, 11) == caught.value.where
    assert caught.value.message == "the record is not JSON: Expecting value"
    assert caught.value.hint == "take the record from git, or record the image as it stands with --comfy-adopt"


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "||||||| base", "=======", ">>>>>>> theirs"])
def test_a_merge_conflict_is_called_one(output: Path, marker: str) -> None:
    record_path(output).write_text(TEXT.replace('  "encoding"', f'{marker}\n  "encoding"'), encoding="utf-8")
    with pytest.raises(RecordDamaged) as caught:
        read(output, lambda path: path.name)
    assert str(caught.value) == "dwarf.png.json:6: the record holds git's merge conflict markers"
    assert caught.value.hint == (
        "take the side whose image you keep: `git checkout --ours` or `--theirs`, for image and record alike"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff\xfe{", "the record is not UTF-8 at byte 0"),
        (b" " * (5 << 20), "the record is larger than 4 MiB"),
    ],
)
def test_what_is_no_text_is_refused(output: Path, data: bytes, expected: str) -> None:
    record_path(output).write_bytes(data)
    with pytest.raises(RecordDamaged) as caught:
        read(output)
    assert expected == caught.value.message


def test_a_directory_in_its_place_is_damage(output: Path) -> None:
    record_path(output).mkdir()
    with pytest.raises(RecordDamaged, match="the record cannot be read: Is a directory"):
        read(output)


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="this system cannot refuse links when it opens a file")
def test_a_link_in_its_place_is_not_followed(output: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(TEXT, encoding="utf-8")
    record_path(output).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordDamaged, match="the record cannot be read"):
        read(output)

"""Animated pictures, video and sound come out of workflows, are verified, recorded, and left alone while current."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_comfygen.outputs.recordfile import read
from pytest_comfygen.records import ImageRecord
from tests.repository import Repository
from tests.verify import playing

JOB = """\
comfyjob: 1
output: {dir: ../assets, file: "${name}.%s"}
defaults:
  workflow: plays.api.json
%s
items:
  dwarf:
"""


def node(class_type: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


NOISE = {
    "1": node("EmptyImage", width=64, height=48, batch_size=5, color=0x336699),
    "2": node("ImageAddNoise", image=["1", 0], seed=3, strength=0.4),
}
FILM = {**NOISE, "3": node("CreateVideo", images=["2", 0], fps=10.0)}
SOUND = {
    "1": node("CheckpointLoaderSimple", ckpt_name="tiny.safetensors"),
    "2": node("CLIPTextEncode", text="rain", clip=["1", 1]),
    "4": node("EmptyLatentAudio", seconds=1.0, batch_size=1),
    "5": node(
        "KSampler",
        model=["1", 0],
        positive=["2", 0],
        negative=["2", 0],
        latent_image=["4", 0],
        seed=1,
        steps=1,
        cfg=5.0,
        sampler_name="euler",
        scheduler="normal",
        denoise=1.0,
    ),
    "6": node("VAEDecodeAudio", samples=["5", 0], vae=["1", 2]),
}


def saved(class_type: str, graph: dict[str, Any] | None = None, **inputs: object) -> dict[str, Any]:
    return {**(graph or NOISE), "9": node(class_type, filename_prefix="it", **inputs)}


WORKFLOWS = {
    "webp": saved("SaveAnimatedWEBP", images=["2", 0], fps=10.0, lossless=True, quality=80, method="default"),
    "png": saved("SaveAnimatedPNG", images=["2", 0], fps=10.0, compress_level=4),
    "webm": saved("SaveWEBM", images=["2", 0], codec="vp9", fps=10.0, crf=32.0),
    "mp4": saved("SaveVideo", FILM, video=["3", 0], format="auto", codec="auto"),
    "flac": saved("SaveAudio", SOUND, audio=["6", 0]),
    "mp3": saved("SaveAudioMP3", SOUND, audio=["6", 0], quality="V0"),
    "opus": saved("SaveAudioOpus", SOUND, audio=["6", 0], quality="128k"),
}
MOVING = ("webp", "png", "webm", "mp4")
STREAMED = ("webm", "mp4", "flac", "mp3", "opus")


class Stage:
    """A repository with one job whose workflow plays something."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        (repository.path / "jobs" / "kins.comfyjob.yaml").unlink()

    def play(self, kind: str, suffix: str | None = None, verify: str | None = None, **more: str) -> None:
        """Write job and workflow.

        :param more: further lines below `defaults`.
        """
        self.repository.write("jobs/plays.api.json", json.dumps(WORKFLOWS[kind]))
        if verify is None and kind in ("webp", "png"):
            verify = "{frames: 5}"
        lines = {**({"verify": verify} if verify else {}), **more}
        text = JOB % (suffix or kind, "\n".join(f"  {key}: {value}" for key, value in lines.items()))
        self.repository.write("jobs/plays.comfyjob.yaml", text)

    def file(self, suffix: str) -> Path:
        return self.repository.path / "assets" / f"dwarf.{suffix}"

    def record(self, suffix: str) -> ImageRecord:
        record = read(self.file(suffix))
        assert record is not None
        return record

    def run(self, *args: str) -> pytest.RunResult:
        return self.repository.run("jobs", *args)

    def line(self, *args: str) -> str:
        return self.repository.images_line(self.run(*args))


@pytest.fixture
def stage(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    return Stage(repository)


@pytest.mark.parametrize("kind", WORKFLOWS)
def test_it_is_made_once_and_made_again_it_is_identical(stage: Stage, kind: str) -> None:
    stage.play(kind)

    assert stage.line() == "images: 1 generated"
    before = stage.file(kind).read_bytes()
    assert stage.line("--comfy-check") == "images: 1 current"
    assert stage.line("--comfy-update=all") == "images: 1 identical"
    assert stage.file(kind).read_bytes() == before


@pytest.mark.parametrize("kind", WORKFLOWS)
def test_the_file_says_nothing_of_its_workflow_unless_it_is_to(stage: Stage, kind: str) -> None:
    stage.play(kind)
    stage.run()
    bare = stage.file(kind).read_bytes()
    text = (stage.repository.path / "jobs" / "plays.comfyjob.yaml").read_text(encoding="utf-8")
    stage.repository.write("jobs/plays.comfyjob.yaml", text.replace("{dir:", "{metadata: true, dir:"))

    assert stage.line("--comfy-update=all") == "images: 1 generated"
    assert b"class_type" not in bare
    assert b"class_type" in stage.file(kind).read_bytes()
    assert stage.record(kind).encoding == f"{kind} with metadata"


@pytest.mark.parametrize("kind", MOVING)
def test_the_record_of_what_moves_says_how_much_and_how_long(stage: Stage, kind: str) -> None:
    stage.play(kind)
    stage.run()
    verified = stage.record(kind).verified

    assert verified.media is not None
    assert verified.statistics is not None
    assert (verified.media.frames, verified.media.duration_s, verified.media.rate) == (5, 0.5, 10.0)
    assert str(verified.statistics.size) == "64x48"


@pytest.mark.parametrize("kind", ["flac", "mp3", "opus"])
def test_the_record_of_sound_says_how_long_and_how_loud(stage: Stage, kind: str) -> None:
    stage.play(kind)
    stage.run()
    verified = stage.record(kind).verified

    assert verified.statistics is None
    assert verified.media is not None
    assert (verified.media.duration_s, verified.media.channels) == (1.0, 2)
    assert verified.media.peak is not None
    assert verified.media.peak > 0.05


def test_the_record_of_a_still_is_as_it_always_was(stage: Stage) -> None:
    stage.repository.write("jobs/plays.api.json", json.dumps({**NOISE, "1": NOISE["1"], "9": node("SaveImage")}))
    still = {**NOISE, "1": node("EmptyImage", width=64, height=48, batch_size=1, color=9)}
    still["9"] = node("SaveImage", images=["2", 0], filename_prefix="it")
    stage.play("png", verify="{min_stddev: 1}")
    stage.repository.write("jobs/plays.api.json", json.dumps(still))
    stage.run()
    fields = json.loads((stage.file("png").parent / ".comfyrecords" / "dwarf.png.json").read_text(encoding="utf-8"))

    assert sorted(fields["verified"]) == ["dhash", "extrema", "mode", "settings", "stddev", "transparency"]


@pytest.mark.parametrize(
    ("kind", "suffix", "verify", "codes"),
    [
        ("webp", "webp", "{allow_blank: false}", "several-frames"),
        ("webp", "webp", "{frames: 6}", "wrong-frames"),
        ("webp", "webp", "{frames: {max: 4}}", "wrong-frames"),
        ("webp", "png", "{frames: 5}", "wrong-format"),
        ("mp4", "webm", None, "wrong-format"),
        ("mp4", "png", None, "wrong-format"),
        ("mp4", "mp4", "{frames: 6, duration: 2}", "wrong-frames, wrong-duration"),
        ("mp3", "flac", None, "wrong-format"),
        ("mp3", "mp3", "{duration: {min: 2}}", "wrong-duration"),
    ],
)
def test_what_is_not_as_wanted_is_refused(stage: Stage, kind: str, suffix: str, verify: str | None, codes: str) -> None:
    stage.play(kind, suffix, verify)
    result = stage.run()

    assert stage.repository.images_line(result) == "images: 1 failed"
    result.stdout.fnmatch_lines([f"*the new picture of dwarf failed: {codes}*"])
    assert not stage.file(suffix).exists()


def test_a_wrong_format_says_which_node_or_suffix_to_use(stage: Stage) -> None:
    stage.play("mp4", "webm")

    stage.run().stdout.fnmatch_lines(
        ["*hint: let the output's file name end in .mp4, or save with SaveWEBM in the workflow*"]
    )


def test_several_that_save_are_told_first_and_one_can_be_chosen(stage: Stage) -> None:
    both = {**WORKFLOWS["mp4"], "8": node("SaveWEBM", **WORKFLOWS["webm"]["9"]["inputs"])}
    stage.play("mp4")
    stage.repository.write("jobs/plays.api.json", json.dumps(both))
    result = stage.run()
    stage.play("mp4", output_node="SaveVideo")
    stage.repository.write("jobs/plays.api.json", json.dumps(both))

    result.stdout.fnmatch_lines(["*[[]several-outputs[]]*the workflow has 2 nodes that save a picture*"])
    assert stage.line() == "images: 1 generated"


def test_a_size_is_checked_on_a_video(stage: Stage) -> None:
    stage.play("mp4", size="32x32")

    stage.run().stdout.fnmatch_lines(["*failed: wrong-size*"])


def test_changed_checks_look_again_and_make_nothing(stage: Stage) -> None:
    stage.play("mp4")
    stage.run()
    stage.play("mp4", verify="{frames: 5, duration: 0.5}")
    assert stage.line() == "images: 1 current"

    stage.play("mp4", verify="{frames: 9}")
    result = stage.run("--comfy-check")
    assert stage.repository.images_line(result) == "images: 1 stale"
    result.stdout.fnmatch_lines(["*wrong-frames*"])


@pytest.mark.parametrize("kind", WORKFLOWS)
def test_a_torn_file_is_made_again(stage: Stage, kind: str) -> None:
    stage.play(kind)
    stage.run()
    whole = stage.file(kind).read_bytes()
    stage.file(kind).write_bytes(whole[: len(whole) // 2])

    assert stage.line("--comfy-check") == "images: 1 stale"
    assert stage.line() == "images: 1 generated"
    assert stage.file(kind).read_bytes() == whole


def test_a_file_of_other_tags_is_the_same_and_of_other_frames_is_not(stage: Stage) -> None:
    stage.play("png")
    stage.run()
    with Image.open(stage.file("png")) as picture:
        frames = []
        for number in range(5):
            picture.seek(number)
            frames.append(picture.copy())
    first, *rest = frames
    first.save(stage.file("png"), save_all=True, append_images=rest, duration=100, compress_level=9)
    assert stage.line("--comfy-check") == "images: 1 current"

    first.save(stage.file("png"), save_all=True, append_images=rest[:3], duration=100)
    assert stage.line("--comfy-check") == "images: 1 edited"


@pytest.mark.parametrize(("kind", "size"), [("mp4", [64, 48]), ("flac", None)])
def test_the_index_lists_what_plays(stage: Stage, kind: str, size: list[int] | None) -> None:
    stage.play(kind)
    text = (stage.repository.path / "jobs" / "plays.comfyjob.yaml").read_text(encoding="utf-8")
    stage.repository.write("jobs/plays.comfyjob.yaml", text.replace("{dir:", "{index: all.json, dir:"))
    expected = [{"name": "dwarf", "file": f"dwarf.{kind}", "size": size, "tags": []}]
    stage.run()

    for lines in (stage.line(), stage.line("--comfy-check")):
        assert "1 current" in lines
        assert json.loads((stage.repository.path / "assets" / "all.json").read_text(encoding="utf-8")) == expected


def test_a_plan_names_what_it_would_make(stage: Stage) -> None:
    stage.play("mp3")

    stage.run("--comfy-plan").stdout.fnmatch_lines(["*dwarf*missing*"])
    assert not stage.file("mp3").exists()


def test_a_video_is_adopted(stage: Stage) -> None:
    stage.play("mp4")
    stage.run()
    (stage.file("mp4").parent / ".comfyrecords" / "dwarf.mp4.json").unlink()

    assert stage.line("--comfy-adopt") == "images: 1 adopted"
    assert stage.line("--comfy-check") == "images: 1 current"
    assert stage.record("mp4").encoding == "adopted"


@pytest.mark.parametrize(
    ("suffix", "data"),
    [("gif", playing.animation("gif", playing.pictures())), ("wav", playing.sound("wav"))],
)
def test_what_no_node_of_comfyui_saves_is_adopted(stage: Stage, suffix: str, data: bytes) -> None:
    stage.play("mp4", suffix)
    stage.file(suffix).parent.mkdir()
    stage.file(suffix).write_bytes(data)

    assert stage.line("--comfy-adopt") == "images: 1 adopted"
    assert stage.line("--comfy-check") == "images: 1 current"
    stage.file(suffix).write_bytes(data[: len(data) // 2])
    assert stage.line("--comfy-check") == "images: 1 edited"


@pytest.mark.parametrize("kind", WORKFLOWS)
def test_a_sketch_is_of_the_right_kind(repository: Repository, kind: str) -> None:
    stage = Stage(repository)
    stage.play(kind)

    assert stage.line("--comfy-sketch") == "images: 1 generated"
    (found,) = (repository.path / ".comfygen" / "sketch").rglob(f"dwarf.{kind}")
    assert found.stat().st_size > 100
    assert not stage.file(kind).exists()


# --- without PyAV -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", STREAMED)
def test_without_pyav_nothing_is_made_that_could_not_be_checked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setenv("COMFYGEN_URL", "http://127.0.0.1:9")  # nobody is there, and nobody is asked
    stage.play(kind)
    result = stage.run()

    assert stage.repository.images_line(result) == "images: 1 failed"
    told = f"*[[]media-missing[]] jobs/plays.comfyjob.yaml:2:32: assets/dwarf.{kind} cannot be checked without PyAV"
    result.stdout.fnmatch_lines([told, "*hint: pip install 'pytest-comfygen[[]media[]]'"])


@pytest.mark.parametrize("kind", STREAMED)
def test_without_pyav_what_is_unchanged_is_current(stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    stage.play(kind)
    stage.run()
    monkeypatch.setitem(sys.modules, "av", None)

    assert stage.line("--comfy-check") == "images: 1 current"
    stage.file(kind).write_bytes(stage.file(kind).read_bytes() + b"\0")
    stage.run("--comfy-check").stdout.fnmatch_lines(["*[[]media-missing[]]*"])


@pytest.mark.parametrize("kind", ["webp", "png"])
def test_animated_pictures_need_no_pyav(stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    stage.play(kind)

    assert stage.line() == "images: 1 generated"

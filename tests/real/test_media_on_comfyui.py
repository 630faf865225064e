"""What a real ComfyUI plays: animated pictures, video and sound, made, checked, and made again the same.

Opt-in by COMFYGEN_TEST_URL; see README.md beside this file. Nothing here needs a model. The tests of sound are skipped
where the server has no nodes for it, which is so without torchaudio.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.outputs.recordfile import read
from pytest_comfygen.records import Verified
from tests.repository import Repository
from tests.verify import playing

URL = os.environ.get("COMFYGEN_TEST_URL", "")

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not URL, reason="needs a real ComfyUI: set COMFYGEN_TEST_URL"),
]

JOB = """\
comfyjob: 1
output: {dir: ../assets, file: "${name}.%s"}
defaults: {workflow: plays.api.json, verify: %s}
items:
  it:
"""


def node(class_type: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


NOISE = {
    "1": node("EmptyImage", width=96, height=64, batch_size=6, color=0x336699),
    "2": node("ImageAddNoise", image=["1", 0], seed=3, strength=0.4),
}
FILM = {**NOISE, "3": node("CreateVideo", images=["2", 0], fps=12.0)}
HUSH = {"4": node("EmptyAudio", duration=1.0, sample_rate=44100, channels=2)}
TALKIE = {**HUSH, **NOISE, "3": node("CreateVideo", images=["2", 0], fps=12.0, audio=["4", 0])}

# The suffix, the nodes before the one that saves, and that one.
MOVING: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "webp": (
        "webp",
        NOISE,
        node("SaveAnimatedWEBP", images=["2", 0], fps=10.0, lossless=True, quality=80, method="fastest"),
    ),
    "png": ("png", NOISE, node("SaveAnimatedPNG", images=["2", 0], fps=10.0, compress_level=4)),
    "mp4": ("mp4", FILM, node("SaveVideo", video=["3", 0], format="auto", codec="auto")),
    "vp9": ("webm", NOISE, node("SaveWEBM", images=["2", 0], codec="vp9", fps=12.0, crf=32.0)),
    "av1": ("webm", NOISE, node("SaveWEBM", images=["2", 0], codec="av1", fps=12.0, crf=32.0)),
}
SOUND: dict[str, dict[str, Any]] = {
    "flac": node("SaveAudio", audio=["4", 0]),
    "mp3": node("SaveAudioMP3", audio=["4", 0], quality="V0"),
    "opus": node("SaveAudioOpus", audio=["4", 0], quality="128k"),
}


class Stage:
    """A repository with one job for the server."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        (repository.path / "jobs" / "kins.comfyjob.yaml").unlink()

    def play(self, suffix: str, graph: dict[str, Any], saver: dict[str, Any], verify: str) -> None:
        saves = node(saver["class_type"], filename_prefix="it", **saver["inputs"])
        self.repository.write("jobs/plays.api.json", json.dumps({**graph, "9": saves}))
        self.repository.write("jobs/plays.comfyjob.yaml", JOB % (suffix, verify))

    def line(self, *args: str) -> str:
        return self.repository.images_line(self.repository.run("jobs", *args))

    def file(self, suffix: str) -> Path:
        return self.repository.path / "assets" / f"it.{suffix}"

    def verified(self, suffix: str) -> Verified:
        record = read(self.file(suffix))
        assert record is not None
        return record.verified


@pytest.fixture
def stage(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("COMFYGEN_URL", URL)
    return Stage(repository)


@pytest.fixture(scope="module")
def classes() -> set[str]:
    """The node classes of the server."""
    return set(requests.get(f"{URL}/object_info", timeout=60).json())


@pytest.fixture
def tone(classes: set[str]) -> dict[str, Any]:
    """The node that loads a tone of two seconds."""
    if "SaveAudio" not in classes:
        pytest.skip("the server has no nodes for sound")
    with ComfyClient(URL) as client:
        name = client.send_image(playing.sound("flac", 2.0, rate_hz=44100), ".flac")
    return {"4": node("LoadAudio", audio=name)}


@pytest.mark.parametrize("kind", MOVING)
def test_what_moves_is_made_checked_and_current(stage: Stage, kind: str) -> None:
    suffix, graph, saver = MOVING[kind]
    stage.play(suffix, graph, saver, "{frames: 6, duration: {min: 0.4, max: 0.7}}")

    assert stage.line() == "images: 1 generated"
    verified = stage.verified(suffix)
    assert verified.media is not None
    assert verified.statistics is not None
    assert (verified.media.frames, str(verified.statistics.size)) == (6, "96x64")
    assert b"class_type" not in stage.file(suffix).read_bytes()
    assert stage.line("--comfy-check") == "images: 1 current"


@pytest.mark.parametrize("kind", sorted(set(MOVING) - {"mp4"}))
def test_made_again_it_is_identical(stage: Stage, kind: str) -> None:
    suffix, graph, saver = MOVING[kind]
    stage.play(suffix, graph, saver, "{frames: 6}")
    stage.line()
    before = stage.file(suffix).read_bytes()

    assert stage.line("--comfy-update=all") == "images: 1 identical"
    assert stage.file(suffix).read_bytes() == before


def test_a_video_made_again_is_mostly_identical(stage: Stage) -> None:
    """FFmpeg's conversion to the colours of H.264 is not always the same; three attempts are all but certain."""
    stage.play(*MOVING["mp4"], "{frames: 6}")
    stage.line()

    assert "images: 1 identical" in {stage.line("--comfy-update=all") for _ in range(3)}


def test_metadata_are_kept_when_they_are_wanted(stage: Stage) -> None:
    stage.play(*MOVING["mp4"], "{frames: 6}")
    job = stage.repository.path / "jobs" / "plays.comfyjob.yaml"
    job.write_text(job.read_text(encoding="utf-8").replace("{dir:", "{metadata: true, dir:"), encoding="utf-8")

    assert stage.line() == "images: 1 generated"
    assert b"class_type" in stage.file("mp4").read_bytes()


def test_another_format_than_the_workflow_saves_is_refused(stage: Stage) -> None:
    stage.play("webm", *MOVING["mp4"][1:], "{frames: 6}")
    result = stage.repository.run("jobs")

    assert stage.repository.images_line(result) == "images: 1 failed"
    result.stdout.fnmatch_lines(["*wrong-format*", "*end in .mp4, or save with SaveWEBM*"])


@pytest.mark.parametrize("kind", ["webp", "mp4", "vp9"])
def test_a_black_one_is_refused(stage: Stage, kind: str) -> None:
    suffix, graph, saver = MOVING[kind]
    black = {**graph, "2": node("EmptyImage", width=96, height=64, batch_size=6, color=0)}
    stage.play(suffix, black, saver, "{frames: {min: 1}}")

    stage.repository.run("jobs").stdout.fnmatch_lines(["*failed: black*"])


@pytest.mark.parametrize("suffix", SOUND)
def test_sound_is_made_checked_and_identical(stage: Stage, tone: dict[str, Any], suffix: str) -> None:
    stage.play(suffix, tone, SOUND[suffix], "{duration: 2}")

    assert stage.line() == "images: 1 generated"
    verified = stage.verified(suffix)
    assert verified.statistics is None
    assert verified.media is not None
    assert (verified.media.duration_s, verified.media.channels) == (2.0, 2)
    assert verified.media.peak == pytest.approx(0.5, abs=0.05)
    assert b"class_type" not in stage.file(suffix).read_bytes()
    assert stage.line("--comfy-update=all") == "images: 1 identical"
    assert stage.line("--comfy-check") == "images: 1 current"


@pytest.mark.usefixtures("tone")
@pytest.mark.parametrize("suffix", SOUND)
def test_silence_is_refused_unless_it_is_meant(stage: Stage, suffix: str) -> None:
    stage.play(suffix, HUSH, SOUND[suffix], "{duration: 1}")
    stage.repository.run("jobs").stdout.fnmatch_lines(["*failed: silent*"])

    stage.play(suffix, HUSH, SOUND[suffix], "{duration: 1, allow_blank: true}")
    assert stage.line() == "images: 1 generated"


@pytest.mark.usefixtures("tone")
def test_a_video_may_have_sound(stage: Stage) -> None:
    suffix, _, saver = MOVING["mp4"]
    stage.play(suffix, TALKIE, saver, "{frames: 6, duration: 0.5}")

    assert stage.line() == "images: 1 generated"
    media = stage.verified(suffix).media
    assert media is not None
    assert (media.sample_rate_hz, media.peak) == (44100, 0.0)

"""The stand-in makes what plays as ComfyUI does: files of the right kind, named and listed alike."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import av
import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.sketch.conftest import Client


def node(class_type: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


NOISE = {
    "1": node("EmptyImage", width=64, height=48, batch_size=3, color=0x336699),
    "2": node("ImageAddNoise", image=["1", 0], seed=3, strength=0.4),
}
FILM = {**NOISE, "3": node("CreateVideo", images=["2", 0], fps=6.0)}
SILENCE = {"1": node("EmptyAudio", duration=0.5, sample_rate=44100, channels=2)}
SOUND = {
    "1": node("CheckpointLoaderSimple", ckpt_name="a.safetensors"),
    "2": node("CLIPTextEncode", text="rain", clip=["1", 1]),
    "3": node("ConditioningStableAudio", positive=["2", 0], negative=["2", 0], seconds_start=0.0, seconds_total=1.0),
    "4": node("EmptyLatentAudio", seconds=1.0, batch_size=1),
    "5": node(
        "KSampler",
        model=["1", 0],
        positive=["3", 0],
        negative=["3", 1],
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


def made(sketch: Client, graph: dict[str, Any], saver: dict[str, Any], folder: str = "output") -> tuple[Any, bytes]:
    """What the history lists for a saver, and the file."""
    saver = node(saver["class_type"], filename_prefix="plays/it", **saver["inputs"])
    outputs = sketch.finished(sketch.submit({**graph, "9": saver}))["outputs"]["9"]
    ((file,),) = (value for key, value in outputs.items() if key != "animated")
    assert file["type"] == folder
    return outputs, sketch.ask("GET", "/view", params=file).content


@pytest.mark.parametrize(
    ("saver", "suffix"),
    [
        (node("SaveAnimatedWEBP", images=["2", 0], fps=6.0, lossless=True, quality=80, method="default"), ".webp"),
        (node("SaveAnimatedPNG", images=["2", 0], fps=6.0, compress_level=4), ".png"),
    ],
)
def test_an_animation_has_its_frames(sketch: Client, saver: dict[str, Any], suffix: str) -> None:
    outputs, data = made(sketch, NOISE, saver)
    with Image.open(BytesIO(data)) as picture:
        frames = getattr(picture, "n_frames", 1)

    assert outputs["animated"] == [True]
    assert outputs["images"][0]["filename"].endswith(f"_{suffix}")
    assert frames == 3
    assert b"plays/it" in data


@pytest.mark.parametrize(
    ("graph", "saver", "suffix"),
    [
        (FILM, node("SaveVideo", video=["3", 0], format="auto", codec="auto"), ".mp4"),
        (NOISE, node("SaveWEBM", images=["2", 0], codec="vp9", fps=6.0, crf=32.0), ".webm"),
        (NOISE, node("SaveWEBM", images=["2", 0], codec="av1", fps=6.0, crf=32.0), ".webm"),
    ],
)
def test_a_video_has_its_frames_and_its_rate(sketch: Client, graph: Any, saver: dict[str, Any], suffix: str) -> None:
    outputs, data = made(sketch, graph, saver)
    with av.open(BytesIO(data), "r") as video:
        stream = video.streams.video[0]
        about = (float(stream.average_rate or 0), stream.width, stream.height)
        frames = sum(1 for _ in video.decode(video=0))

    assert outputs["animated"] == [True]
    assert outputs["images"][0]["filename"].endswith(f"_{suffix}")
    assert (about, frames) == ((6, 64, 48), 3)
    assert b"plays/it" in data


@pytest.mark.parametrize(
    ("saver", "suffix", "rate_hz"),
    [
        (node("SaveAudio", audio=["6", 0]), ".flac", 44100),
        (node("SaveAudioMP3", audio=["6", 0], quality="V0"), ".mp3", 44100),
        (node("SaveAudioMP3", audio=["6", 0], quality="128k"), ".mp3", 44100),
        (node("SaveAudioOpus", audio=["6", 0], quality="128k"), ".opus", 48000),
    ],
)
def test_sound_is_as_long_as_its_latent(sketch: Client, saver: dict[str, Any], suffix: str, rate_hz: int) -> None:
    outputs, data = made(sketch, SOUND, saver)
    with av.open(BytesIO(data), "r") as file:
        frames = list(file.decode(audio=0))

    assert set(outputs) == {"audio"}
    assert outputs["audio"][0]["filename"].endswith(f"_{suffix}")
    assert {frame.sample_rate for frame in frames} == {rate_hz}
    assert sum(frame.samples for frame in frames) == rate_hz


def test_a_video_may_have_sound_which_ends_with_the_pictures(sketch: Client) -> None:
    film = {**NOISE, "8": SILENCE["1"], "3": node("CreateVideo", images=["2", 0], fps=10.0, audio=["8", 0])}
    _, data = made(sketch, film, node("SaveVideo", video=["3", 0], format="mp4", codec="h264"))
    with av.open(BytesIO(data), "r") as video:
        samples = sum(frame.samples for frame in video.decode(audio=0))

    assert samples == pytest.approx(0.3 * 44100, abs=1024)


def test_equal_nodes_leave_equal_pictures_and_sounds(sketch: Client) -> None:
    def packets(saver: dict[str, Any], graph: Any) -> list[bytes]:
        changed = {key: node(one["class_type"], **one["inputs"]) for key, one in graph.items()}
        _, data = made(sketch, changed, saver)
        with av.open(BytesIO(data), "r") as file:
            return [bytes(packet) for packet in file.demux() if packet.size]

    video = node("SaveVideo", video=["3", 0], format="auto", codec="auto")
    assert packets(video, FILM) == packets(video, FILM)
    sound = node("SaveAudioOpus", audio=["6", 0], quality="128k")
    assert packets(sound, SOUND) == packets(sound, SOUND)


def test_a_preview_of_sound_is_in_temp(sketch: Client) -> None:
    prompt_id = sketch.submit({**SILENCE, "9": node("PreviewAudio", audio=["1", 0])})
    (file,) = sketch.finished(prompt_id)["outputs"]["9"]["audio"]

    assert (file["type"], file["subfolder"]) == ("temp", "")
    assert file["filename"].endswith(".flac")


def test_sound_of_input_is_loaded(sketch: Client) -> None:
    _, data = made(sketch, SOUND, node("SaveAudio", audio=["6", 0]))
    sketch.ask("POST", "/upload/image", files={"image": ("rain.flac", data)})
    _, again = made(sketch, {"1": node("LoadAudio", audio="rain.flac")}, node("SaveAudio", audio=["1", 0]))

    def levels(file: bytes) -> list[bytes]:
        with av.open(BytesIO(file), "r") as opened:
            return [bytes(frame.planes[0]) for frame in opened.decode(audio=0)]

    assert levels(data) == levels(again)


def test_sound_that_was_not_uploaded_is_refused(sketch: Client) -> None:
    graph = {"1": node("LoadAudio", audio="nothing.flac"), "9": node("PreviewAudio", audio=["1", 0])}

    answer = sketch.ask("POST", "/prompt", json={"prompt": graph})

    assert answer.status_code == 400
    (error,) = answer.json()["node_errors"]["1"]["errors"]
    assert error["details"] == "audio - Invalid audio file: nothing.flac"


def test_what_is_no_sound_ends_in_an_error(sketch: Client) -> None:
    sketch.ask("POST", "/upload/image", files={"image": ("page.wav", b"<html>")})
    prompt_id = sketch.submit({"1": node("LoadAudio", audio="page.wav"), "9": node("PreviewAudio", audio=["1", 0])})
    status = sketch.finished(prompt_id)["status"]

    assert status["status_str"] == "error"
    assert "Invalid data" in status["messages"][-1][1]["exception_message"]


def test_a_video_without_sound_has_none_to_load(sketch: Client) -> None:
    _, data = made(sketch, FILM, node("SaveVideo", video=["3", 0], format="auto", codec="auto"))
    sketch.ask("POST", "/upload/image", files={"image": ("mute.mp4", data)})
    prompt_id = sketch.submit({"1": node("LoadAudio", audio="mute.mp4"), "9": node("PreviewAudio", audio=["1", 0])})

    assert "No audio stream" in sketch.finished(prompt_id)["status"]["messages"][-1][1]["exception_message"]

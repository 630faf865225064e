"""The node classes that make and save what plays, as `/object_info` shows them.

Source: `/object_info` of ComfyUI 0.3.64, with torchaudio for those of sound. Its prose is left out.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_comfygen.sketch import playing
from pytest_comfygen.sketch.actions import Action
from pytest_comfygen.sketch.files import Folders
from pytest_comfygen.sketch.node_class import Input, NodeClass

_IMAGES: Input = ("IMAGE",)
_AUDIO: Input = ("AUDIO",)
_FPS: Input = ("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0, "step": 0.01})
_SOUND_MODULE = "comfy_extras.nodes_audio"
_VIDEO_MODULE = "comfy_extras.nodes_video"


def _prefix(default: str, **more: object) -> Input:
    return "STRING", {"default": default, **more}


def _combo(*options: str, **more: object) -> Input:
    return "COMBO", {**more, "multiselect": False, "options": list(options)}


def _animation(name: str, run: Action, inputs: Mapping[str, Input]) -> NodeClass:
    return NodeClass(
        name=name,
        run=run,
        inputs={"images": _IMAGES, "filename_prefix": _prefix("ComfyUI"), "fps": _FPS, **inputs},
        display_name=name,
        category="image/animation",
        module="comfy_extras.nodes_images",
        output_node=True,
    )


def _video(  # noqa: PLR0913  # a row of a table
    name: str,
    run: Action,
    inputs: Mapping[str, Input],
    *,
    display_name: str | None = None,
    optional: Mapping[str, Input] | None = None,
    outputs: Sequence[str] = (),
    experimental: bool = False,
) -> NodeClass:
    return NodeClass(
        name=name,
        run=run,
        inputs=inputs,
        optional=optional or {},
        outputs=list(outputs),
        display_name=display_name,
        category="image/video",
        module=_VIDEO_MODULE,
        output_node=not outputs,
        modern=True,
        experimental=experimental,
    )


def _sound(  # noqa: PLR0913  # a row of a table
    name: str,
    run: Action,
    inputs: Mapping[str, Input],
    display_name: str,
    outputs: Sequence[str] = (),
    *,
    category: str = "audio",
    output_names: Sequence[str] | None = None,
) -> NodeClass:
    return NodeClass(
        name=name,
        run=run,
        inputs=inputs,
        outputs=tuple(outputs),
        output_names=output_names,
        display_name=display_name,
        category=category,
        module=_SOUND_MODULE,
        output_node=not outputs,
    )


def load_audio(folders: Folders | None) -> NodeClass:
    """The node that loads sound which was uploaded, also out of a video.

    :param folders: whose input/ it lists; None to take every name for one that is there.
    """
    files = folders.inputs() if folders else []
    sounds = [name for name in files if (mimetypes.guess_type(name)[0] or "").startswith(("audio/", "video/"))]

    def refuse(name: object) -> str | None:
        is_there = folders is None or folders.find_input(str(name)) is not None
        return None if is_there else f"Invalid audio file: {name}"

    about: dict[str, Input] = {"audio": (sounds, {"audio_upload": True})}
    made = _sound("LoadAudio", playing.load_audio, about, "Load Audio", ["AUDIO"])
    return replace(made, checks={"audio": refuse})


_SAVED_SOUND: dict[str, Input] = {"audio": _AUDIO, "filename_prefix": _prefix("audio/ComfyUI")}
_MP3: Input = (["V0", "128k", "320k"], {"default": "V0"})
_OPUS: Input = (["64k", "96k", "128k", "192k", "320k"], {"default": "128k"})
_SECONDS: Input = ("FLOAT", {"default": 47.6, "min": 1.0, "max": 1000.0, "step": 0.1})
_EMPTY_AUDIO: dict[str, Input] = {
    "duration": ("FLOAT", {"default": 60.0, "min": 0.0, "max": 0xFFFFFFFFFFFFFFFF, "step": 0.01}),
    "sample_rate": ("INT", {"default": 44100}),
    "channels": ("INT", {"default": 2, "min": 1, "max": 2}),
}
_TIMES: dict[str, Input] = {
    "seconds_start": ("FLOAT", {"default": 0.0, "min": 0.0, "max": 1000.0, "step": 0.1}),
    "seconds_total": ("FLOAT", {"default": 47.0, "min": 0.0, "max": 1000.0, "step": 0.1}),
}

MEDIA_NODES = (
    _animation(
        "SaveAnimatedWEBP",
        playing.save_webp,
        {
            "lossless": ("BOOLEAN", {"default": True}),
            "quality": ("INT", {"default": 80, "min": 0, "max": 100}),
            "method": (["default", "fastest", "slowest"],),
        },
    ),
    _animation("SaveAnimatedPNG", playing.save_png, {"compress_level": ("INT", {"default": 4, "min": 0, "max": 9})}),
    _video(
        "CreateVideo",
        playing.create_video,
        {"images": ("IMAGE", {}), "fps": ("FLOAT", {"default": 30.0, "min": 1.0, "max": 120.0, "step": 1.0})},
        display_name="Create Video",
        optional={"audio": ("AUDIO", {})},
        outputs=["VIDEO"],
    ),
    _video(
        "SaveVideo",
        playing.save_video,
        {
            "video": ("VIDEO", {}),
            "filename_prefix": _prefix("video/ComfyUI", multiline=False),
            "format": _combo("auto", "mp4", default="auto"),
            "codec": _combo("auto", "h264", default="auto"),
        },
        display_name="Save Video",
    ),
    _video(
        "SaveWEBM",
        playing.save_webm,
        {
            "images": ("IMAGE", {}),
            "filename_prefix": _prefix("ComfyUI", multiline=False),
            "codec": _combo("vp9", "av1"),
            "fps": ("FLOAT", {"default": 24.0, "min": 0.01, "max": 1000.0, "step": 0.01}),
            "crf": ("FLOAT", {"default": 32.0, "min": 0, "max": 63.0, "step": 1}),
        },
        experimental=True,
    ),
    _sound("EmptyAudio", playing.empty_audio, _EMPTY_AUDIO, "Empty Audio", ["AUDIO"]),
    _sound(
        "EmptyLatentAudio",
        playing.empty_latent_audio,
        {"seconds": _SECONDS, "batch_size": ("INT", {"default": 1, "min": 1, "max": 4096})},
        "Empty Latent Audio",
        ["LATENT"],
        category="latent/audio",
    ),
    _sound(
        "ConditioningStableAudio",
        playing.condition_audio,
        {"positive": ("CONDITIONING",), "negative": ("CONDITIONING",), **_TIMES},
        "ConditioningStableAudio",
        ["CONDITIONING", "CONDITIONING"],
        category="conditioning",
        output_names=["positive", "negative"],
    ),
    _sound(
        "VAEDecodeAudio",
        playing.decode_audio,
        {"samples": ("LATENT",), "vae": ("VAE",)},
        "VAE Decode Audio",
        ["AUDIO"],
        category="latent/audio",
    ),
    _sound("SaveAudio", playing.save_flac, _SAVED_SOUND, "Save Audio (FLAC)"),
    _sound("SaveAudioMP3", playing.save_mp3, {**_SAVED_SOUND, "quality": _MP3}, "Save Audio (MP3)"),
    _sound("SaveAudioOpus", playing.save_opus, {**_SAVED_SOUND, "quality": _OPUS}, "Save Audio (Opus)"),
    _sound("PreviewAudio", playing.preview_audio, {"audio": _AUDIO}, "Preview Audio"),
)

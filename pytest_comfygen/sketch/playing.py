"""What the nodes do here that make and save what plays: frames as they come, tones instead of models' sounds.

Files are encoded as ComfyUI encodes them, by PyAV, which is loaded when a node needs it. One thread encodes, so that
equal nodes leave equal files.
"""

from __future__ import annotations

import json
import math
import random
import string
import time
from array import array
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pytest_comfygen.sketch.actions import Bench, Made
from pytest_comfygen.sketch.files import SavePlace, save_place
from pytest_comfygen.sketch.kinds import input_file
from pytest_comfygen.sketch.values import Checkpoint, Conditioning, Film, Latent, Pictures, Sound

if TYPE_CHECKING:
    from pathlib import Path

# Source: ComfyUI 0.3.64, comfy_extras/nodes_images.py, nodes_video.py, nodes_audio.py.
_METHODS = {"default": 4, "fastest": 0, "slowest": 6}
_WEBM_CODECS = {"vp9": ("libvpx-vp9", "yuv420p"), "av1": ("libsvtav1", "yuv420p10le")}
_SOUND_CODECS = {"flac": "flac", "mp3": "libmp3lame", "opus": "libopus"}
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
_EXIF_PROMPT, _EXIF_MORE = 0x0110, 0x010F

# By its own settings, x264 made one of some three thousand encodings of a film otherwise; by these, none of twelve.
_ALIKE = {"preset": "ultrafast", "qp": "20"}

# From the whole range of a byte to that of video.
_LUMA = [round(16 + level * 219 / 255) for level in range(256)]
_CHROMA = [round(128 + (level - 128) * 224 / 255) for level in range(256)]

_LATENT_PIXEL = 8
_TENTHS = 10  # of a second: how long a latent of sound is, is written into how wide its picture would be
_LOUD, _RATE_HZ = 8000, 44100


# --- animated pictures -----------------------------------------------------------------------------------------------


def save_webp(  # noqa: PLR0913, PLR0917  # SaveAnimatedWEBP's inputs
    bench: Bench,
    images: Pictures,
    filename_prefix: str,
    fps: float,
    lossless: bool,  # noqa: FBT001  # an input
    quality: int,
    method: str,
    prompt: object = None,
    extra_pnginfo: Mapping[str, object] | None = None,
) -> Made:
    """The pictures as an animation, with the prompt in its EXIF data."""
    place = _place(bench, filename_prefix, images[0].size)
    first, *rest = map(bench.painter.stamp, images)
    exif = first.getexif()
    exif[_EXIF_PROMPT] = f"prompt:{json.dumps(prompt)}"
    for number, (key, value) in enumerate((extra_pnginfo or {}).items()):
        exif[_EXIF_MORE - number] = f"{key}:{json.dumps(value)}"
    first.save(
        place.folder / place.file_name(0, ".webp"),
        save_all=True,
        append_images=rest,
        duration=int(1000.0 / fps),
        exif=exif,
        lossless=lossless,
        quality=quality,
        method=_METHODS[method],
    )
    return _shown(place, ".webp", is_animated=len(images) != 1)


def save_png(  # noqa: PLR0913, PLR0917  # SaveAnimatedPNG's inputs
    bench: Bench,
    images: Pictures,
    filename_prefix: str,
    fps: float,
    compress_level: int,
    prompt: object = None,
    extra_pnginfo: Mapping[str, object] | None = None,
) -> Made:
    """The pictures as an animation, with the prompt in chunks of ComfyUI's own."""
    place = _place(bench, filename_prefix, images[0].size)
    first, *rest = map(bench.painter.stamp, images)
    chunks = PngInfo()
    for key, value in {"prompt": prompt, **(extra_pnginfo or {})}.items():
        chunks.add(b"comf", f"{key}\0{json.dumps(value)}".encode("latin-1"), after_idat=True)
    first.save(
        place.folder / place.file_name(0),
        pnginfo=chunks,
        compress_level=compress_level,
        save_all=True,
        append_images=rest,
        duration=int(1000.0 / fps),
    )
    return _shown(place, ".png", is_animated=True)


# --- video -----------------------------------------------------------------------------------------------------------


def create_video(_: Bench, images: Pictures, fps: float, audio: Sound | None = None) -> Made:
    """A video, not yet encoded."""
    return Made((Film(images, fps, audio),))


def save_video(  # noqa: PLR0913, PLR0917  # SaveVideo's inputs
    bench: Bench,
    video: Film,
    filename_prefix: str,
    format: str,  # noqa: A002, ARG001  # an input; there is one format
    codec: str,  # noqa: ARG001  # there is one codec
    prompt: object = None,
    extra_pnginfo: Mapping[str, object] | None = None,
) -> Made:
    """The video as MP4, with the prompt among its tags."""
    place = _place(bench, filename_prefix, video.pictures[0].size)
    with _file(place, ".mp4", _told(prompt, extra_pnginfo), options={"movflags": "use_metadata_tags"}) as target:
        stream = _pictures_stream(target, "h264", video.rate, video.pictures[0].size, "yuv420p")
        stream.options = _ALIKE
        sound = target.add_stream("aac", rate=video.sound.rate_hz) if video.sound else None
        _encode_pictures(target, stream, map(bench.painter.stamp, video.pictures), "yuv420p")
        if video.sound:
            longest = math.ceil(video.sound.rate_hz / video.rate * len(video.pictures))
            _encode_sound(target, sound, _cut(video.sound, longest))
    return _shown(place, ".mp4", is_animated=True)


def save_webm(  # noqa: PLR0913, PLR0917  # SaveWEBM's inputs
    bench: Bench,
    images: Pictures,
    filename_prefix: str,
    codec: str,
    fps: float,
    crf: float,
    prompt: object = None,
    extra_pnginfo: Mapping[str, object] | None = None,
) -> Made:
    """The pictures as WebM, with the prompt among its tags."""
    place = _place(bench, filename_prefix, images[0].size)
    encoder, pixels = _WEBM_CODECS[codec]
    with _file(place, ".webm", _told(prompt, extra_pnginfo)) as target:
        stream = _pictures_stream(target, encoder, fps, images[0].size, pixels)
        stream.bit_rate = 0
        stream.options = {"crf": str(crf), **({"preset": "6"} if codec == "av1" else {})}
        _encode_pictures(target, stream, map(bench.painter.stamp, images), pixels)
    return _shown(place, ".webm", is_animated=True)


def _pictures_stream(target: Any, encoder: str, rate: float, size: tuple[int, int], pixels: str) -> Any:  # noqa: ANN401  # PyAV's, which is an extra
    stream = target.add_stream(encoder, rate=Fraction(round(rate * 1000), 1000))
    stream.width, stream.height = size
    stream.pix_fmt = pixels
    stream.codec_context.thread_count = 1
    return stream


def _encode_pictures(target: Any, stream: Any, pictures: Iterable[Image.Image], pixels: str) -> None:  # noqa: ANN401  # as above
    for picture in pictures:
        target.mux(stream.encode(_frame(picture).reformat(format=pixels)))
    target.mux(stream.encode(None))


def _frame(picture: Image.Image) -> Any:  # noqa: ANN401  # as above
    """A picture in the colours of video. Pillow converts it: what FFmpeg makes depends on where its memory lies."""
    import av  # noqa: PLC0415  # an extra, and slow to load

    frame = av.VideoFrame(*picture.size, "yuv420p")
    luma, *chroma = picture.convert("YCbCr").split()
    half = ((picture.width + 1) // 2, (picture.height + 1) // 2)
    bands = [luma.point(_LUMA), *(band.resize(half, Image.Resampling.BOX).point(_CHROMA) for band in chroma)]
    for plane, band in zip(frame.planes, bands, strict=True):
        rows = (band.crop((0, row, band.width, row + 1)).tobytes() for row in range(band.height))
        plane.update(b"".join(row.ljust(plane.line_size, b"\0") for row in rows))
    return frame


# --- sound -----------------------------------------------------------------------------------------------------------


def empty_audio(_: Bench, duration: float, sample_rate: int, channels: int) -> Made:
    """Silence."""
    return Made((Sound(array("h", bytes(2 * round(duration * sample_rate) * channels)), sample_rate, channels),))


def load_audio(bench: Bench, audio: str) -> Made:
    """The sound of a file of input/."""
    import av  # noqa: PLC0415  # as above

    levels, rate_hz, channels = array("h"), 0, 0
    with av.open(str(input_file(bench, audio))) as source:
        if not source.streams.audio:
            raise ValueError("No audio stream found in the file.")
        for frame in source.decode(audio=0):
            rate_hz, channels = frame.sample_rate, frame.layout.nb_channels
            for plain in av.AudioResampler(format="s16").resample(frame):
                levels.frombytes(bytes(plain.planes[0])[: 2 * plain.samples * channels])
    if not levels:
        raise ValueError("No audio frames decoded.")
    return Made((Sound(levels, rate_hz, channels),))


def empty_latent_audio(_: Bench, seconds: float, batch_size: int) -> Made:
    """A latent of sound."""
    return Made((Latent(round(seconds * _TENTHS) * _LATENT_PIXEL, _LATENT_PIXEL, batch_size, origin="audio"),))


def condition_audio(
    _: Bench, positive: Conditioning, negative: Conditioning, seconds_start: float, seconds_total: float
) -> Made:
    """Both conditionings, which say nothing of times here."""
    del seconds_start, seconds_total
    return Made((positive, negative))


def decode_audio(_: Bench, samples: Latent, vae: Checkpoint) -> Made:  # noqa: ARG001  # as ComfyUI's node takes it
    """A chord of its seed, in stereo, as long as the latent; it swells and fades."""
    seconds = samples.width / _LATENT_PIXEL / _TENTHS
    chance = random.Random(repr(samples.sampling))  # noqa: S311  # a tone is no secret
    root = chance.choice((220.0, 246.9, 261.6, 293.7, 329.6))
    count = round(seconds * _RATE_HZ)
    turns = [math.tau * root * ratio / _RATE_HZ for ratio in (1, 1.25, 1.5)]
    levels = array("h")
    for at in range(count):
        level = sum(math.sin(turn * at) for turn in turns) / len(turns) * math.sin(math.pi * at / count)
        levels.extend((round(_LOUD * level),) * 2)
    return Made((Sound(levels, _RATE_HZ, 2),))


def save_flac(
    bench: Bench,
    audio: Sound,
    filename_prefix: str,
    prompt: object = None,
    extra_pnginfo: Mapping[str, object] | None = None,
) -> Made:
    """The sound as FLAC."""
    return _save_sound(bench, audio, filename_prefix, "flac", _told(prompt, extra_pnginfo))


def save_mp3(  # noqa: PLR0913, PLR0917  # SaveAudioMP3's inputs
    bench: Bench,
    audio: Sound,
    filename_prefix: str,
    quality: str,
    prompt: object = None,
    extra_pnginfo: Mapping[str, object] | None = None,
) -> Made:
    """The sound as MP3."""
    return _save_sound(bench, audio, filename_prefix, "mp3", _told(prompt, extra_pnginfo), quality)


def save_opus(  # noqa: PLR0913, PLR0917  # SaveAudioOpus' inputs
    bench: Bench,
    audio: Sound,
    filename_prefix: str,
    quality: str,
    prompt: object = None,
    extra_pnginfo: Mapping[str, object] | None = None,
) -> Made:
    """The sound as Opus, at a rate that Opus has."""
    rate_hz = next((one for one in _OPUS_RATES if one >= audio.rate_hz), _OPUS_RATES[-1])
    return _save_sound(bench, audio, filename_prefix, "opus", _told(prompt, extra_pnginfo), quality, rate_hz)


def preview_audio(
    bench: Bench, audio: Sound, prompt: object = None, extra_pnginfo: Mapping[str, object] | None = None
) -> Made:
    """The sound as FLAC in temp/, under a name that nothing else has."""
    letters = "".join(random.choices(string.ascii_lowercase, k=5))  # noqa: S311  # a name, no secret
    return _save_sound(bench, audio, f"ComfyUI_temp_{letters}", "flac", _told(prompt, extra_pnginfo), folder="temp")


def _save_sound(  # noqa: PLR0913, PLR0917  # what ComfyUI's function takes
    bench: Bench,
    sound: Sound,
    prefix: str,
    format_: str,
    told: Mapping[str, str],
    quality: str = "",
    rate_hz: int = 0,
    folder: str = "output",
) -> Made:
    place = _place(bench, prefix, (0, 0), folder)
    with _file(place, f".{format_}", told) as target:
        layout = "mono" if sound.channels == 1 else "stereo"
        stream = target.add_stream(_SOUND_CODECS[format_], rate=rate_hz or sound.rate_hz, layout=layout)
        if quality == "V0":
            stream.codec_context.qscale = True
        elif quality:
            stream.bit_rate = int(quality.removesuffix("k")) * 1000
        _encode_sound(target, stream, sound)
    shown = {"filename": place.file_name(0, f".{format_}"), "subfolder": place.subfolder, "type": folder}
    return Made(ui={"audio": [shown]})


def _cut(sound: Sound, samples: int) -> Sound:
    return Sound(sound.levels[: samples * sound.channels], sound.rate_hz, sound.channels)


def _encode_sound(target: Any, stream: Any, sound: Sound) -> None:  # noqa: ANN401  # as above
    import av  # noqa: PLC0415  # as above

    layout = "mono" if sound.channels == 1 else "stereo"
    if sound.levels:
        frame = av.AudioFrame(format="s16", layout=layout, samples=len(sound.levels) // sound.channels)
        frame.sample_rate, frame.pts = sound.rate_hz, 0
        room = frame.planes[0]
        room.update(sound.levels.tobytes().ljust(room.buffer_size, b"\0"))
        context = stream.codec_context
        fit = av.AudioResampler(format=context.format, layout=context.layout, rate=context.sample_rate)
        for part in (*fit.resample(frame), *fit.resample(None)):
            target.mux(stream.encode(part))
    target.mux(stream.encode(None))


# --- files -----------------------------------------------------------------------------------------------------------


def _place(bench: Bench, prefix: str, size: tuple[int, int], folder: str = "output") -> SavePlace:
    return save_place(bench.folders.root / folder, prefix, size, time.localtime)


def _told(prompt: object, extra_pnginfo: Mapping[str, object] | None) -> dict[str, str]:
    return {key: json.dumps(value) for key, value in {"prompt": prompt, **(extra_pnginfo or {})}.items()}


def _file(place: SavePlace, suffix: str, told: Mapping[str, str], options: dict[str, str] | None = None) -> Any:  # noqa: ANN401  # as above
    """A new file that says what it was made from."""
    import av  # noqa: PLC0415  # as above

    path: Path = place.folder / place.file_name(0, suffix)
    target = av.open(str(path), "w", format=suffix[1:], options=options or {})
    target.metadata.update(told)
    return target


def _shown(place: SavePlace, suffix: str, *, is_animated: bool) -> Made:
    file = {"filename": place.file_name(0, suffix), "subfolder": place.subfolder, "type": "output"}
    return Made(ui={"images": [file], "animated": (is_animated,)})

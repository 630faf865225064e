"""Small files that play, the same every time: made by the libraries that ComfyUI makes its own with."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
from PIL import Image

SIZE = (64, 48)
PROMPT = '{"9": {"inputs": {"filename_prefix": "comfygen/of-this-submission"}}}'

VIDEO_CODECS = {"mp4": "libx264", "webm": "libvpx-vp9"}
SOUND_CODECS = {"flac": "flac", "mp3": "libmp3lame", "opus": "libopus", "wav": "pcm_s16le"}


def pictures(count: int = 5, size: tuple[int, int] = SIZE) -> list[Image.Image]:
    """Coarse fields of colours, other ones in each picture."""
    small = (8, 6)
    data = [hashlib.shake_256(b"%d" % number).digest(3 * small[0] * small[1]) for number in range(count)]
    return [Image.frombytes("RGB", small, one).resize(size, Image.Resampling.NEAREST) for one in data]


def plain(colour: tuple[int, int, int] = (0, 0, 0), count: int = 5) -> list[Image.Image]:
    """Pictures of one colour."""
    return [Image.new("RGB", SIZE, colour)] * count


def animation(format_: str, frames: Sequence[Image.Image], **more: Any) -> bytes:
    """A PNG, WebP or GIF with its frames, 100 ms each."""
    target = BytesIO()
    options: dict[str, dict[str, Any]] = {"webp": {"lossless": True}, "gif": {"comment": PROMPT.encode()}}
    first, *rest = frames
    settings = {"duration": 100, "loop": 0, **options.get(format_, {}), **more}
    first.save(target, format_, save_all=True, append_images=rest, **settings)
    return target.getvalue()


def video(
    format_: str,
    frames: Sequence[Image.Image],
    *,
    rate: int = 10,
    prompt: str = PROMPT,
    tone_s: float = 0.0,
    **codec: str,
) -> bytes:
    """A video, with a tone when it is to last."""
    target = BytesIO()
    options = {"movflags": "use_metadata_tags"} if format_ == "mp4" else {}
    with av.open(target, "w", format=format_, options=options) as container:
        container.metadata["prompt"] = prompt
        stream: Any = container.add_stream(VIDEO_CODECS[format_], rate=Fraction(rate))  # its stub knows less
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = codec
        sound = container.add_stream("aac" if format_ == "mp4" else "libopus", rate=48000) if tone_s else None
        for frame in frames:
            given: Any = av.VideoFrame.from_image(frame)  # type: ignore[no-untyped-call]  # its stub says nothing
            container.mux(stream.encode(given.reformat(format="yuv420p")))
        container.mux(stream.encode())
        if sound is not None:
            _sing(container, sound, tone_s, 48000, 0.5)
    return target.getvalue()


def sound(
    format_: str, seconds: float = 1.0, *, loudness: float = 0.5, rate_hz: int = 48000, prompt: str = PROMPT
) -> bytes:
    """A tone in stereo."""
    target = BytesIO()
    with av.open(target, "w", format=format_) as container:
        container.metadata["prompt"] = prompt
        stream = container.add_stream(SOUND_CODECS[format_], rate=rate_hz, layout="stereo")
        _sing(container, stream, seconds, rate_hz, loudness)
    return target.getvalue()


def _sing(container: Any, stream: Any, seconds: float, rate_hz: int, loudness: float) -> None:
    levels = [round(loudness * 32767 * math.sin(math.tau * 440 * at / rate_hz)) for at in range(int(seconds * rate_hz))]
    frame = av.AudioFrame(format="s16", layout="stereo", samples=len(levels))
    frame.sample_rate, frame.pts = rate_hz, 0
    both = array("h", [level for level in levels for _ in range(2)]).tobytes()
    frame.planes[0].update(both.ljust(frame.planes[0].buffer_size, b"\0"))
    context = stream.codec_context
    fit = av.AudioResampler(format=context.format, layout=context.layout, rate=rate_hz)
    for part in (*fit.resample(frame), *fit.resample(None)):
        container.mux(stream.encode(part))
    container.mux(stream.encode(None))

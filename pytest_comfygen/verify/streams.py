"""Video and sound, decoded from the first packet to the last. PyAV, which does it, is loaded when it is needed."""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from pytest_comfygen.records import Checks, ImageFormat, ImageStatistics, MediaStatistics, Size
from pytest_comfygen.verify.limits import Limits
from pytest_comfygen.verify.sequence import Measured

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["Unreadable", "Watched", "can_decode", "packets_sha256", "picked", "watch", "without_metadata"]

# Only the demuxer of the format that the file has: others read playlists, and what those name.
_DEMUXERS = {"opus": "ogg"}
_LOUDEST = 32768
_MOST_MISSING = Fraction(1, 20)  # seconds by which sound may be shorter than announced: an encoder's last frame


class Unreadable(Exception):
    """The file does not decode; its text says why.

    :param is_cut: it ends before it should.
    """

    def __init__(self, told: str, *, is_cut: bool = False) -> None:
        super().__init__(told)
        self.is_cut = is_cut


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen and heard.

    :param statistics: of all pictures; None without a video stream.
    :param sha256: of the encoded packets and their times, see `packets_sha256`.
    """

    statistics: ImageStatistics | None
    media: MediaStatistics
    sha256: str


def can_decode() -> bool:
    """Whether PyAV is installed."""
    try:
        return find_spec("av") is not None
    except ValueError:  # somebody put None in its place
        return False


def watch(data: bytes, checks: Checks) -> Watched:
    """Decode everything and measure it.

    :raises Unreadable: something does not decode.
    :raises TooMuch: it holds more than is decoded for these checks.
    """
    import av  # noqa: PLC0415  # an extra, and slow to load

    try:
        with _opened(data, checks.format) as container:
            return _watch(container, checks, data)
    except av.error.EOFError:
        raise Unreadable("its last packet is cut off", is_cut=True) from None
    except av.FFmpegError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None


def packets_sha256(data: bytes, format_: ImageFormat) -> str:
    """The hash of what is encoded and when it plays, stream by stream: the same on every machine, whatever decodes it.

    Metadata, the container's layout and the order in which it interleaves streams have no part in it.

    :raises Unreadable: the container cannot be read.
    """
    import av  # noqa: PLC0415  # as above

    try:
        with _opened(data, format_) as container:
            streams = _Streams.of(container)
            for packet in container.demux(*picked(container)):
                streams.note(packet)
            return streams.sha256()
    except av.FFmpegError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None


def without_metadata(data: bytes, format_: ImageFormat) -> bytes:
    """The same packets in a new container that says nothing else; equal packets give equal bytes.

    :raises Unreadable: the container cannot be read.
    """
    import av  # noqa: PLC0415  # as above

    target = BytesIO()
    try:
        with (
            _opened(data, format_) as source,
            av.open(target, "w", format=format_, container_options={"fflags": "+bitexact"}) as bare,
        ):
            # Opaque: nothing is to be encoded, and for some decoders there is no encoder of that name.
            copies = {one.index: bare.add_stream_from_template(one, opaque=True) for one in picked(source)}
            for packet in source.demux(*picked(source)):
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    bare.mux(packet)
    except av.FFmpegError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    return target.getvalue()


def picked(container: InputContainer) -> list[VideoStream | AudioStream]:
    """The streams that play: no covers, subtitles or data.

    :raises Unreadable: there are none.
    """
    from av.stream import Disposition  # noqa: PLC0415  # as above

    if any(one.codec_context is None for one in (*container.streams.video, *container.streams.audio)):
        raise Unreadable("nothing here can decode one of its streams")
    pictures = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
    if not pictures and not container.streams.audio:
        raise Unreadable("it holds neither pictures nor sound")
    return sorted([*pictures, *container.streams.audio], key=lambda stream: stream.index)


def _opened(data: bytes, format_: ImageFormat) -> InputContainer:
    import av  # noqa: PLC0415  # as above

    return av.open(BytesIO(data), "r", format=_DEMUXERS.get(format_, format_), metadata_errors="replace")


def _watch(container: InputContainer, checks: Checks, data: bytes) -> Watched:
    limits = Limits(checks, _largest(container))
    limits.refuse_header()
    streams, show, sound = _Streams.of(container), _Show(), _Sound()
    for stream in picked(container):
        # A stream may go on in another size than its header says; so the decoder is told the largest.
        stream.codec_context.options = {"err_detect": "explode", "max_pixels": str(limits.picture_px)}
    for packet in container.demux(*picked(container)):
        streams.note(packet)
        _take(packet, show, sound, limits)
    if not show.frames and not sound.samples:
        raise Unreadable("it holds neither pictures nor sound")
    if not show.frames and _is_announced(checks.format, data):
        _check_length(container.streams.audio[0], sound)
    show.rate = _rate(container)
    return Watched(show.measured.statistics() if show.frames else None, _media(show, sound), streams.sha256())


def _largest(container: InputContainer) -> Size | None:
    """The size of the pictures, of several video streams the largest, as the header says; None for sound."""
    sizes = [Size(one.width, one.height) for one in picked(container) if one.type == "video"]
    return max(sizes, key=lambda size: size.width * size.height, default=None)


def _take(packet: Packet[Stream], show: _Show, sound: _Sound, limits: Limits) -> None:
    """Decode a packet and measure what is in it, as far as the limits allow."""
    import av  # noqa: PLC0415  # as above

    for frame in packet.decode():
        if isinstance(frame, av.VideoFrame):
            _refuse_corrupt(frame)
            show.pixels += frame.width * frame.height
            show.add(frame, packet.stream.index)
            limits.refuse(seconds=float(show.shown_s), frames=show.frames, pixels=show.pixels)
        elif isinstance(frame, av.AudioFrame):
            _refuse_corrupt(frame)
            sound.decoded += frame.samples * frame.layout.nb_channels
            sound.add(frame, packet.stream.index)
            seconds = float(sound.duration_s) if limits.size is None else 0.0
            limits.refuse(seconds=seconds, samples=sound.decoded)


def _refuse_corrupt(frame: VideoFrame | AudioFrame) -> None:
    if frame.is_corrupt:
        raise Unreadable(f"what plays at {frame.time or 0:.2f} s is damaged")


def _rate(container: InputContainer) -> Fraction | None:
    """Pictures a second of the first video stream."""
    first = next(iter(container.streams.video), None)
    return (first.average_rate or first.guessed_rate) if first else None


def _is_announced(format_: ImageFormat, data: bytes) -> bool:
    """Whether the file tells how long its sound is, which for some mp3 files is only an estimate."""
    head = data[: data.find(b"\xff\xfb") + 4096] if format_ == "mp3" else b""
    return format_ == "flac" or b"Xing" in head or b"Info" in head


def _check_length(stream: AudioStream, sound: _Sound) -> None:
    if stream.duration is None or stream.time_base is None:
        return
    announced = stream.duration * stream.time_base
    if announced - sound.duration_s > _MOST_MISSING:
        told = f"sound that stops after {float(sound.duration_s):.2f} s of {float(announced):.2f} s"
        raise Unreadable(told, is_cut=True)


def _media(show: _Show, sound: _Sound) -> MediaStatistics:
    duration_s = show.duration_s if show.frames else sound.duration_s
    return MediaStatistics(
        frames=show.frames or None,
        duration_s=round(float(duration_s), 3),
        rate=round(float(show.rate), 3) if show.rate else None,
        sample_rate_hz=sound.rate_hz or None,
        channels=sound.channels or None,
        peak=round(sound.peak / _LOUDEST, 4) if sound.samples else None,
    )


@dataclass(slots=True)
class _Streams:
    """The hash of each stream that plays."""

    digests: dict[int, hashlib._Hash]

    @classmethod
    def of(cls, container: InputContainer) -> _Streams:
        return cls({stream.index: hashlib.sha256(_head(stream)) for stream in picked(container)})

    def note(self, packet: Packet[Stream]) -> None:
        if packet.size:
            data, base = bytes(packet), packet.time_base
            times = " ".join("-" if one is None else str(one * base) for one in (packet.pts, packet.dts))
            self.digests[packet.stream.index].update(f"\n{times} {len(data)}\n".encode() + data)

    def sha256(self) -> str:
        whole = "\n".join(self.digests[index].hexdigest() for index in sorted(self.digests))
        return hashlib.sha256(whole.encode()).hexdigest()


def _head(stream: VideoStream | AudioStream) -> bytes:
    """What a decoder has to know before the first packet."""
    context = stream.codec_context
    what = f"{stream.width}x{stream.height}" if stream.type == "video" else f"{stream.rate} {stream.channels}"
    return f"{stream.type} {context.codec.canonical_name} {what}\n".encode() + (context.extradata or b"")


@dataclass(slots=True)
class _Show:
    """The pictures of a video as they go by; of several video streams, the first.

    :param pixels: of all pictures of all streams.
    """

    measured: Measured = field(default_factory=Measured)
    pixels: int = 0
    frames: int = 0
    rate: Fraction | None = None
    _stream: int | None = None
    _first: Fraction = Fraction(0)
    _last: Fraction = Fraction(0)

    def add(self, frame: VideoFrame, stream: int) -> None:
        if self._stream is None:
            self._stream = stream
        if self._stream != stream:
            return
        time = Fraction((frame.pts or 0) * (frame.time_base or 0))
        if not self.frames:
            self._first = time
        self._last = max(self._last, time)
        self.frames += 1
        picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]  # its stub says nothing
        self.measured.add(picture)

    @property
    def duration_s(self) -> Fraction:
        """From the first picture to the end of the last."""
        return self.shown_s + (1 / self.rate if self.rate else 0)

    @property
    def shown_s(self) -> Fraction:
        """From the first picture to the last so far."""
        return self._last - self._first


@dataclass(slots=True)
class _Sound:
    """Sound as it goes by; of several tracks, the first.

    :param decoded: samples of all channels of all tracks.
    """

    decoded: int = 0
    samples: int = 0
    rate_hz: int = 0
    channels: int = 0
    peak: int = 0
    _stream: int | None = None

    def add(self, frame: AudioFrame, stream: int) -> None:
        if self._stream is None:
            self._stream, self.rate_hz, self.channels = stream, frame.sample_rate, frame.layout.nb_channels
        if self._stream == stream:
            self.samples += frame.samples
            self.peak = max(self.peak, _loudest(frame))

    @property
    def duration_s(self) -> Fraction:
        return Fraction(self.samples, self.rate_hz) if self.rate_hz else Fraction(0)


def _loudest(frame: AudioFrame) -> int:
    """The loudest sample in 16 bits, 0..32768."""
    from av.audio.resampler import AudioResampler  # noqa: PLC0415  # as above

    loudest = 0
    for plain in AudioResampler(format="s16").resample(frame):
        count = plain.samples * plain.layout.nb_channels
        levels = array("h", bytes(plain.planes[0])[: 2 * count])
        loudest = max(loudest, max(levels, default=0), -min(levels, default=0))
    return loudest

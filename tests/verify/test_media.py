"""Video and sound are decoded, measured and judged, whatever the bytes are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from pytest_comfygen.errors import PictureRefused
from pytest_comfygen.records import Checks, ImageFormat, Inspection, MediaStatistics, Size, Span
from pytest_comfygen.verify import limits
from pytest_comfygen.verify.encoding import encode
from pytest_comfygen.verify.image import inspect, is_repacked
from pytest_comfygen.verify.sequence import Measured
from pytest_comfygen.verify.streams import packets_sha256, without_metadata
from tests.verify import playing

VIDEOS: tuple[ImageFormat, ...] = ("mp4", "webm")
SOUNDS: tuple[ImageFormat, ...] = ("flac", "mp3", "opus", "wav")


def made(format_: ImageFormat, **more: Any) -> bytes:
    if format_ in VIDEOS:
        return playing.video(format_, playing.pictures(), **more)
    return playing.sound(format_, **more)


def codes(inspection: Inspection) -> list[str]:
    return [finding.code for finding in inspection.findings]


@pytest.mark.parametrize("format_", VIDEOS)
def test_a_video_is_measured(format_: ImageFormat) -> None:
    inspection = inspect(made(format_), Checks(Size(64, 48), format_, frames=Span(5, 5), duration_s=Span(0.4, 0.6)))

    assert codes(inspection) == []
    assert inspection.media == MediaStatistics(frames=5, duration_s=0.5, rate=10.0)
    assert inspection.statistics is not None
    assert (inspection.statistics.size, inspection.statistics.mode) == (Size(64, 48), "RGB")
    assert inspection.statistics.stddev > 40


@pytest.mark.parametrize("format_", VIDEOS)
def test_the_sound_of_a_video_is_measured_too(format_: ImageFormat) -> None:
    media = inspect(made(format_, tone_s=0.5), Checks(None, format_)).media

    assert media is not None
    assert (media.frames, media.duration_s, media.sample_rate_hz, media.channels) == (5, 0.5, 48000, 2)
    assert media.peak == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("format_", SOUNDS)
def test_sound_is_measured(format_: ImageFormat) -> None:
    inspection = inspect(made(format_), Checks(None, format_, duration_s=Span(0.99, 1.01)))

    assert codes(inspection) == []
    assert inspection.statistics is None
    assert inspection.media is not None
    assert inspection.media.peak == pytest.approx(0.5, abs=0.03)
    expected = MediaStatistics(frames=None, duration_s=1.0, sample_rate_hz=48000, channels=2)
    assert expected == replace(inspection.media, peak=None)


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        (Checks(Size(32, 32), "mp4"), ("wrong-size", "64x48", "32x32")),
        (Checks(None, "mp4", frames=Span(16, 16)), ("wrong-frames", "5 frames", "16")),
        (Checks(None, "mp4", frames=Span(6, None)), ("wrong-frames", "5 frames", "at least 6")),
        (Checks(None, "mp4", frames=Span(1, 4)), ("wrong-frames", "5 frames", "1 to 4")),
        (Checks(None, "mp4", duration_s=Span(4.9, 5.1)), ("wrong-duration", "0.5 s", "4.9 to 5.1 s")),
        (Checks(None, "mp4", mode="L"), ("wrong-mode", "RGB", "L")),
        (Checks(None, "webm"), ("wrong-format", "mp4", "webm")),
        (Checks(None, "mp3"), ("wrong-format", "mp4", "mp3")),
        (Checks(None, "png"), ("wrong-format", "mp4", "png")),
    ],
)
def test_what_is_not_as_wanted_is_a_finding(checks: Checks, expected: tuple[str, str, str]) -> None:
    findings = inspect(made("mp4"), checks).findings

    assert [(one.code, one.found, one.wanted) for one in findings] == [expected]


@pytest.mark.parametrize(
    ("format_", "fix"),
    [
        ("webm", "let the output's file name end in .mp4, or save with SaveWEBM in the workflow"),
        ("flac", "let the output's file name end in .mp4, or save with SaveAudio in the workflow"),
        ("wav", "let the output's file name end in .mp4, or save as wav in the workflow"),
        ("png", "let the output's file name end in .mp4, or save with SaveImage in the workflow"),
    ],
)
def test_a_wrong_format_names_the_suffix_and_the_node(format_: ImageFormat, fix: str) -> None:
    assert [finding.fix for finding in inspect(made("mp4"), Checks(None, format_)).findings] == [fix]


@pytest.mark.parametrize("format_", VIDEOS)
def test_a_video_that_shows_nothing_is_refused(format_: ImageFormat) -> None:
    black = playing.video(format_, playing.plain())
    grey = playing.video(format_, playing.plain((90, 90, 90)))

    assert codes(inspect(black, Checks(None, format_))) == ["black"]
    assert codes(inspect(grey, Checks(None, format_))) == ["one-colour"]
    assert codes(inspect(black, Checks(None, format_, allow_blank=True))) == []


@pytest.mark.parametrize("format_", VIDEOS)
def test_one_picture_that_shows_something_is_enough(format_: ImageFormat) -> None:
    data = playing.video(format_, [*playing.plain(count=4), *playing.pictures(1)])

    assert codes(inspect(data, Checks(None, format_))) == []


@pytest.mark.parametrize("format_", SOUNDS)
def test_sound_that_nobody_hears_is_refused_unless_it_is_meant(format_: ImageFormat) -> None:
    nothing, faint = playing.sound(format_, loudness=0), playing.sound(format_, loudness=0.01)

    assert codes(inspect(nothing, Checks(None, format_))) == ["silent"]
    assert codes(inspect(nothing, Checks(None, format_, allow_blank=True))) == []
    assert codes(inspect(faint, Checks(None, format_))) == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("format_", VIDEOS + SOUNDS)
def test_a_part_of_a_file_is_no_file(format_: ImageFormat, share: float) -> None:
    data = made(format_, **({"seconds": 2.0} if format_ in SOUNDS else {}))
    inspection = inspect(data[: int(len(data) * share)], Checks(None, format_))

    assert codes(inspection) in (["truncated"], ["damaged"])
    assert inspection.pixels_sha256 is None


@pytest.mark.parametrize("format_", ["mp4", "webm", "opus", "wav"])
def test_what_lies_behind_the_end_is_a_finding(format_: ImageFormat) -> None:
    assert codes(inspect(made(format_) + b"PK\3\4 and more", Checks(None, format_))) == ["trailing-data"]


@pytest.mark.parametrize("format_", VIDEOS + SOUNDS)
def test_bytes_that_are_nothing_are_told(format_: ImageFormat) -> None:
    assert codes(inspect(b"<html>502</html>", Checks(None, format_))) == ["not-an-image"]


@pytest.mark.parametrize("format_", VIDEOS + SOUNDS)
def test_broken_data_never_raise(format_: ImageFormat) -> None:
    data = made(format_)
    for at in range(0, len(data), len(data) // 40):
        broken = data[:at] + bytes(byte ^ 0x5A for byte in data[at : at + 16]) + data[at + 16 :]
        assert isinstance(inspect(broken, Checks(None, format_)), Inspection)


@pytest.mark.parametrize("format_", VIDEOS + SOUNDS)
def test_metadata_go_and_what_plays_stays(format_: ImageFormat) -> None:
    data, checks = made(format_), Checks(None, format_)
    bare, encoding = encode(data, format_, keep_metadata=False, still=False)
    before, after = inspect(data, checks), inspect(bare, checks)

    assert encoding == format_
    assert b"of-this-submission" not in bare
    assert (before.pixels_sha256, before.media) == (after.pixels_sha256, after.media)
    assert is_repacked(bare, format_, before.pixels_sha256)


@pytest.mark.parametrize("format_", VIDEOS + SOUNDS)
def test_files_that_differ_in_metadata_alone_become_the_same_bytes(format_: ImageFormat) -> None:
    first, second = (made(format_, prompt=prompt) for prompt in ("one", "another, longer one"))
    bare = [encode(data, format_, keep_metadata=False, still=False)[0] for data in (first, second)]

    assert first != second or format_ == "wav"  # which does not hold such metadata
    assert bare[0] == bare[1]


@pytest.mark.parametrize("format_", VIDEOS + SOUNDS)
def test_metadata_are_kept_when_they_are_wanted(format_: ImageFormat) -> None:
    data = made(format_)

    assert encode(data, format_, keep_metadata=True, still=False) == (data, f"{format_} with metadata")


def test_what_cannot_be_repacked_is_told() -> None:
    with pytest.raises(PictureRefused, match="cannot be freed of its metadata"):
        encode(b"\0\0\0\x20ftypisom" + bytes(200), "mp4", keep_metadata=False, still=False)


def test_the_hash_is_of_what_plays() -> None:
    def sha256(frames: list[Any], rate: int = 10) -> str | None:
        return inspect(playing.video("webm", frames, rate=rate), Checks(None, "webm")).pixels_sha256

    frames = playing.pictures()

    assert len({sha256(frames), sha256(frames[:4]), sha256(frames, rate=12), sha256(playing.pictures(6)[1:])}) == 4
    assert sha256(frames) == sha256(playing.pictures())


def test_the_hash_of_another_video_is_not_taken_for_it() -> None:
    assert not is_repacked(made("mp4"), "mp4", "0" * 64)
    assert not is_repacked(b"", "mp4", "0" * 64)
    assert not is_repacked(b"", "png", None)


BOMB_PX = (2048, 2048)  # 16 of them fill the 64 megapixels that are decoded of what is refused anyway


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A small file of many large pictures, all of them black."""
    return playing.video("mp4", [Image.new("RGB", BOMB_PX)] * 40, preset="ultrafast")


@pytest.mark.parametrize(
    ("checks", "code", "found", "most"),
    [
        (Checks(Size(64, 64), "mp4"), "wrong-size", "2048x2048", 17),
        (Checks(Size(*BOMB_PX), "mp4", frames=Span(2, 2)), "wrong-frames", "more than 2 frames", 17),
        (Checks(None, "mp4", duration_s=Span(0.1, 0.5)), "wrong-duration", "more than 0.5 s", 17),
    ],
)
def test_no_more_of_a_video_is_decoded_than_it_takes_to_refuse_it(
    bomb: bytes, checks: Checks, code: str, found: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    add = Measured.add

    def noted(self: Measured, picture: Image.Image) -> None:
        seen.append(1)
        add(self, picture)

    monkeypatch.setattr(Measured, "add", noted)

    inspection = inspect(bomb, checks)

    assert [(one.code, one.found) for one in inspection.findings] == [(code, found)]
    assert len(seen) == most
    assert inspection.pixels_sha256 == packets_sha256(bomb, "mp4")


def test_a_size_that_no_still_may_have_is_refused_by_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_UNWANTED_PX", 64 * 48 - 1)
    monkeypatch.setattr(Measured, "add", None)

    inspection = inspect(made("mp4"), Checks(Size(32, 32), "mp4"))

    assert codes(inspection) == ["wrong-size"]


@pytest.mark.parametrize(
    ("format_", "bound", "found", "fix"),
    [
        ("mp4", "_UNBOUNDED_PX", "more than 0 megapixels in all", "`verify: {duration: …}`"),
        ("flac", "_UNBOUNDED_SAMPLES", "more than 0 million samples", "`verify: {duration: …}`"),
    ],
)
def test_what_the_job_does_not_bound_is_bounded_all_the_same(
    format_: ImageFormat, bound: str, found: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, bound, 4 * 64 * 48)

    (finding,) = inspect(made(format_), Checks(None, format_)).findings
    bounded = inspect(made(format_), Checks(None, format_, duration_s=Span(0, 5)))

    assert (finding.code, finding.found) == ("too-large", found)
    assert fix in finding.fix
    assert codes(bounded) == []


@pytest.mark.parametrize("format_", ["mp4", "webm", "flac", "mp3"])
def test_metadata_that_are_no_utf_8_break_nothing(format_: ImageFormat) -> None:
    data = made(format_, prompt="per se caf\u00e9 ole").replace("\u00e9".encode(), b"\xff\xfe")
    assert b"\xff\xfe ole" in data

    assert codes(inspect(data, Checks(None, format_))) == []
    assert len(packets_sha256(data, format_)) == 64
    assert b"\xff\xfe ole" not in without_metadata(data, format_)

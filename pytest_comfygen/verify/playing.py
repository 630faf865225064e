"""Verdicts on what plays: how many pictures, how long, and whether there is anything to hear."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_comfygen.records import PLAYING, SOUND, Checks, Finding, MediaStatistics

__all__ = ["format_fix", "judge_playing"]

# -80 dB of the loudest that 16 bits hold: below it are the rounding errors of an encoder, and nothing that is heard.
SILENCE = 0.0001

# Source: ComfyUI 0.3.64, comfy_extras/nodes_images.py, nodes_video.py, nodes_audio.py.
_NODES = {
    "png": "SaveAnimatedPNG",
    "webp": "SaveAnimatedWEBP",
    "mp4": "SaveVideo",
    "webm": "SaveWEBM",
    "flac": "SaveAudio",
    "mp3": "SaveAudioMP3",
    "opus": "SaveAudioOpus",
}


def judge_playing(media: MediaStatistics, checks: Checks) -> Iterator[Finding]:
    """Every finding on numbers of pictures, duration and loudness."""
    if checks.is_still:
        return
    if checks.frames is not None and media.frames is not None and media.frames not in checks.frames:
        fix = f"write `verify: {{frames: {media.frames}}}`, or make the workflow's batch {checks.frames}"
        yield _error("wrong-frames", f"{media.frames} frames", str(checks.frames), fix)
    if checks.duration_s is not None and media.duration_s not in checks.duration_s:
        fix = f"write `verify: {{duration: {media.duration_s:g}}}`, or change what the workflow makes"
        yield _error("wrong-duration", f"{media.duration_s:g} s", f"{checks.duration_s} s", fix)
    if checks.format in SOUND and not checks.allow_blank and (media.peak or 0.0) < SILENCE:
        found = f"the loudest sample is {media.peak or 0.0:g} of 1"
        yield _error("silent", found, "sound", "`verify: {allow_blank: true}` when silence is meant")


def format_fix(found: str, checks: Checks) -> str:
    """How a workflow and its output come to the same format."""
    if checks.is_still and found not in PLAYING:
        return f"give the output a file name for {found}, or make the workflow save a {checks.format}"
    node = _NODES.get(checks.format)
    by_node = "with SaveImage" if checks.is_still else f"with {node}" if node else f"as {checks.format}"
    return f"let the output's file name end in .{found}, or save {by_node} in the workflow"


def _error(code: str, found: str, wanted: str, fix: str) -> Finding:
    return Finding(code, "error", found, wanted, fix)

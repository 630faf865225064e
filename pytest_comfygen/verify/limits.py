"""How much of what plays is decoded: a small file may hold hours, and pictures of any size."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_comfygen.records import Checks, Finding, Size
from pytest_comfygen.verify.checks import LARGEST_PX

__all__ = ["Limits", "TooMuch"]

_MEBI = 1024 * 1024
_UNWANTED_PX = 64 * _MEBI  # of what is refused anyway: as many as of a still; of sound, as many samples
_UNBOUNDED_PX = 1024 * _MEBI  # in all, where the job says nothing of frames or duration: 17 s of 1080p at 30 a second
_BOUNDED_PX = 16 * _UNBOUNDED_PX
_UNBOUNDED_SAMPLES = 512 * _MEBI  # of all channels: 93 min in stereo at 48 kHz
_BOUNDED_SAMPLES = 16 * _UNBOUNDED_SAMPLES
_ROUNDING_S = 0.001


class TooMuch(Exception):
    """There is more than is decoded.

    :param findings: what is told besides the size of the pictures.
    :param size: of the pictures; None for sound.
    """

    def __init__(self, findings: tuple[Finding, ...], size: Size | None) -> None:
        super().__init__(*findings)
        self.findings = findings
        self.size = size


@dataclass(frozen=True, slots=True)
class Limits:
    """What is decoded of one file.

    :param size: of its pictures, from its header; None for sound.
    """

    checks: Checks
    size: Size | None

    @property
    def is_unwanted(self) -> bool:
        """Whether the pictures are of another size than wanted."""
        return self.size is not None and self.checks.size not in (None, self.size)

    @property
    def picture_px(self) -> int:
        """The most pixels of one picture."""
        return _UNWANTED_PX if self.is_unwanted else LARGEST_PX

    @property
    def pixels(self) -> int:
        """The most pixels of all pictures together."""
        return _BOUNDED_PX if self._is_bounded else _UNBOUNDED_PX

    @property
    def samples(self) -> int:
        """The most samples of all channels and tracks together."""
        return _BOUNDED_SAMPLES if self._is_bounded else _UNBOUNDED_SAMPLES

    @property
    def _is_bounded(self) -> bool:
        spans = (self.checks.frames, self.checks.duration_s)
        return any(span is not None and span.most is not None for span in spans)

    def refuse_header(self) -> None:
        """Refuse pictures of a size that is not decoded.

        :raises TooMuch: they are larger.
        """
        if self.size is not None and self.size.width * self.size.height > self.picture_px:
            raise TooMuch((), self.size)

    def refuse(self, *, seconds: float, frames: int = 0, pixels: int = 0, samples: int = 0) -> None:
        """Refuse what was decoded so far.

        More than is wanted is refused anyway, so it is decoded only as far as a still of the wrong size is.

        :param pixels: of all pictures.
        :param samples: of all channels.
        :raises TooMuch: it is more than is decoded.
        """
        if max(pixels, samples) > _UNWANTED_PX:
            if self.is_unwanted:
                raise TooMuch((), self.size)
            self._refuse_frames(frames)
            self._refuse_duration(seconds)
        if pixels > self.pixels:
            self._refuse_amount(f"{self.pixels / 1e6:.0f} megapixels in all")
        if samples > self.samples:
            self._refuse_amount(f"{self.samples / 1e6:.0f} million samples")

    def _refuse_frames(self, frames: int) -> None:
        span = self.checks.frames
        if span is not None and span.most is not None and frames > span.most:
            fix = f"change `verify: {{frames: …}}`, or make the workflow's batch {span}"
            self._refuse("wrong-frames", f"more than {span.most:g} frames", str(span), fix)

    def _refuse_duration(self, seconds: float) -> None:
        span = self.checks.duration_s
        if span is not None and span.most is not None and seconds > span.most + _ROUNDING_S:
            fix = "change `verify: {duration: …}`, or change what the workflow makes"
            self._refuse("wrong-duration", f"more than {span.most:g} s", f"{span} s", fix)

    def _refuse_amount(self, most: str) -> None:
        fix = "make it shorter" if self._is_bounded else "say how long it is: `verify: {duration: …}`"
        self._refuse("too-large", f"more than {most}", f"at most {most}", fix)

    def _refuse(self, code: str, found: str, wanted: str, fix: str) -> None:
        raise TooMuch((Finding(code, "error", found, wanted, fix),), self.size)

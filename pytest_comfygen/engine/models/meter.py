"""Progress in bytes, told a few times a second, with the rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pytest_comfygen.records import Event

__all__ = ["Meter"]

_EVERY_S = 0.25
_RATE_OVER_S = 10.0


class Meter:
    """Tells how far one file has come.

    :param text: what happens to it, such as `downloading`.
    """

    def __init__(self, subject: str, text: str, notify: Callable[[Event], object], clock: Callable[[], float]) -> None:
        self._subject = subject
        self._text = text
        self._notify = notify
        self._clock = clock
        self._points: deque[tuple[float, int]] = deque()

    def at(self, value: int, maximum: int | None) -> None:
        """The file has come to `value` bytes; told unless the last time was just now.

        :param maximum: its size where that is known.
        """
        now = self._clock()
        if self._points and now - self._points[-1][0] < _EVERY_S and value != maximum:
            return
        while self._points and (now - self._points[0][0] > _RATE_OVER_S or value < self._points[0][1]):
            self._points.popleft()
        self._points.append((now, value))
        self._notify(
            Event(
                kind="progress",
                value=value,
                maximum=maximum or 0,
                text=self._text,
                subject=self._subject,
                per_s=self._rate(),
            )
        )

    def _rate(self) -> float:
        (start, first), (end, last) = self._points[0], self._points[-1]
        return (last - first) / (end - start) if end > start else 0.0

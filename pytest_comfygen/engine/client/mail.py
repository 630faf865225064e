"""What the websocket says, sorted by job: what is said of one waits while another is followed."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pytest_comfygen.engine.client.progress import MOST_WAITING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_comfygen.engine.client.progress import Hint, Hints

__all__ = ["JobMail", "Mail"]


class Mail:
    """The hints of one server, for every job that was sent there.

    :param clock: seconds; the one that the hints go by.
    """

    def __init__(self, hints: Hints, clock: Callable[[], float]) -> None:
        self._hints = hints
        self._clock = clock
        self._boxes: dict[str, deque[Hint]] = {}

    @property
    def is_alive(self) -> bool:
        """Whether hints come in."""
        return self._hints.is_alive

    def keep(self, prompt_id: str) -> None:
        """From now on keep what is said of a job."""
        self._boxes.setdefault(prompt_id, deque(maxlen=MOST_WAITING))

    def drop(self, prompt_id: str) -> None:
        """Nobody asks for that job any more."""
        self._boxes.pop(prompt_id, None)

    def next(self, prompt_id: str, timeout_s: float) -> Hint | None:
        """The oldest hint of a job, or that the socket is connected; None after `timeout_s`, or when nobody listens."""
        box = self._boxes.get(prompt_id)
        if box:
            return box.popleft()
        until = self._clock() + timeout_s
        while hint := self._hints.next(until - self._clock()):
            if hint.prompt_id == prompt_id or hint.kind == "connected":
                return hint
            if hint.prompt_id in self._boxes:
                self._boxes[hint.prompt_id].append(hint)
        return None


class JobMail:
    """The hints of one job."""

    def __init__(self, mail: Mail, prompt_id: str) -> None:
        self._mail = mail
        self._prompt_id = prompt_id

    @property
    def is_alive(self) -> bool:
        """Whether hints come in."""
        return self._mail.is_alive

    def next(self, timeout_s: float) -> Hint | None:
        """The oldest one; None after `timeout_s`, or at once when nobody listens any more."""
        return self._mail.next(self._prompt_id, timeout_s)

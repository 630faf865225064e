"""What the websocket says is sorted by job."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pytest_comfygen.engine.client.mail import JobMail, Mail
from pytest_comfygen.engine.client.progress import Hint, Hints


class Said(Hints):
    """Hints that were said before anybody listened."""

    def __init__(self, hints: Iterable[Hint]) -> None:
        super().__init__("http://127.0.0.1:1", "c", authorization=None, clock=lambda: 0.0)
        self._left = list(hints)
        self.asked_s: list[float] = []

    def next(self, timeout_s: float) -> Hint | None:
        self.asked_s.append(timeout_s)
        return self._left.pop(0) if self._left else None


FIRST, SECOND = Hint("done", 1, "first"), Hint("started", 2, "second")
STRANGE, CONNECTED = Hint("started", 3, "strange"), Hint("connected", 4)


@pytest.fixture
def mail() -> Mail:
    mail = Mail(Said([STRANGE, SECOND, FIRST, CONNECTED]), lambda: 0.0)
    mail.keep("first")
    mail.keep("second")
    return mail


def test_what_is_said_of_a_job_waits_while_another_is_followed(mail: Mail) -> None:
    first, second = JobMail(mail, "first"), JobMail(mail, "second")

    assert [first.next(1), first.next(1), first.next(1)] == [FIRST, CONNECTED, None]
    assert [second.next(1), second.next(1)] == [SECOND, None]


def test_what_nobody_asks_for_any_more_is_forgotten(mail: Mail) -> None:
    mail.drop("second")
    first = JobMail(mail, "first")

    assert first.next(1) == FIRST
    assert JobMail(mail, "second").next(0) == CONNECTED
    assert JobMail(mail, "second").next(0) is None


def test_waiting_takes_no_longer_for_hints_about_others() -> None:
    now = iter([10.0, 10.0, 10.4, 10.8])
    said = Said([STRANGE, STRANGE])

    assert Mail(said, lambda: next(now)).next("first", 1.0) is None
    assert said.asked_s == pytest.approx([1.0, 0.6, 0.2])

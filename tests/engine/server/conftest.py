"""What the tests of owned servers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pytest_comfygen.engine.server import Lease, Means, ServerCommand, leased
from tests.engine.server.programs import QUICK, Programs, programs_in

Use = Callable[..., AbstractContextManager[Lease]]


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with programs_in(tmp_path) as made:
        yield made


@pytest.fixture
def notices() -> list[str]:
    """What was told on the way."""
    return []


@pytest.fixture
def use(programs: Programs, notices: list[str]) -> Use:
    """`leased` on the test's state directory, in a hurry."""

    def use(
        command: ServerCommand, *, keep_s: float = 0.0, start_timeout_s: float = 20.0, means: Means = QUICK
    ) -> AbstractContextManager[Lease]:
        return leased(
            command,
            programs.state,
            start_timeout_s=start_timeout_s,
            keep_s=keep_s,
            notify=lambda event: notices.append(event.text),
            means=means,
        )

    return use

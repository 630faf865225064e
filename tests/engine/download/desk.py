"""Somebody who downloads from the scripted hub, with a token that must not be told to anybody else."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from pytest_comfygen.engine.download import Access, Patience, Surroundings, download
from pytest_comfygen.engine.models import ModelHashes
from pytest_comfygen.errors import ComfygenError
from pytest_comfygen.records import Downloaded, Event, Model
from tests.engine.download.hub import HUB_FILE, Hub, digest, weights

KindT = TypeVar("KindT", bound=ComfygenError)

TOKEN = "hf_PlantedTokenThatNobodyMaySee0123456789"
CIVITAI_TOKEN = "c1v1taiPlantedKeyThatNobodyMaySee98765"
CONTENT = weights()
QUICK = Patience(connect_s=2.0, silence_s=5.0, pause_s=0.01, longest_pause_s=0.02, longest_wait_s=7.0)


def model(content: bytes = CONTENT, *, url: str | None = HUB_FILE, **changes: object) -> Model:
    """A model whose declared sha256 is that of `content`, unless told otherwise."""
    known = {"folder": "checkpoints", "name": "model.safetensors", "sha256": digest(content), "url": url, **changes}
    return Model(**known)  # type: ignore[arg-type]  # a test's own keywords


@dataclass(repr=False)
class Desk:
    """A directory for models and what is seen and waited there."""

    path: Path
    hub: Hub
    environment: dict[str, str] = field(default_factory=dict)
    patience: Patience = QUICK
    free_bytes: int = 10**12
    events: list[Event] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    notify: Callable[[Event], object] | None = None
    failures: Path | None = None
    asked_at: float = 0.0

    def __post_init__(self) -> None:
        self.environment |= {**self.hub.environment, "HF_TOKEN": TOKEN, "CIVITAI_API_TOKEN": CIVITAI_TOKEN}

    @property
    def target(self) -> Path:
        return self.path / "models" / "checkpoints" / "model.safetensors"

    @property
    def part(self) -> Path:
        return self.target.with_name(f"model.safetensors.{digest(CONTENT)[:12]}.part")

    @property
    def lying(self) -> list[str]:
        """What lies beside the target, without it."""
        return sorted(p.name for p in self.target.parent.glob("*") if p != self.target)

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        time.sleep(min(seconds, 0.02))

    def hashes(self) -> ModelHashes:
        return ModelHashes(self.path / "cache" / "models.json", notify=self.events.append)

    def surroundings(self) -> Surroundings:
        return Surroundings(
            notify=self.notify or self.events.append,
            patience=self.patience,
            sleep=self.sleep,
            free_bytes=lambda _: self.free_bytes,
            failures=self.failures,
            asked_at=self.asked_at,
        )

    def fetch(self, wanted: Model | None = None, **changes: bool) -> Downloaded:
        return download(
            wanted or model(),
            self.target,
            access=Access.of(self.environment),
            hashes=self.hashes(),
            around=self.surroundings(),
            **changes,
        )

    def refused(self, kind: type[KindT], wanted: Model | None = None, **changes: bool) -> KindT:
        """The error of a download that must fail with it, and that tells nobody a token."""
        with pytest.raises(kind) as caught:
            self.fetch(wanted, **changes)
        self.assert_nothing_is_told(caught.value)
        assert not self.target.exists()
        return caught.value

    def assert_nothing_is_told(self, error: BaseException | None = None) -> None:
        """Neither file, event nor traceback holds eight characters of a token in a row."""
        files = (p.read_bytes().decode("latin-1") for p in self.path.rglob("*") if p.is_file())
        told = "\n".join([repr(self.events), *files, *(rendered(error) if error else ())])
        for token in (TOKEN, CIVITAI_TOKEN):
            windows = [token[start : start + 8] for start in range(len(token) - 7)]
            assert [window for window in windows if window in told] == []


def rendered(error: BaseException) -> Iterator[str]:
    """The error and all that it keeps, with the local variables of every frame."""
    links: list[BaseException] = [error]
    for link in links:
        links += [one for one in (link.__cause__, link.__context__) if one is not None and one not in links]
        yield repr(link)
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                yield repr(frame.f_locals)

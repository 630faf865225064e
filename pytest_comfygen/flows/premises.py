"""What one process of a run is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.outputs.durations import Durations
from pytest_comfygen.records import Event
from pytest_comfygen.settings import Settings

__all__ = ["DEFAULT_URL", "Premises"]

DEFAULT_URL = "http://127.0.0.1:8188"


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """What this process is given to work with.

    :param root: the repository; ComfyUI lives below it.
    :param local_directory: a directory of this machine's own below `.comfygen/`, by its name; made when asked for.
    :param environment: the caller's, tokens and all; it shows nothing of them.
    :param worker: this process' number among those of the run, from 0.
    :param workers: how many processes the run has.
    :param dist: pytest-xdist's way to share the images out among them.
    :param is_worker: it is one of several, and others may come after its end.
    :param default_url: where a ComfyUI is looked for that nobody named.
    """

    settings: Settings
    root: Path
    local_directory: Callable[[str], Path]
    environment: Mapping[str, str]
    notify: Callable[[Event], None]
    worker: int = 0
    workers: int = 1
    dist: str = "no"
    is_worker: bool = False
    default_url: str = DEFAULT_URL

    @property
    def durations(self) -> Durations:
        """How long pictures took on this machine."""
        return Durations(self.local_directory("cache") / "durations.jsonl")

    def say(self, text: str) -> None:
        """Tell the user something that happened."""
        self.notify(Event(kind="notice", text=text))
